"""What the processes behind a port of this machine hold, by proc(5)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PSS = re.compile(r"^Pss:\s*(\d+) kB$", re.MULTILINE)
_LISTENING = "0A"


def listeners_memory_mb(port: int) -> float | None:
    """Proportional set size of all processes that hold a listening socket on that port, in 10^6 bytes: shared pages count once.

    None where there is no /proc, or it does not tell us: they are another user's.
    """
    sockets = {f"socket:[{inode}]" for inode in _inodes(port)}
    total, found = 0, False
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if not sockets.isdisjoint(_open(process / "fd")):
                total += sum(map(int, _PSS.findall((process / "smaps_rollup").read_text(encoding="ascii", errors="replace"))))
                found = True
    return total * 1024 / 1e6 if found else None


def _open(folder: Path) -> Iterator[str]:
    for name in os.listdir(folder):
        with suppress(OSError):  # it may be closed by now
            yield os.readlink(folder / name)


def _inodes(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    yield fields[9]
