"""False alarms in 30 healthy days: what the rules of a pack tell, and what others would have told. `python -m benchmarks.false_alarms`.

A service with nothing wrong (`healthy_service.py`) is watched by the product's own watch, with its history, in virtual time, a look every
five minutes, once with much traffic and once with little. Everything that anybody is told is a false alarm. Beside it, over the same rows:

plain       the same rules with one key: any number of samples, no demand on chance. Same windows, durations, judgement and telling.
hourly PSI  as Evidently 0.7 computes it (`drift_stattest psi`): each hour's rows against the reference, in bins of equal width over both
            together (as many as Sturges says), empty shares filled; a column drifted above 0.1; its data set above half of the columns.

`--days`, `--seed` and `--pack` change what is simulated; `--write` writes the table to docs/false-alarms.md.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np

from benchmarks.healthy_service import FEATURES, RELEASE, HealthyService
from gonogo.base import catalogue
from gonogo.base.clock import FakeClock
from gonogo.checklist.false_alarms import MONTH, expected_false_alarms
from gonogo.checklist.load import load_pack
from gonogo.monitor.alarms.alarm import Alarm
from gonogo.monitor.alarms.answers import Answers
from gonogo.monitor.alarms.rule import Condition, Rule
from gonogo.monitor.channels.memory import MemoryChannel
from gonogo.monitor.history import History
from gonogo.monitor.judging import asked, judge, seen_by
from gonogo.monitor.signal import Reading, Sight, Signal
from gonogo.monitor.watch import Watch
from gonogo.registry.stores.sqlite import SqliteStore
from gonogo.stats.bins import Array

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)  #: a Monday
LOOK_SECONDS = 300  #: windows that are shorter are as long as this, so that every request is seen
TRAFFIC = {"busy": 2.0, "quiet": 0.05}  #: requests a second, on average
TOLD = ("fired", "repeated", "escalated")
DRIFTED = 0.1  #: Evidently's threshold of a column's PSI
SHARE = 0.5  #: and of drifted columns
PAGE = Path(__file__).resolve().parents[1] / "docs" / "false-alarms.md"


class Remembering:
    """A signal that keeps its readings of the last look for the plain rules."""

    def __init__(self, signal: Signal) -> None:
        self._signal = signal
        self.name, self.unit, self.window_seconds = signal.name, signal.unit, signal.window_seconds
        self.readings: list[Reading] = []

    def compute(self, sight: Sight) -> list[Reading]:
        found = self._signal.compute(sight)
        self.readings += [replace(reading, window_seconds=sight.asked_seconds) for reading in found]
        return found


@dataclass
class Row:
    """Of one rule: how often it rang and was told, what is expected, how much of the time it could judge, how many things; and plainly."""

    rang: int = 0
    told: int = 0
    judged_seconds: float = 0.0
    things: int = 0
    plain_rang: int = 0
    plain_told: int = 0


@dataclass
class Month:
    requests: int = 0
    rules: dict[str, Row] = field(default_factory=dict)
    hours: int = 0
    columns_drifted: int = 0
    hours_with_a_column: int = 0
    hours_drifted: int = 0
    blind: int = 0


class Plain:
    """The same rules with one key, judged as the watch judges."""

    def __init__(self, rules: Sequence[Rule], signals: Sequence[Signal]) -> None:
        self._rules = asked([replace(rule, min_n=1, p_value=2.0) for rule in rules], signals)
        self._known: dict[str, Alarm] = {}
        self.rang: Counter[str] = Counter()
        self.told: Counter[str] = Counter()

    def look(self, readings: Sequence[Reading], now: datetime) -> None:
        come = judge(
            self._rules, self._known, seen_by(self._rules, readings), (RELEASE,), elapsed=LOOK_SECONDS, answers=Answers(), ladder=(),
            repeat_seconds=math.inf, now=now,
        )  # fmt: skip
        for telling in come.tellings:
            self.told[telling.about[0].rule] += telling.kind in TOLD
        for alarm in come.alarms:
            self.rang[alarm.rule] += alarm.ringing and not (alarm.key in self._known and self._known[alarm.key].ringing)
        self._known = {alarm.key: alarm for alarm in come.alarms}


def month(per_second: float, days: int, seed: int, pack: str) -> Month:
    """One simulated service, watched for so many days."""
    clock, channel = FakeClock(BEGIN), MemoryChannel()
    service = HealthyService(per_second, seed, BEGIN)
    rules = [Rule(**asdict(rule)) for rule in load_pack(pack).monitor.rules]
    wanted = {rule.signal for rule in rules}
    remembering = [Remembering(catalogue.load("signals", name)()) for name in sorted(wanted)]
    signals = cast("list[Signal]", remembering)
    named = asked(rules, signals)
    found = Month(rules={rule.name: Row() for rule in rules})
    plain, kept = Plain(rules, signals), list[Array]()
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "gonogo.db")
        watch = Watch(
            service.observe,
            lambda release: service.baseline,
            rules,
            {"memory": channel},
            store,
            system="shop",
            signals=signals,
            clock=clock,
            longest_seconds=LOOK_SECONDS,
            repeat_seconds=math.inf,
            history=lambda: History(Path(folder) / "history.db", clock),
            labels=lambda: service.labels,
        )
        ringing: set[str] = set()
        for look in range(days * 86400 // LOOK_SECONDS):
            kept.append(service.live(clock.now(), LOOK_SECONDS).features)
            clock.advance(LOOK_SECONDS)
            record = watch.tick()
            readings = [reading for signal in remembering for reading in signal.readings]
            for signal in remembering:
                signal.readings.clear()
            plain.look(readings, clock.now())
            _count(found, named, readings)
            now_ringing = {alarm["key"]: alarm["rule"] for alarm in record["alarms"] if alarm["ringing"]}
            for key in now_ringing.keys() - ringing:
                found.rules.get(now_ringing[key], Row()).rang += 1
            found.blind += bool(record["problem"])
            ringing = set(now_ringing)
            if (look + 1) % (3600 // LOOK_SECONDS) == 0:
                _hour(found, service.train, np.concatenate(kept))
                kept.clear()
        store.close()
    for notice in channel.told:
        found.rules.setdefault(notice.rule, Row()).told += notice.kind in TOLD
    for name, row in found.rules.items():
        row.plain_rang, row.plain_told = plain.rang[name], plain.told[name]
    return found


def _count(found: Month, rules: Mapping[str, Rule], readings: Sequence[Reading]) -> None:
    things: Counter[str] = Counter()
    for key, reading in seen_by(rules, readings).items():
        name = key.split("|")[0]
        things[name] += rules[name].judge(reading) is not Condition.UNKNOWN
    for name, number in things.items():
        row = found.rules[name]
        row.things = max(row.things, number)
        row.judged_seconds += number * LOOK_SECONDS


def _hour(found: Month, reference: Array, current: Array) -> None:
    found.hours += 1
    found.requests += len(current)
    if not len(current):
        return
    drifted = sum(evidently_psi(reference[:, place], current[:, place]) >= DRIFTED for place in range(len(FEATURES)))
    found.columns_drifted += drifted
    found.hours_with_a_column += drifted > 0
    found.hours_drifted += drifted >= SHARE * len(FEATURES)


def evidently_psi(reference: Array, current: Array) -> float:
    """As Evidently 0.7 computes it for numbers (its `legacy/calculations/stattests/psi.py` and `utils.py`), in our words."""
    edges = np.histogram_bin_edges(np.concatenate([reference, current]), bins="sturges")
    q, p = np.histogram(reference, edges)[0] / len(reference), np.histogram(current, edges)[0] / len(current)
    for shares in (q, p):
        least = shares[shares > 0].min()
        shares[shares == 0] = least / 1e6 if least <= 1e-4 else 1e-4
    return float(((q - p) * np.log(q / p)).sum())


HEAD = """# False alarms

{days} simulated days of a service with nothing wrong: traffic with a daily and a weekly cycle (a fifth of the peak at night, two thirds at
weekends, days that differ by 8 %), eight features of which four move with the hour and three with the weekend, calibrated labels six hours
late, 0.02 % failed and 0.5 % refused requests. The product's own watch looks at it every five minutes of virtual time, with its history,
under the rules of the pack `{pack}`; nothing is a stand-in but the service. Every notice below is a false alarm. This page is written
by `python -m benchmarks.false_alarms --write` (seed {seed}); [decision 0027](decisions/0027-the-past-and-benchmarks.md) judges it.

- **told**: notices that began an alarm or repeated it. **rang**: alarms, also those that another one inhibits.
- **expected**: alarms in that time by the rule's law (`checklist/false_alarms.py`, told by `gonogo alarms explain`), for all that it
  judges, at the fewest samples that it accepts. "no law": the product states none.
- **judged**: part of the time in which the rule had enough samples. "0%": never, so its zeros say nothing; it would ring on more traffic
  only. Rules of health ask for three looks a minute, which this simulation does not take; windows of less than five minutes are of five.
- **plain**: the same rules with one key: no least number of samples, no demand on chance; same windows and durations.
"""


def page(months: Mapping[str, Month], days: int, seed: int, pack: str) -> str:
    rules = load_pack(pack).monitor.rules
    lines = [HEAD.format(days=days, pack=pack, seed=seed)]
    for name, found in months.items():
        lines += [f"## {found.requests / found.hours:,.0f} predictions an hour ({name})", ""]
        lines += ["| rule | level | judged | expected | rang | told | plain rang | plain told |", "|---|---|---|---|---|---|---|---|"]
        told = plain = 0
        expected = 0.0
        for rule in rules:
            row = found.rules[rule.name]
            share = row.judged_seconds / max(row.things, 1) / (days * 86400)
            law = expected_false_alarms(rule)
            law = None if law is None else law * max(row.things, 1) * days * 86400 / MONTH
            told, plain, expected = told + row.told, plain + row.plain_told, expected + (law or 0.0)
            figures = (rule.name, rule.level, f"{share:.0%}", _number(law), row.rang, row.told, row.plain_rang, row.plain_told)
            lines.append(f"| {' | '.join(map(str, figures))} |")
        lines.append(f"| **all** | | | **{_number(expected)}** | | **{told}** | | **{plain}** |")
        extra = [f"{rule}: {row.told}" for rule, row in found.rules.items() if row.told and rule not in {one.name for one in rules}]
        lines += ["", f"Told beside the pack's rules: {', '.join(extra) or 'nothing'}."]
        drifted = found.columns_drifted / found.hours / len(FEATURES)
        lines += [
            "",
            f"Hourly PSI as Evidently computes it, over the same rows: {found.columns_drifted:,} times a column drifted ({drifted:.1%} of",
            f"{len(FEATURES)} columns in {found.hours} hours), in {found.hours_with_a_column} hours at least one, in",
            f"{found.hours_drifted} the data set (half of the columns).",
            "",
        ]
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "no law" if value is None else "< 0.001" if value < 1e-3 else f"{value:.2g}"


def main(days: int = 30, seed: int = 7, pack: str = "tabular-service", *, write: bool = False) -> None:
    with ProcessPoolExecutor(len(TRAFFIC)) as pool:
        running: dict[str, Any] = {name: pool.submit(month, rate, days, seed, pack) for name, rate in TRAFFIC.items()}
        months = {name: future.result() for name, future in running.items()}
    text = page(months, days, seed, pack)
    if write:
        PAGE.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--days", type=int, default=30)
    arguments.add_argument("--seed", type=int, default=7)
    arguments.add_argument("--pack", default="tabular-service")
    arguments.add_argument("--write", action="store_true", help="write docs/false-alarms.md")
    given = arguments.parse_args()
    main(given.days, given.seed, given.pack, write=given.write)
