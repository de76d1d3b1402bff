"""The program that gives everything else up and then becomes a command of the project; `scratch.run_shielded` starts it.

    python -P -m gonogo.evidence.shielded BASE SECONDS MEMORY_MIB required|weaker COMMAND …

It may write only below BASE, and leaves there, in isolation.txt, what is in force. Nothing heavy is imported before: a namespace needs a
process of one thread.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from gonogo.errors import IsolationError
from gonogo.model.isolation import die_with_parent, enter_isolation, limit_resources

REPORT = "isolation.txt"
NOT_ISOLATED, NOT_STARTED = 125, 127  #: exit codes
LOCKS = Path("/dev/shm")  # noqa: S108 - where locks between processes lie
OPEN_FILES = 1024


def main(base: str, seconds: str, memory_mib: str, weaker: str, *command: str) -> None:
    """Give up the network and every change to a file outside `base`, then become the command."""
    die_with_parent(os.getppid())
    cores = os.cpu_count() or 1  # the limit is of CPU time, and the command may use every core
    limits = limit_resources(seconds=float(seconds) * cores, memory_mib=float(memory_mib), open_files=OPEN_FILES)
    writable = [Path(base), LOCKS] if LOCKS.is_dir() else [Path(base)]
    try:
        entered = enter_isolation(writable=writable, accept_weaker=weaker == "weaker", programs=True)
    except IsolationError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the parent reads it
        sys.exit(NOT_ISOLATED)
    Path(base, REPORT).write_text(f"process, {limits}, {entered}", encoding="utf-8")
    try:
        os.execvp(command[0], command)  # noqa: S606 - there is no shell between
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}", file=sys.stderr)  # noqa: T201 - the parent reads it
        sys.exit(NOT_STARTED)


if __name__ == "__main__":
    main(*sys.argv[1:])
