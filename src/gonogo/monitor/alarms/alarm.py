"""An alarm: one rule for one set of labels, as it stands, with what people were told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from gonogo.monitor.alarms.machine import AlarmState
from gonogo.monitor.alarms.rule import Rule


@dataclass(frozen=True)
class Told:
    """What people know. `ringing`: they were told that it rings, and not yet that it is over. `quiet` are the seconds since they were told
    last, `unanswered` those without an acknowledgement, `step` how far up the ladder of escalation they were asked; `level` is the highest
    that it was told at."""

    ringing: bool = False
    level: str = ""
    acknowledged: bool = False
    quiet: float = 0.0
    unanswered: float = 0.0
    step: int = 0


@dataclass(frozen=True)
class Alarm:
    """`since` is when it entered its phase; `episode` how often it began to ring: an acknowledgement is of one episode. `not_seen`: it
    stands for a rule that speaks of what there is none of, and goes when there is."""

    key: str
    rule: str
    level: str
    signal: str
    labels: Mapping[str, str]
    state: AlarmState = field(default_factory=AlarmState)
    since: str = ""
    episode: int = 0
    told: Told = field(default_factory=Told)
    not_seen: bool = False

    @property
    def ringing(self) -> bool:
        return self.state.ringing

    @property
    def release(self) -> str:
        """The release that it is of; "" when it is of the system."""
        return self.labels.get("release", "")

    @property
    def group(self) -> str:
        """What it is told under: the alarms of one rule and release are told together."""
        return key_of(self.rule, {"release": self.release} if self.release else {})

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "labels": dict(self.labels), "state": self.state.to_json(), "told": dict(vars(self.told))}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Alarm:
        """Inverse of `to_json`. What an earlier version did not write has its default; what it wrote otherwise is left out."""
        known = {one.name: data[one.name] for one in fields(cls) if one.name in data}
        told = Told(**data["told"]) if "told" in data else Told()
        return cls(**{"level": "", "signal": "", **known, "state": AlarmState.from_json(data["state"]), "told": told})


def alarm_of(rule: Rule, labels: Mapping[str, str]) -> Alarm:
    """A new alarm, of which nothing is known."""
    return Alarm(key_of(rule.name, labels), rule.name, rule.level, rule.signal, dict(labels))


def key_of(rule: str, labels: Mapping[str, str]) -> str:
    return rule + "".join(f"|{name}={labels[name]}" for name in sorted(labels))


def words_of(labels: Mapping[str, str]) -> str:
    """What labels name, the release first, in the same order wherever they come from."""
    return " ".join(labels[name] for name in sorted(labels, key=lambda name: (name != "release", name)))
