"""One look judged: from counts in windows to readings, from readings and earlier alarms to alarms and what has to be told. Pure.

The watch does this as time goes by; the replay of what was counted (`backtest.py`) does the same again, with the same functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gonogo.base.clock import stamp
from gonogo.errors import GonogoError
from gonogo.monitor.alarms.alarm import Alarm, alarm_of, key_of
from gonogo.monitor.alarms.answers import Answers
from gonogo.monitor.alarms.inhibition import inhibited
from gonogo.monitor.alarms.machine import step
from gonogo.monitor.alarms.rule import Rule
from gonogo.monitor.alarms.telling import Heard, Rung, Telling, tell_of
from gonogo.monitor.signal import Reading, Sight, Signal

UNREADABLE = (ValueError, KeyError, TypeError)  #: what reading a damaged document raises
NOT_SEEN = {"why": "nothing that the rule speaks of is seen"}  #: the details of a reading that stands for none


@dataclass(frozen=True)
class Judged:
    """What a look came to: every alarm as it stands, what holds back those that are not told, and what has to be told."""

    alarms: tuple[Alarm, ...]
    held_back: Mapping[str, str]
    tellings: tuple[Telling, ...]


def asked(rules: Sequence[Rule], signals: Sequence[Signal]) -> dict[str, Rule]:
    """Rules by name, each with the window that it is judged over: its own, or that of its signal."""
    windows = {signal.name: signal.window_seconds for signal in signals}
    return {rule.name: replace(rule, window_seconds=rule.window_seconds or windows.get(rule.signal)) for rule in rules}


def measure(signals: Sequence[Signal], rules: Mapping[str, Rule], sight: Callable[[float], Sight], problems: list[str]) -> list[Reading]:
    """Every signal over its own window and over those that rules ask for. `sight` gives what is seen over so many seconds. What cannot be
    computed is told in `problems`, and does not keep the others from being measured."""
    readings: list[Reading] = []
    sights: dict[float, Sight] = {}
    for signal in signals:
        wanted = [rule.window_seconds for rule in rules.values() if rule.signal == signal.name and rule.window_seconds]
        for seconds in dict.fromkeys((signal.window_seconds, *wanted)):
            try:
                seen = sights[seconds] = sights.get(seconds) or sight(seconds)
                readings += [replace(reading, window_seconds=seconds) for reading in signal.compute(seen)]
            except (GonogoError, *UNREADABLE) as error:
                problems.append(f"{signal.name} cannot be computed: {error!r}")
    return readings


def seen_by(rules: Mapping[str, Rule], readings: Sequence[Reading]) -> dict[str, Reading]:
    """The readings that rules judge, by the key of the alarm that they concern. A rule that none of its signal's judged readings concerns
    has one without a value, with the rule's own labels: what can never ring is not well."""
    by_signal: dict[str, list[Reading]] = {}
    for reading in readings:
        by_signal.setdefault(reading.signal, []).append(reading)
    seen: dict[str, Reading] = {}
    for rule in rules.values():
        there = [one for one in by_signal.get(rule.signal, ()) if rule.window_seconds in (None, one.window_seconds)]
        mine = [one for one in there if rule.concerns(one)]
        if not mine and any(one.judged for one in there):
            mine = [replace(there[0], labels=rule.labels, value=None, n=0, low=None, high=None, p_value=None, details=NOT_SEEN)]
        seen |= {key_of(rule.name, one.labels): one for one in mine}
    return seen


def judge(
    rules: Mapping[str, Rule],
    known: Mapping[str, Alarm],
    seen: Mapping[str, Reading],
    in_service: Sequence[str] | None,
    *,
    elapsed: float,
    answers: Answers,
    ladder: Sequence[Rung],
    repeat_seconds: float,
    now: datetime,
) -> Judged:
    """Step every alarm: those with a reading, and those known from before that have none now. `in_service` None: nobody knows which
    releases are; `elapsed`: seconds seen since the last look."""
    new = [
        alarm_of(rule, reading.labels)
        for key, reading in seen.items()
        if key not in known
        for rule in rules.values()
        if key == key_of(rule.name, reading.labels)
    ]
    alarms, gone = [], set()
    for alarm in (*known.values(), *new):
        found = rules.get(alarm.rule)
        reading = seen.get(alarm.key)
        left = in_service is not None and (alarm.release not in ("", *in_service) or (alarm.not_seen and reading is None))
        if found is None or left:
            gone.add(alarm.key)
            alarms.append(alarm)
            continue
        state = step(found, alarm.state, found.judge(reading), elapsed)
        since = alarm.since if state.phase is alarm.state.phase and alarm.since else stamp(now)
        not_seen = alarm.not_seen if reading is None else reading.details == NOT_SEEN
        episode = alarm.episode + (state.ringing and not alarm.ringing)
        alarms.append(replace(alarm, level=found.level, signal=found.signal, state=state, since=since, episode=episode, not_seen=not_seen))
    held_back = {key: f"inhibited by {other}" for key, other in inhibited([one for one in alarms if one.key not in gone]).items()}
    for alarm in alarms:
        if silence := answers.silence_of(alarm, now):
            held_back[alarm.key] = f"silenced until {silence.until}"
    heard = [Heard(one, one.key in held_back, answers.acknowledged_by(one), one.key in gone) for one in alarms]
    after, tellings = tell_of(heard, ladder, repeat_seconds, elapsed)
    return Judged(tuple(after), held_back, tuple(tellings))
