"""What people say to alarms: be silent until then, and: I have seen it.

A silence ends by itself, at a time of the wall clock. One that would begin in the future is none: a clock that was set back does not
prolong the quiet. An acknowledgement is of one episode: when the alarm is over and rings again, it is heard again.

They are one document of the store, apart from the watch's own, so that people and the watch do not wait for each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gonogo.base.clock import parse_stamp
from gonogo.monitor.alarms.alarm import Alarm
from gonogo.registry.store import Store, Transaction

KIND = "alarm_answers"
SKEW = timedelta(minutes=5)  #: so far may the clock of whoever silences be ahead
LONGEST = timedelta(days=30)  #: of a silence
EVERY = "all"  #: in the place of a rule's name


@dataclass(frozen=True)
class Silence:
    """Alarms of `rule` (or of all) that carry `labels` are not told from `made` until `until`."""

    id: str
    rule: str
    made: str
    until: str
    by: str
    reason: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def holds(self, now: datetime) -> bool:
        return parse_stamp(self.made) - SKEW <= now < parse_stamp(self.until)

    def covers(self, alarm: Alarm) -> bool:
        return self.rule in (EVERY, alarm.rule) and all(alarm.labels.get(name) == value for name, value in self.labels.items())

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "labels": dict(self.labels)}


@dataclass(frozen=True)
class Acknowledgement:
    """Somebody has seen the alarm `key` in its `episode`, and looks after it."""

    key: str
    episode: int
    time: str
    by: str
    note: str = ""

    def holds(self, alarm: Alarm) -> bool:
        return alarm.ringing and (alarm.key, alarm.episode) == (self.key, self.episode)


@dataclass(frozen=True)
class Answers:
    """All that people have said to the alarms of one system."""

    silences: tuple[Silence, ...] = ()
    acknowledgements: tuple[Acknowledgement, ...] = ()

    def silence_of(self, alarm: Alarm, now: datetime) -> Silence | None:
        """The silence that holds for an alarm now, the last to end when there are several."""
        holding = [silence for silence in self.silences if silence.holds(now) and silence.covers(alarm)]
        return max(holding, key=lambda silence: silence.until, default=None)

    def acknowledged_by(self, alarm: Alarm) -> str:
        """Who looks after it; "" when nobody has said so."""
        return next((one.by for one in self.acknowledgements if one.holds(alarm)), "")

    def to_json(self) -> dict[str, Any]:
        return {
            "silences": [silence.to_json() for silence in self.silences],
            "acknowledgements": [asdict(one) for one in self.acknowledgements],
        }


def read_answers(store: Store | Transaction, system: str) -> tuple[int, Answers]:
    """The revision of the document, 0 when there is none, and what is in it."""
    found = store.get(KIND, system)
    if found is None:
        return 0, Answers()
    revision, body = found
    silences = tuple(Silence(**silence) for silence in body["silences"])
    return revision, Answers(silences, tuple(Acknowledgement(**one) for one in body["acknowledgements"]))
