"""What has still to be told: notices with the channels that have not taken them, oldest first.

Rules it keeps:
* A notice is written down (`to_json`, by the watch, in the transaction that changes the alarm) before it is sent, and is sent until its
  channel has taken it.
* A channel gets its notices in the order in which they came up: while one is not taken, the later ones wait.
* A channel that the project does not use any more has nothing to take.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gonogo.errors import FaultError
from gonogo.monitor.notice import Channel, Notice

MOST_NOTICES = 1000  #: kept for a channel that does not answer; beyond that the oldest is given up, and that is told


@dataclass(frozen=True)
class Untold:
    """A notice and the names of the channels that have not taken it."""

    notice: Notice
    channels: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"notice": self.notice.to_json(), "channels": list(self.channels)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Untold:
        return cls(Notice.from_json(data["notice"]), tuple(data["channels"]))


def queued(waiting: Sequence[Untold], notices: Iterable[Notice], channels: Iterable[str], problems: list[str]) -> list[Untold]:
    """`waiting` and after it the new notices for every channel. What there is no room for is given up, and told in `problems`."""
    names = tuple(sorted(channels))
    found = [*waiting, *(Untold(notice, names) for notice in notices)]
    if len(found) > MOST_NOTICES:
        problems.append(f"{len(found) - MOST_NOTICES} old notices were given up: no channel takes them (they stand in the audit log)")
    return found[-MOST_NOTICES:]


def tell(waiting: Sequence[Untold], channels: Mapping[str, Channel]) -> list[Untold]:
    """Send what waits. Gives what is left."""
    left: list[Untold] = []
    stuck: set[str] = set()
    for entry in waiting:
        for name in entry.channels:
            if name in channels and name not in stuck and not _sent(channels[name], entry.notice):
                stuck.add(name)
        kept = tuple(name for name in entry.channels if name in stuck)
        if kept:
            left.append(replace(entry, channels=kept))
    return left


def _sent(channel: Channel, notice: Notice) -> bool:
    try:
        channel.send(notice)
    except FaultError:
        return False  # it stays, and `untold` in the watch's record says so
    return True
