"""A file with one JSON object a line, flushed to the disk before anybody believes it is written."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from gonogo.base.files import storage
from gonogo.monitor.notice import LEVELS, Level, Notice

TAIL = 1 << 16  #: bytes at the end of the file that are looked at for a notice that is there already


class FileChannel:
    """Appends to `path`. A line that a crash left half-written is closed off, not built upon."""

    levels: tuple[Level, ...] = LEVELS
    options: ClassVar[Mapping[str, Any]] = {}
    needs: ClassVar[tuple[str, ...]] = ()

    def __init__(self, path: Path) -> None:
        self.path = path

    def send(self, notice: Notice) -> None:
        """Raises StorageError."""
        line = json.dumps(notice.to_json(), ensure_ascii=False, allow_nan=False).encode() + b"\n"
        with storage(self.path, "append to"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "r+b") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - TAIL))
                tail = file.read()
                if _told(tail, notice.id):
                    return
                file.seek(0, os.SEEK_END)
                file.write((b"\n" if tail and not tail.endswith(b"\n") else b"") + line)
                file.flush()
                os.fsync(file.fileno())


def _told(tail: bytes, notice_id: str) -> bool:
    for line in tail.splitlines():
        try:
            if json.loads(line).get("id") == notice_id:
                return True
        except (ValueError, AttributeError):
            continue  # a half-written line, or one whose beginning lies before the tail
    return False
