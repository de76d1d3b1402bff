"""Who holds a lease, written so that another process on the same machine can tell whether that one is dead.

    ana@host/4026531836:4711:88123:5f0c   user, machine and process namespace, process id, its start time, which controller in it

A holder that is certainly dead need not be waited for. One on another machine, or on a system without /proc, never is *certainly* dead:
its lease has to expire. Being wrong would be harmless, since every effect carries a fencing token, but it is not done.
"""

from __future__ import annotations

import os
import platform
import uuid
from pathlib import Path

_PROC = Path("/proc")


def this_process(actor: str) -> str:
    """A holder's name for one controller in this process."""
    return f"{actor}@{_machine()}:{os.getpid()}:{_start_time(os.getpid()) or 0}:{uuid.uuid4().hex[:4]}"


def certainly_dead(holder: str) -> bool:
    """Whether the process that wrote this name has ended. False when that cannot be known."""
    name, _, rest = holder.partition(":")
    machine = name.rpartition("@")[2]
    parts = rest.split(":")
    if machine != _machine() or len(parts) != 3 or not parts[0].isdigit() or not (_PROC / "self" / "stat").exists():
        return False
    return _start_time(int(parts[0])) != parts[1]


def _machine() -> str:
    try:
        namespace = os.readlink(_PROC / "self" / "ns" / "pid").strip("pid:[]")
    except OSError:
        namespace = "-"
    return f"{platform.node()}/{namespace}"


def _start_time(pid: int) -> str | None:
    """Start of a process in clock ticks since boot, or None when it has ended (a zombie has)."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return None
    return None if fields[0] in ("Z", "X") else fields[19]
