"""The process between us and a command of the project, which leaves nothing of it behind; `commands.run_command` starts it, on Linux.

    python -I -S reaper.py PARENT REPORT COMMAND …

It is the subreaper (prctl(2), Linux 3.4) of everything that the command starts: whoever loses its parent becomes a child of this one, in
whatever session, under whatever name and environment. When the command has ended, when SIGTERM comes, or when the process PARENT dies, all
of them are killed; then it ends as the command has ended. Why a command could not be started it writes to the file descriptor REPORT.

It imports nothing of ours, so that it is there at once.
"""

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
NOT_STARTED = 127  #: exit code
LOOKS, PAUSE = 500, 0.01  #: looks for what is still there, s between two


class _EndedError(Exception):
    """Somebody wants an end of it."""


def main(parent: str, report: str, *command: str) -> None:
    signal.signal(signal.SIGTERM, _end)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != int(parent):
        os._exit(NOT_STARTED)  # it died before we could hear of it
    os.set_inheritable(int(report), False)
    status = 0
    try:
        # What Python ignores for itself, the command does not.
        first = os.posix_spawnp(command[0], command, os.environ, setsigdef=[signal.SIGPIPE, signal.SIGXFSZ])
        status = _ended(first)
    except OSError as error:
        os.write(int(report), str(error.strerror).encode())
        os._exit(NOT_STARTED)
    except _EndedError:
        status = int(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _kill_all()
    if os.WIFSIGNALED(status):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.waitstatus_to_exitcode(status))


def _end(*_: Any) -> None:
    raise _EndedError


def _ended(first: int) -> int:
    """Wait until the command has ended, burying whoever else comes to us; its status."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == first:
            return status


def _kill_all() -> None:
    """Kill our children until there are none: who loses a parent by that is the next one of ours. What cannot be killed so often stays."""
    for _ in range(LOOKS):
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        for pid in _children():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(PAUSE)


def _children() -> list[int]:
    """Processes whose parent we are."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            if int(entry.read_text(errors="replace").rpartition(")")[2].split()[1]) == os.getpid():
                found.append(int(entry.parent.name))
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
