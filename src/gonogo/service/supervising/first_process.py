"""Being process 1 of a container: the service runs as a child, and this process does what only process 1 can.

The kernel gives orphans to process 1, which must reap them or they stay for ever, and a signal that process 1 does not handle is not
delivered to it. Reaping whatever ends would take the exit statuses of the service's own children away from it; so the service is a
child, and nothing else lives here.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType

PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


def run_as_child(command: Sequence[str]) -> int:
    """Run a command, pass signals on to it, reap every process that ends. Returns its exit status, as a shell tells it."""
    child = 0
    early: list[int] = []  # signals that came before the child was there

    def pass_on(number: int, frame: FrameType | None) -> None:
        if not child:
            early.append(number)
            return
        with suppress(ProcessLookupError):
            os.kill(child, number)

    for number in PASSED_ON:
        signal.signal(number, pass_on)
    # A group of its own: a Ctrl-C at the terminal would reach it twice otherwise, and the second one means "at once".
    process = subprocess.Popen(command, process_group=0)
    child = process.pid
    for missed in early:
        pass_on(missed, None)
    while True:
        ended, status = os.wait()
        if ended == child:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode if process.returncode >= 0 else 128 - process.returncode
