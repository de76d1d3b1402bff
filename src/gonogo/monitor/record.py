"""The record of a look: what doors and pages show of signals and alarms (`gonogo-watch/1`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gonogo.monitor.alarms.alarm import Alarm, words_of
from gonogo.monitor.alarms.answers import Answers
from gonogo.monitor.alarms.rule import Rule
from gonogo.monitor.alarms.wording import value_text
from gonogo.monitor.signal import Reading
from gonogo.registry.store import Store

KIND = "watch"


def record_of(
    time: str,
    problems: Sequence[str],
    readings: Sequence[Reading],
    alarms: Sequence[Alarm],
    rules: Mapping[str, Rule],
    seen: Mapping[str, Reading],
    held_back: Mapping[str, str],
    answers: Answers,
    then: Mapping[str, str],
) -> dict[str, Any]:
    """`seen` are the readings by the key of the alarm that judges them, `then` what is said of what follows."""
    return {
        "format": "gonogo-watch/1",
        "time": time,
        "problem": "; ".join(problems),
        "signals": [_signal(reading, rules) for reading in readings],
        "alarms": [
            _alarm(alarm, rules[alarm.rule], seen.get(alarm.key), held_back.get(alarm.key, ""), answers) | {"then": then.get(alarm.key, "")}
            for alarm in alarms
        ],
    }


def last_record(store: Store, system: str) -> dict[str, Any] | None:
    """What the watch saw last, or None when nobody has watched yet."""
    found = store.get(KIND, system)
    if found is None:
        return None
    record = {key: value for key, value in found[1].items() if key not in ("states", "outbox")}
    return {**record, "untold": len(found[1]["outbox"])}


def last_alarms(store: Store, system: str) -> list[Alarm]:
    """Every alarm as the watch left it."""
    found = store.get(KIND, system)
    return [] if found is None else [Alarm.from_json(alarm) for alarm in found[1]["states"].values()]


def _signal(reading: Reading, rules: Mapping[str, Rule]) -> dict[str, Any]:
    concerned = [rule for rule in rules.values() if rule.concerns(reading)]
    return {
        **reading.to_json(),
        "of": words_of(reading.labels),
        "threshold": min((rule.above for rule in concerned), default=None),
        "thresholds": [{"rule": rule.name, "level": rule.level, "above": rule.above, "clear": rule.clear} for rule in concerned],
    }


def _alarm(alarm: Alarm, rule: Rule, reading: Reading | None, held_back: str, answers: Answers) -> dict[str, Any]:
    where = words_of(alarm.labels) or "the whole system"
    return {
        "key": alarm.key, "rule": rule.name, "level": rule.level, "signal": rule.signal, "labels": dict(alarm.labels),
        "state": str(alarm.state.phase), "ringing": alarm.ringing, "since": alarm.since, "episode": alarm.episode,
        "not_seen": alarm.not_seen,
        "condition": str(rule.judge(reading)),
        "text": f"{rule.signal} of {where} is {value_text(reading)}{_why(reading)}; rings above {rule.above:g}{rule.lasting}",
        "value": reading.to_json()["value"] if reading else None, "unit": reading.unit if reading else "",
        "n": reading.n if reading else 0, "above": rule.above, "clear": rule.clear, "window_seconds": rule.window_seconds,
        "for_seconds": rule.for_seconds, "times": rule.times, "held": round(alarm.state.held, 3), "runbook": rule.runbook,
        "held_back": held_back if alarm.ringing else "", "acknowledged": answers.acknowledged_by(alarm),
    }  # fmt: skip


def _why(reading: Reading | None) -> str:
    """Why there is no value, where the signal says so."""
    why = reading.details.get("why") if reading is not None and reading.value is None else None
    return f" ({why})" if why else ""
