"""Where evidence lies between runs: one sealed JSON file per item.

Rules:
1. A file that is missing, unreadable, cut off, not canonical, malformed, sealed with another store's key, or that speaks of another
   item than its name says counts as absent, with a note; never as evidence.
2. The seal is an HMAC-SHA256 under a random key that this store made for itself (`seal.key`, mode 0600). It shows that a file was
   edited or copied in from another store. It does not stop somebody who may read the key: they could run the check as you. What must
   convince strangers is signed when a release is sealed.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gonogo.base.canonical import canonical_bytes, parse_json
from gonogo.base.files import storage, write_atomic
from gonogo.errors import StorageError, UsageError
from gonogo.evidence.record import Evidence

ITEM_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
KEY_BYTES = 32
LARGEST = 64 << 20  #: bytes; no evidence is that long
_WORDS = ("nan", "inf", "-inf")


class EvidenceStore:
    """Evidence by item id in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.notes: list[str] = []  #: what was found and not believed, one sentence each

    def read(self, item: str) -> Evidence | None:
        """The evidence of an item, or None with a note when there is something that cannot be believed."""
        path = self._path(item)
        try:
            if not path.exists():
                return None
            if path.stat().st_size > LARGEST:
                raise ValueError("it is too large")
            return self._open(item, path.read_bytes())
        except (OSError, ValueError, StorageError) as error:
            self.notes.append(f"the stored evidence of {item} is not used: {error}")
            return None

    def read_all(self, items: Iterable[str]) -> dict[str, Evidence]:
        """The evidence of every item that has some to believe."""
        found = {item: self.read(item) for item in items}
        return {item: evidence for item, evidence in found.items() if evidence is not None}

    def write(self, evidence: Evidence) -> None:
        """Keep evidence, replacing the item's earlier one. Raises StorageError."""
        content = evidence.to_json()
        write_atomic(self._path(evidence.item), canonical_bytes({"evidence": content, "seal": self._seal(content)}))

    def _open(self, item: str, data: bytes) -> Evidence:
        document = parse_json(data)
        if not isinstance(document, dict) or document.keys() != {"evidence", "seal"} or not isinstance(document["seal"], str):
            raise ValueError("it is no evidence file")
        if canonical_bytes(document) != data:
            raise ValueError("its bytes are not canonical")
        content = document["evidence"]
        if not hmac.compare_digest(document["seal"].encode(), self._seal(content).encode()):
            raise ValueError("its seal does not match: it was changed, or comes from another store")
        check_facts(content)
        evidence = Evidence.from_json(content)
        if evidence.item != item:
            raise ValueError(f"it speaks of the item {evidence.item}")
        return evidence

    def _path(self, item: str) -> Path:
        if not ITEM_ID.fullmatch(item):
            raise UsageError(f"{item!r} cannot name an item.", hint="Use letters, digits, dots, hyphens and underscores, 100 at most.")
        return self._folder / f"{item}.json"

    def _seal(self, content: Any) -> str:
        return hmac.new(self._key(), canonical_bytes(content), hashlib.sha256).hexdigest()

    def _key(self) -> bytes:
        path = self._folder / "seal.key"
        with storage(path, "use"):
            if not path.exists():
                self._folder.mkdir(parents=True, exist_ok=True)
                _create_once(path, secrets.token_bytes(KEY_BYTES))
            key = path.read_bytes()
        if len(key) != KEY_BYTES:
            raise StorageError(f"{path} is damaged.", hint="Remove it; what it sealed will be measured again.")
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


def check_facts(content: Any) -> None:
    """Raise ValueError unless every fact of an evidence document has values of the types that a fact may have."""
    facts = content.get("facts") if isinstance(content, Mapping) else None
    if not isinstance(facts, Mapping):
        raise ValueError("it has no facts")
    for name, fact in facts.items():
        if not isinstance(fact, Mapping):
            raise ValueError(f"the fact {name!r} is malformed")
        bounds = [fact[key] for key in ("low", "high", "level") if key in fact]
        good = (
            isinstance(fact.get("value"), bool | int | float | str)
            and isinstance(fact.get("unit", ""), str)
            and _is_count(fact.get("n", 0))
            and all(_is_number(bound) for bound in bounds)
        )
        if not good:
            raise ValueError(f"the fact {name!r} has a value of the wrong type")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    return value in _WORDS if isinstance(value, str) else isinstance(value, int | float) and not isinstance(value, bool)
