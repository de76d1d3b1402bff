"""Waivers: dated, signed exceptions for one measured offender.

Rules: a mandatory item cannot be waived, by nobody; a waiver is pinned to one subject and expires; it excuses a measured failure only,
never an error, nothing measured, or something stale; it stays visible in the verdict.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from gonogo.base.canonical import digest
from gonogo.base.clock import parse_stamp
from gonogo.checklist.items import Item


@dataclass(frozen=True)
class Waiver:
    """An exception for `item` of `subject`, given by `person` in `role`, in force from `time` to before `until` (RFC 3339)."""

    item: str
    subject: str
    role: str
    person: str
    key_id: str
    reason: str
    time: str
    until: str

    def to_json(self) -> dict[str, Any]:
        return {"format": "gonogo-waiver/1", **asdict(self)}

    @property
    def digest(self) -> str:
        return digest(self.to_json())


def live_waiver(item: Item, subject: str | None, waivers: Iterable[Waiver], now: datetime) -> Waiver | None:
    """The waiver that excuses a measured failure of `item` now, or None. Unreadable dates and empty reasons excuse nothing."""
    if item.kind == "mandatory" or item.check is None or subject is None:
        return None
    return next((w for w in waivers if w.item == item.id and w.subject == subject and w.reason.strip() and in_force(w, now)), None)


def in_force(waiver: Waiver, now: datetime) -> bool:
    try:
        return parse_stamp(waiver.time) <= now < parse_stamp(waiver.until)
    except ValueError:
        return False
