"""What has to be told, as a notice with words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gonogo.monitor.alarms.alarm import Alarm, words_of
from gonogo.monitor.alarms.inhibition import RANK
from gonogo.monitor.alarms.rule import Rule
from gonogo.monitor.alarms.telling import Telling
from gonogo.monitor.notice import Notice
from gonogo.monitor.signal import Reading

MOST_NAMED = 5  #: alarms that a message names; of the others it says how many they are


def notice_of(
    telling: Telling, rule: Rule | None, readings: Mapping[str, Reading], now: str, then: Mapping[str, str] | None = None, left: str = ""
) -> Notice:
    """The notice of a telling at the time `now`. `readings` by the key of the alarm; `rule` is None when it is not in force any more;
    `then` says by the key of the alarm what follows, `left` why a release has been left."""
    about = sorted(telling.about, key=lambda alarm: -_value(readings.get(alarm.key)))
    worst = about[0]
    reading = readings.get(worst.key)
    common = dict(set.intersection(*(set(alarm.labels.items()) for alarm in about)))
    text = f"{worst.rule} ({_where(about, common)}): {_words(telling, worst, rule, reading)}"
    said = left if telling.kind == "retired" else (then or {}).get(worst.key, "")
    text += f"; {said}" if said else ""
    if telling.to and telling.kind != "acknowledged":
        text += f"; asked: {telling.to}"
    if rule and rule.runbook and telling.kind not in ("resolved", "retired"):
        text += f"; see {rule.runbook}"
    return Notice(
        id=f"{worst.group}#{now}#{telling.kind}",
        key=worst.group,
        kind=telling.kind,
        rule=worst.rule,
        level=min((alarm.told.level or alarm.level for alarm in about), key=RANK.__getitem__),
        signal=worst.signal,
        labels={name: common[name] for name in sorted(common)},
        value=reading.to_json()["value"] if reading else None,
        above=rule.above if rule else 0.0,
        n=reading.n if reading else 0,
        time=now,
        text=text,
        of=tuple(alarm.key for alarm in about),
        to=telling.to,
    )


def value_text(reading: Reading | None) -> str:
    """The value with its unit; what is not known is said."""
    value = reading.to_json()["value"] if reading else None
    return "unknown" if reading is None or value is None else f"{value:.4g} {reading.unit}".strip()


def _words(telling: Telling, worst: Alarm, rule: Rule | None, reading: Reading | None) -> str:
    if telling.kind == "retired" or rule is None:
        return "the release has no traffic any more" if rule else "the rule is not in force any more"
    n = reading.n if reading else 0
    high = f"{rule.signal} is {value_text(reading)}, above {rule.above:g}"
    minutes = worst.told.unanswered / 60
    return {
        "fired": f"{high},{rule.lasting or ' now'} (n = {n})",
        "repeated": f"still ringing: {high} (n = {n})",
        "acknowledged": f"{telling.to} looks after it",
        "escalated": f"nobody has answered for {minutes:.0f} min: {high} (n = {n})",
        "resolved": f"{rule.signal} is back at {value_text(reading)}, at or below {rule.clear:g}",
    }[telling.kind]


def _where(about: Sequence[Alarm], common: Mapping[str, str]) -> str:
    """What the alarms are of: what they have in common, then what tells them apart."""
    if len(about) == 1:
        return words_of(about[0].labels) or "the whole system"
    apart = [words_of({name: value for name, value in alarm.labels.items() if name not in common}) for alarm in about]
    more = len(apart) - MOST_NAMED
    return words_of(common) + ": " + ", ".join(apart[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _value(reading: Reading | None) -> float:
    return reading.value if reading and reading.value is not None else float("-inf")


def event_of(kind: str, alarm: Alarm, rule: Rule | None, reading: Reading | None, held_back: str) -> dict[str, Any]:
    """What the audit log says when an alarm begins to ring or is over; `held_back` says why nobody was told, if so."""
    return {
        "kind": kind,
        "key": alarm.key,
        "rule": alarm.rule,
        "level": alarm.level,
        "signal": alarm.signal,
        "labels": dict(alarm.labels),
        "value": reading.to_json()["value"] if reading else None,
        "n": reading.n if reading else 0,
        "above": rule.above if rule else None,
        "held_back": held_back,
    }
