"""Places where a test may kill the process, to prove that it can be killed there.

`GONOGO_FAILPOINT=name` kills this process with SIGKILL the first time it comes to the place of that name, `name:3` the third time. In
a process without the variable a failpoint does nothing.
"""

from __future__ import annotations

import os
import signal

ENV = "GONOGO_FAILPOINT"
NAMES = (
    "before-commit",  # everything of a transition is written, nothing is committed
    "after-commit",  # committed, nothing is sent
    "before-send",  # an operation is about to be sent
    "after-send",  # the operation took effect, and nobody has noted it
    "after-lease",  # the lease is ours, nothing is read
    "before-target-write",  # inside the memory target: done, not saved
    "after-target-write",  # inside the memory target: saved, not answered
)

_hits: dict[str, int] = {}


def failpoint(name: str) -> None:
    """Die here when the environment says so."""
    wanted, _, nth = os.environ.get(ENV, "").partition(":")
    if wanted != name:
        return
    _hits[name] = _hits.get(name, 0) + 1
    if _hits[name] == int(nth or 1):
        os.kill(os.getpid(), signal.SIGKILL)
