"""The spool: frames as they came, appended to a file, until there are enough of them for a segment.

What is in the spool survives the end of its writer, and, from the next flush on (once a second), that of the machine. A full disk costs
what could not be written, never what was: a half-written frame is cut off again.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from gonogo.base.files import storage
from gonogo.service.prediction_log.frames import read_frames

ENDING = ".frames"


class Spool:
    """One open spool file in `folder`. `append` raises StorageError and leaves the file as it was."""

    def __init__(self, folder: Path) -> None:
        with storage(folder, "create"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.path = folder / f"{time.time_ns():020d}{ENDING}"
            self._handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            fcntl.flock(self._handle, fcntl.LOCK_EX)  # for as long as it is written to: a successor leaves it alone
        self.bytes = 0
        self.began = time.monotonic()
        self._dirty = False

    def append(self, frame: bytes) -> None:
        with storage(self.path, "write"):
            try:
                view = memoryview(frame)
                while view:
                    view = view[os.write(self._handle, view) :]
            except OSError:
                with suppress(OSError):
                    os.ftruncate(self._handle, self.bytes)
                raise
        self.bytes += len(frame)
        self._dirty = True

    def flush(self) -> None:
        """What was appended survives the machine from now on."""
        if self._dirty:
            with storage(self.path, "flush"):
                os.fdatasync(self._handle)
            self._dirty = False

    def close(self) -> None:
        os.close(self._handle)
        if not self.bytes:
            self.path.unlink(missing_ok=True)


def spools(folder: Path) -> list[Path]:
    """What earlier writers left, the oldest first."""
    return sorted(folder.glob(f"*{ENDING}"))


def is_closed(path: Path) -> bool:
    """Nobody writes to this spool any more."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def read_spool(path: Path) -> Iterator[dict[str, Any]]:
    """The whole frames of a closed spool; a half one at its end is left out."""
    with storage(path, "read"):
        data = path.read_bytes()
    return (frame for frame, _ in read_frames(data))
