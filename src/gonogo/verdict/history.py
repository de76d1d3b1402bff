"""What became of each item before: one record whenever an item's outcome, evidence or subject changed. For people; nothing judges by it.

Pure: which records a new verdict adds to those that are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gonogo.verdict.outcome import Verdict


@dataclass(frozen=True)
class Past:
    """One outcome of one item, from `time` (RFC 3339 in UTC) until its next record."""

    time: str
    item: str
    outcome: str
    reason: str
    subject: str | None
    evidence: str | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Past:
        """Inverse of `to_json`. Raises TypeError or ValueError for anything else."""
        past = cls(**data)
        if not all(isinstance(text, str) for text in (past.time, past.item, past.outcome, past.reason)):
            raise ValueError("a record of the history holds text")
        return past


def news(verdict: Verdict, known: Iterable[Past]) -> list[Past]:
    """What the verdict adds: a record for each item that is otherwise than its last one says."""
    last = {past.item: past for past in known}
    now = [Past(verdict.time, one.item, str(one.outcome), one.reason, verdict.subject, one.evidence) for one in verdict.items]
    return [past for past in now if past.item not in last or _state(past) != _state(last[past.item])]


def _state(past: Past) -> tuple[str, str | None, str | None]:
    return past.outcome, past.subject, past.evidence
