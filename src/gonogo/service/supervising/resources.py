"""What a process holds and has used, by proc(5); None for what the machine does not tell."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def resources(pid: int) -> dict[str, Any]:
    """`pid`, `memory` (resident, bytes), `cpu_seconds` (user and system, since it started), `open_files`."""
    process = Path(f"/proc/{pid}")
    return {
        "pid": pid,
        "memory": _told(lambda: int((process / "statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")),
        "cpu_seconds": _told(lambda: _ticks(process / "stat") / os.sysconf("SC_CLK_TCK")),
        "open_files": _told(lambda: len(os.listdir(process / "fd"))),
    }


def _ticks(path: Path) -> int:
    fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _told(ask: Callable[[], float]) -> float | None:
    try:
        return ask()
    except (OSError, ValueError, IndexError):
        return None  # it has ended, or there is no /proc
