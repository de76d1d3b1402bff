"""Digests of files, hashed once in a run.

A file is hashed again when its inode, size, time of change or time of status change differ from when it was hashed, so asking twice
costs one `stat`, and a file that changes while it is measured is noticed.
"""

from __future__ import annotations

from pathlib import Path

from gonogo.base.tree import file_digest
from gonogo.errors import DataError

Stamp = tuple[int, int, int, int, int]


class FileDigests:
    """Remembers digests for one run; never across runs, because times of change can be set by hand."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[Stamp, str]] = {}

    def digest(self, path: Path) -> str:
        """`sha256:<hex>` of a file's bytes. Raises DataError when it cannot be read."""
        try:
            stamp = _stamp(path)
            known = self._known.get(path)
            if known is None or known[0] != stamp:
                known = (stamp, file_digest(path))
                if _stamp(path) != stamp:
                    raise DataError(f"{path} changed while it was read.", hint="Repeat when nothing writes to it.")
                self._known[path] = known
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
        return known[1]


def _stamp(path: Path) -> Stamp:
    status = path.stat()
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
