"""How many cores this process may use: what the machine has, less what affinity and control groups take away.

Sources: sched_getaffinity(2); the kernel's admin guide on control groups, `cpu.max` (v2) and `cpu.cfs_quota_us` (v1).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_GROUPS = Path("/sys/fs/cgroup")
_MINE = Path("/proc/self/cgroup")


def usable_cores(groups: Path = _GROUPS, mine: Path = _MINE) -> int:
    """At least 1. A quota of two and a half cores counts as three: the half would be idle otherwise."""
    affinity = getattr(os, "sched_getaffinity", None)
    count = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return max(1, min([count, *(math.ceil(quota) for quota in _quotas(groups, mine))]))


def _quotas(groups: Path, mine: Path) -> Iterator[float]:
    """The quotas, in cores, of the control group of this process and of all above it."""
    try:
        lines = mine.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = groups / "cpu" if controllers else groups
        inside = PurePosixPath(path.lstrip("/"))
        # In a container the own group is mounted as the root, while /proc may name its place outside: the root is looked at anyway.
        for group in dict.fromkeys((root, *(root / part for part in (inside, *inside.parents)))):
            words = _words(group / "cpu.max") or [*_words(group / "cpu.cfs_quota_us"), *_words(group / "cpu.cfs_period_us")]
            if len(words) == 2 and all(word.isdigit() for word in words) and int(words[1]):
                yield int(words[0]) / int(words[1])


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii", errors="replace").split()
    except OSError:
        return []
