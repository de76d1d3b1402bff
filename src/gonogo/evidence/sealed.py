"""Files between runs that nobody may edit unnoticed: one JSON document each, sealed by the store that wrote it.

The seal is an HMAC-SHA256 under a random key that the folder made for itself (`seal.key`, mode 0600). It shows that a file was edited,
cut, or copied in from another store. It does not stop somebody who may read the key: they could do the work as you. What must convince
strangers is signed when a release is sealed.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Any

from gonogo.base.canonical import canonical_bytes, parse_json
from gonogo.base.files import storage, write_atomic
from gonogo.errors import StorageError

KEY = "seal.key"
KEY_BYTES = 32
LARGEST = 64 << 20  #: bytes; no document is that long


class SealedFolder:
    """Documents by file name in one folder, with the folder's own key."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, content: Any) -> None:
        """Keep a document, replacing the earlier one. Raises StorageError."""
        write_atomic(self._folder / name, canonical_bytes({"content": content, "seal": self._seal(content)}))

    def read(self, name: str) -> Any:
        """The document, or None when there is none. Raises ValueError when it cannot be believed, OSError and StorageError."""
        path = self._folder / name
        if not path.exists():
            return None
        if path.stat().st_size > LARGEST:
            raise ValueError("it is too large")
        data = path.read_bytes()
        document = parse_json(data)
        if not isinstance(document, dict) or document.keys() != {"content", "seal"} or not isinstance(document["seal"], str):
            raise ValueError("it is no sealed document")
        if canonical_bytes(document) != data:
            raise ValueError("its bytes are not canonical")
        if not hmac.compare_digest(document["seal"].encode(), self._seal(document["content"]).encode()):
            raise ValueError("its seal does not match: it was changed, or comes from another store")
        return document["content"]

    def _seal(self, content: Any) -> str:
        return hmac.new(self._key(), canonical_bytes(content), hashlib.sha256).hexdigest()

    def _key(self) -> bytes:
        path = self._folder / KEY
        with storage(path, "use"):
            if not path.exists():
                self._folder.mkdir(parents=True, exist_ok=True)
                _create_once(path, secrets.token_bytes(KEY_BYTES))
            key = path.read_bytes()
        if len(key) != KEY_BYTES:
            raise StorageError(f"{path} is damaged.", hint="Remove it; what it sealed will be made again.")
        return key


def _create_once(path: Path, data: bytes) -> None:
    """Write beside and link: of two processes that create the key at once one wins, and none ever reads half a key."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.link(beside, path)
    except FileExistsError:
        return
    finally:
        beside.unlink(missing_ok=True)
