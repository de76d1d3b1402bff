"""Rules replayed over what the history keeps: when each would have rung, and how often that is in a month.

The same judgement as the watch's (`judging.py`), over the signals of moments gone by (`past.py`): every minute while minutes are kept (25
hours), before that every hour.

What it cannot know, it does not guess: a rule whose window is shorter than the buckets of a time is not judged there, and `judged_seconds`
says how long each was. What lasts less than the distance between two moments may be missed, and rings up to one of them late. Silences and
acknowledgements are left out: an unanswered alarm is told again. Labels are those that are known now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from gonogo.base.clock import stamp
from gonogo.monitor.alarms.alarm import Alarm
from gonogo.monitor.alarms.answers import Answers
from gonogo.monitor.alarms.rule import Condition, Rule
from gonogo.monitor.alarms.telling import Rung
from gonogo.monitor.history import HOUR, MINUTE, History
from gonogo.monitor.judging import asked, judge, seen_by
from gonogo.monitor.past import Then, looks_over
from gonogo.monitor.signal import Baselines, Labels, Signal
from gonogo.stats.rates import poisson_interval

MONTH = 30 * 86400.0


@dataclass
class Episode:
    """An alarm that would have rung, from when to when; `ended` None: it still does."""

    labels: Mapping[str, str]
    began: str
    ended: str | None = None
    seconds: float = 0.0


@dataclass
class Replayed:
    """What one rule came to. `told` counts notices by kind; `judged_seconds` the time in which it could say something, summed over the
    things that it judges; `things` how many those were at most."""

    rule: Rule
    episodes: list[Episode] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)
    judged_seconds: float = 0.0
    things: int = 0

    @property
    def per_month(self) -> tuple[float, float, float] | None:
        """Alarms in 30 days for each thing judged, with the interval at 95 % that the number of them allows (Poisson). None when it was
        never judged."""
        if not self.judged_seconds:
            return None
        months = self.judged_seconds / MONTH
        low, high = poisson_interval(len(self.episodes))
        return len(self.episodes) / months, low / months, high / months

    def to_json(self) -> dict[str, Any]:
        names = ("name", "signal", "level", "above", "clear", "for_seconds", "times", "min_n", "window_seconds")
        rate = self.per_month
        return {
            **{name: getattr(self.rule, name) for name in names},
            "fired": len(self.episodes),
            "told": dict(self.told),
            "judged_seconds": self.judged_seconds,
            "things": self.things,
            "per_month": None if rate is None else dict(zip(("value", "low", "high"), rate, strict=True)),
            "episodes": [asdict(episode) for episode in self.episodes],
        }


@dataclass
class Backtest:
    """`since` and `until` are the first and the last moment that was replayed, None when nobody ever looked in that time."""

    rules: dict[str, Replayed]
    since: datetime | None = None
    until: datetime | None = None
    moments: int = 0
    problems: list[str] = field(default_factory=list)


def backtest(
    history: History,
    signals: Sequence[Signal],
    rules: Sequence[Rule],
    baselines: Baselines,
    since: datetime,
    until: datetime,
    *,
    ladder: Sequence[Rung] = (),
    repeat_seconds: float = 3600.0,
    labels: Labels | None = None,
) -> Backtest:
    """Raises StorageError when the history cannot be read."""
    judged = [signal for signal in signals if any(rule.signal == signal.name for rule in rules)]
    by_name = asked(rules, judged)
    found = Backtest({name: Replayed(rule) for name, rule in by_name.items()})
    known: dict[str, Alarm] = {}
    ringing: dict[str, Episode] = {}
    before = since
    for then in _looks(history, judged, rules, baselines, since, until, labels):
        elapsed = min((then.moment - before).total_seconds(), then.resolution)
        seen = seen_by(by_name, then.readings)
        come = judge(
            by_name, known, seen, then.in_service or None, elapsed=elapsed, answers=Answers(), ladder=ladder, repeat_seconds=repeat_seconds,
            now=then.moment,
        )  # fmt: skip
        for telling in come.tellings:
            found.rules[telling.about[0].rule].told[telling.kind] += 1
        for name, rule in by_name.items():
            _count(
                found.rules[name],
                sum(rule.judge(reading) is not Condition.UNKNOWN for key, reading in seen.items() if _of(key, name)),
                elapsed,
            )
        known = {alarm.key: alarm for alarm in come.alarms}
        _episodes(found, known, ringing, then.moment)
        found.since, found.until, before = found.since or then.moment, then.moment, then.moment
        found.moments += 1
        found.problems = sorted({*found.problems, *then.problems})
    return found


def _looks(
    history: History,
    signals: Sequence[Signal],
    rules: Sequence[Rule],
    baselines: Baselines,
    since: datetime,
    until: datetime,
    labels: Labels | None,
) -> Iterator[Then]:
    """Every hour while there are hours only, then every minute."""
    minutes = min(until, max(since, history.minutes_from()))
    hours = datetime.fromtimestamp(minutes.timestamp() // HOUR * HOUR, UTC)
    if hours > since:
        yield from looks_over(history, signals, baselines, since, hours, timedelta(seconds=HOUR), rules, labels)
        since = hours + timedelta(seconds=MINUTE)
    yield from looks_over(history, signals, baselines, since, until, timedelta(seconds=MINUTE), rules, labels)


def _count(replayed: Replayed, things: int, elapsed: float) -> None:
    replayed.things = max(replayed.things, things)
    replayed.judged_seconds += things * elapsed


def _of(key: str, rule: str) -> bool:
    return key == rule or key.startswith(f"{rule}|")


def _episodes(found: Backtest, known: Mapping[str, Alarm], ringing: dict[str, Episode], moment: datetime) -> None:
    now = stamp(moment)
    for key, alarm in known.items():
        if alarm.ringing and key not in ringing:
            ringing[key] = Episode(dict(alarm.labels), now)
            found.rules[alarm.rule].episodes.append(ringing[key])
    for key, episode in list(ringing.items()):
        episode.seconds = (moment - datetime.fromisoformat(episode.began)).total_seconds()
        if key not in known or not known[key].ringing:
            episode.ended = now
            del ringing[key]
