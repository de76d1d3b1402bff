"""What people are told: that alarms ring, ring on, wait for an answer, have one, or are over. And the seam to where they are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Protocol

Level = Literal["critical", "warning", "info"]
LEVELS: tuple[Level, ...] = ("critical", "warning", "info")  #: the worst first
#: `repeated` and `escalated`: it rings on. `retired`: over, because the release or the rule is gone.
NoticeKind = Literal["fired", "repeated", "escalated", "acknowledged", "resolved", "retired"]


@dataclass(frozen=True)
class Notice:
    """One message about the alarms `of` one rule and one release (those of twenty features are one message).

    `id` stays the same when it is sent again; `key` is the same for all messages of one rule and release, from fired to resolved. `labels`
    is what the alarms have in common; `value` and `n` are those of the worst. `to` names whom an escalation asks next. What is over is told
    at the highest level that it was told at.
    """

    id: str
    key: str
    kind: NoticeKind
    rule: str
    level: str
    signal: str
    labels: Mapping[str, str]
    value: float | None
    above: float
    n: int
    time: str
    text: str
    of: tuple[str, ...] = ()
    to: str = ""

    @property
    def over(self) -> bool:
        return self.kind in ("resolved", "retired")

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "labels": dict(self.labels), "of": list(self.of)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Notice:
        """Inverse of `to_json`; what a later version wrote beside it is left out. Raises TypeError when something is missing."""
        known = {field.name: data[field.name] for field in fields(cls) if field.name in data}
        return cls(**{**known, "of": tuple(data.get("of", ()))})


class Channel(Protocol):
    """Where notices go (`channels/`, the catalogue). `levels` are those it is told of. Every channel promises:

    1. When `send` returns, the notice has been handed over for good.
    2. When it cannot be handed over now, `send` raises a FaultError and may be asked again; when it never will be, a RefusedError.
    3. The same notice sent again carries the same identity, so that whoever can tell it once does.
    4. `send` ends within half a minute, whatever the other side does; no secret is in its errors.
    """

    levels: tuple[Level, ...]

    def send(self, notice: Notice) -> None: ...
