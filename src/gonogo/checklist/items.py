"""The records of this room: items in checklists in packs.

An item is one statement that must be true. It is satisfied by a check's evidence that meets every requirement, or by a person's
sign-off in a role; never by nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from gonogo.base.canonical import digest

Kind = Literal["mandatory", "conditional", "optional"]


@dataclass(frozen=True)
class Item:
    """One statement. Exactly one of `check` and `sign_off` is set.

    `require` are expressions over the facts that the check measures (see `expression.py`). `confidence` (0.95, say) demands that the
    bound of the fact's interval meets the requirement, not only the estimate. `max_age` is in seconds; older evidence is stale.
    `rows` are the requirement rows it covers.
    """

    id: str
    section: str
    statement: str
    kind: Kind = "mandatory"
    check: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    require: tuple[str, ...] = ()
    confidence: float | None = None
    max_age: float | None = None
    sign_off: str | None = None
    why: str = ""
    remedy: str = ""
    rows: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Checklist:
    """Sections of items under a version. `overrides` names every item whose content differs from the pack's, with the keys."""

    id: str
    title: str
    version: str
    date: str
    items: tuple[Item, ...]
    overrides: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "format": "gonogo-checklist/1",
            "id": self.id,
            "title": self.title,
            "version": self.version,
            "date": self.date,
            "items": [item.to_json() for item in self.items],
            "overrides": {key: list(value) for key, value in self.overrides.items()},
        }

    @property
    def digest(self) -> str:
        return digest(self.to_json())

    @property
    def sections(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(item.section for item in self.items))

    def item(self, item_id: str) -> Item:
        """Raises KeyError."""
        for item in self.items:
            if item.id == item_id:
                return item
        raise KeyError(item_id)


@dataclass(frozen=True)
class Pack:
    """A ready-made set of checklists for one kind of system. `gate` is the checklist before a release."""

    name: str
    title: str
    gate: Checklist
    roles: Mapping[str, str]  #: role → what the role answers for
