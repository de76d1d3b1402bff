"""What people are told: that an alarm rings, is over, or cannot see. And the seam to where they are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

Level = Literal["critical", "warning", "info"]
LEVELS: tuple[Level, ...] = ("critical", "warning", "info")
NoticeKind = Literal["fired", "resolved", "blind", "seeing", "retired"]


@dataclass(frozen=True)
class Notice:
    """One message. `id` stays the same when it is sent again; `key` is that of the alarm, the same for all its notices."""

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

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "labels": dict(self.labels)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Notice:
        return cls(**data)


class Channel(Protocol):
    """Where notices go (`channels/`, the catalogue). `levels` are those it is told of. Every channel promises:

    1. When `send` returns, the notice has been handed over for good.
    2. When it cannot be handed over now, `send` raises a FaultError and may be asked again; when it never will be, a RefusedError.
    3. The same notice sent again carries the same identity, so that whoever can tell it once does.
    4. `send` ends within half a minute, whatever the other side does; no secret is in its errors.
    """

    levels: tuple[Level, ...]

    def send(self, notice: Notice) -> None: ...
