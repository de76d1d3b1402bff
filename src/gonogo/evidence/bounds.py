"""What a check may not do to the program that runs it: hang, end it, take all memory, fork a second gonogo, write into our output.

Checks run in this process; commands of the project and the candidate's bytes do not. So this is for mistakes, not for enemies: a check is
code that somebody installed, and can do what we can.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn


class OutOfTimeError(BaseException):
    """A check took too long. No Exception, so that a check that catches everything and tries again ends, too."""


@contextmanager
def bounded(*, seconds: float, memory_mib: float) -> Iterator[None]:
    """Run a block within bounds. Raises OutOfTimeError in it after `seconds` (in the main thread only), MemoryError when it takes more.

    A process that the block forked ends with it, and `os._exit` in the block is a SystemExit. What is written to the standard
    output, by programs that it starts too, goes nowhere.
    """
    owner = os.getpid()
    with _output_closed(), _memory(memory_mib), _time(seconds), _no_hard_exit(owner):
        try:
            yield
        finally:
            if os.getpid() != owner:
                os._exit(1)


@contextmanager
def _output_closed() -> Iterator[None]:
    with suppress(OSError, ValueError, AttributeError):  # closed, or none at all
        sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:
        yield  # a service without a standard output has nothing that could be spoilt
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


@contextmanager
def _no_hard_exit(owner: int) -> Iterator[None]:
    """Makes `os._exit(0)` end the check and not the program: that would be an exit code of 0, a GO, without a word."""
    leave = os._exit

    def refused(status: int) -> NoReturn:
        if os.getpid() != owner:
            leave(status)
        raise SystemExit(status)

    os._exit = refused
    try:
        yield
    finally:
        os._exit = leave


@contextmanager
def _memory(mib: float) -> Iterator[None]:
    """Lowers the soft limit of memory that is written to; the hard one stays, so that it can be raised again."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = int(mib) << 20
    if soft == resource.RLIM_INFINITY or soft > most:
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


@contextmanager
def _time(seconds: float) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # a signal reaches the main thread only
        return

    def late(*_: object) -> None:
        raise OutOfTimeError(f"the check did not end within {seconds:g} s and was stopped. Set GONOGO_MEASURE_SECONDS if it needs longer.")

    started = time.monotonic()
    handler = signal.signal(signal.SIGALRM, late)
    # Again every second: more often would leave no time to end in.
    before, interval = signal.setitimer(signal.ITIMER_REAL, seconds, max(seconds, 1.0))
    try:
        yield
    finally:
        # Somebody else's alarm goes on as if nothing had been.
        signal.setitimer(signal.ITIMER_REAL, max(before - (time.monotonic() - started), 0.001) if before else 0.0, interval)
        signal.signal(signal.SIGALRM, signal.SIG_DFL if handler is None else handler)
