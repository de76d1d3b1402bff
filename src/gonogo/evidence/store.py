"""Where evidence lies between runs: one sealed JSON file per item.

Rules:
1. A file that is missing, unreadable, cut off, not canonical, malformed, sealed with another store's key, or that speaks of another
   item than its name says counts as absent, with a note; never as evidence.
2. The seal is that of `sealed.py`: it shows an edit or a file of another store, and is no signature.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gonogo.errors import StorageError, UsageError
from gonogo.evidence.record import Evidence
from gonogo.evidence.sealed import SealedFolder

ITEM_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_WORDS = ("nan", "inf", "-inf")


class EvidenceStore:
    """Evidence by item id in one folder."""

    def __init__(self, folder: Path) -> None:
        self._files = SealedFolder(folder)
        self.notes: list[str] = []  #: what was found and not believed, one sentence each

    def read(self, item: str) -> Evidence | None:
        """The evidence of an item, or None with a note when there is something that cannot be believed."""
        name = _file_name(item)
        try:
            content = self._files.read(name)
            if content is None:
                return None
            check_facts(content)
            evidence = Evidence.from_json(content)
            if evidence.item != item:
                raise ValueError(f"it speaks of the item {evidence.item}")
            return evidence
        except (OSError, ValueError, StorageError) as error:
            self.notes.append(f"the stored evidence of {item} is not used: {error}")
            return None

    def read_all(self, items: Iterable[str]) -> dict[str, Evidence]:
        """The evidence of every item that has some to believe."""
        found = {item: self.read(item) for item in items}
        return {item: evidence for item, evidence in found.items() if evidence is not None}

    def write(self, evidence: Evidence) -> None:
        """Keep evidence, replacing the item's earlier one. Raises StorageError."""
        self._files.write(_file_name(evidence.item), evidence.to_json())


def _file_name(item: str) -> str:
    if not ITEM_ID.fullmatch(item):
        raise UsageError(f"{item!r} cannot name an item.", hint="Use letters, digits, dots, hyphens and underscores, 100 at most.")
    return f"{item}.json"


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
