"""Rules replayed over what the history keeps: they ring when the watch rang."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gonogo.base import catalogue
from gonogo.base.clock import FakeClock, parse_stamp
from gonogo.monitor.alarms.rule import Rule
from gonogo.monitor.backtest import MONTH, Backtest, backtest
from gonogo.monitor.counts import Counts
from gonogo.monitor.history import HOUR, History
from gonogo.monitor.signal import Signal
from gonogo.monitor.watch import Watch
from gonogo.monitor.windows import Snapshot, Windows

from .conftest import BASELINE, RELEASE, Stand

BEGIN = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
SIGNALS: list[Signal] = [catalogue.load("signals", name)() for name in catalogue.names("signals")]
ERRORS = Rule("errors", "error_rate", above=0.05, clear=0.03, for_seconds=120.0, window_seconds=300.0)
DRIFT = Rule("drift", "psi", above=0.2, clear=0.1, for_seconds=120.0, min_n=500, level="warning")
MEMORY = Rule("memory", "memory", above=100, clear=90, min_n=1)
ERRORS_OF_AN_HOUR = replace(ERRORS, name="errors-of-an-hour", window_seconds=3600.0)
RULES = (ERRORS, DRIFT, MEMORY)


@pytest.fixture
def watched(stand: Stand, tmp_path: Path) -> Stand:
    """Two hours: errors from minute 20 to 30 and at minute 60 for one minute, other values from minute 80 on."""
    stand.clock.set(BEGIN - timedelta(seconds=1))
    stand.rules = RULES
    watch = Watch(
        stand.service.observe, lambda release: BASELINE, RULES, {"memory": stand.channel}, stand.store, system="shop", signals=SIGNALS,
        clock=stand.clock, history=lambda: History(tmp_path / "history.db", stand.clock),
    )  # fmt: skip
    for minute in range(121):
        bad = 30 if 20 <= minute < 30 else 12 if minute == 60 else 0
        stand.service.serve(100, bad, shift=1.0 if minute >= 80 else 0.0)
        stand.clock.advance(60)
        watch.tick()
    stand.clock.advance(1)
    return stand


def _replay(path: Path, stand: Stand, rules: tuple[Rule, ...] = RULES) -> Backtest:
    history, now = History(path / "history.db", stand.clock), stand.clock.now()
    try:
        return backtest(history, SIGNALS, rules, {RELEASE: BASELINE}, now - timedelta(days=7), now)
    finally:
        history.close()


def test_a_rule_would_have_rung_when_the_watch_rang(watched: Stand, tmp_path: Path) -> None:
    found = _replay(tmp_path, watched)
    rang = {
        name: [(parse_stamp(episode.began), episode.ended is not None) for episode in one.episodes] for name, one in found.rules.items()
    }
    then = {notice.rule: parse_stamp(notice.time) for notice in watched.channel.told if notice.kind == "fired"}
    assert (rang["errors"], rang["memory"]) == ([(then["errors"] + timedelta(seconds=1), True)], [])
    assert {moment for moment, _ in rang["drift"]} == {then["drift"] + timedelta(seconds=1)}
    assert {(labels := episode.labels)["feature"] for episode in found.rules["drift"].episodes} == {"age", "(score)"}
    assert all(not over for _, over in rang["drift"]), "it still rings"
    assert then.keys() == {"errors", "drift"}
    assert found.rules["errors"].told == {"fired": 1, "resolved": 1}
    assert labels["release"] == RELEASE


def test_another_threshold_would_have_rung_otherwise(watched: Stand, tmp_path: Path) -> None:
    found = _replay(tmp_path, watched, (replace(ERRORS, above=0.01, clear=0.0), replace(ERRORS, name="never", above=0.9)))
    assert {name: len(one.episodes) for name, one in found.rules.items()} == {"errors": 2, "never": 0}


def test_the_rate_of_a_month_has_an_interval_that_the_replayed_time_allows(watched: Stand, tmp_path: Path) -> None:
    found = _replay(tmp_path, watched)
    errors, memory = found.rules["errors"], found.rules["memory"]
    assert errors.per_month is not None
    value, low, high = errors.per_month
    assert value == pytest.approx(MONTH / errors.judged_seconds)
    assert 0 < low < value < high
    assert errors.judged_seconds == pytest.approx(119 * 60, abs=60)
    assert found.rules["drift"].things == 2
    assert (memory.per_month, memory.to_json()["per_month"]) == (None, None), "what only the live service says was never judged"


def test_before_the_minutes_only_windows_of_an_hour_are_judged(tmp_path: Path) -> None:
    clock, windows = FakeClock(BEGIN), Windows()
    history = History(tmp_path / "history.db", clock)
    history.restore(windows)
    n = bad = 0
    for minute in range(28 * 60):
        windows.add(Snapshot(clock.monotonic(), "one", {RELEASE: Counts(n=n, bad=bad)}, (RELEASE,)))
        history.add(windows)
        clock.advance(60)
        n, bad = n + 100, bad + (30 if 30 <= minute < 150 else 0)
    found = backtest(history, SIGNALS, (ERRORS, ERRORS_OF_AN_HOUR), {}, clock.now() - timedelta(days=7), clock.now())
    history.close()
    assert {name: len(one.episodes) for name, one in found.rules.items()} == {"errors": 0, "errors-of-an-hour": 1}
    assert found.rules["errors"].judged_seconds < 25 * HOUR < found.rules["errors-of-an-hour"].judged_seconds


def test_nothing_counted_is_no_replay(tmp_path: Path) -> None:
    history = History(tmp_path / "history.db", FakeClock(BEGIN))
    found = backtest(history, SIGNALS, RULES, {}, BEGIN - timedelta(days=7), BEGIN)
    history.close()
    assert (found.since, found.moments, found.rules["errors"].per_month) == (None, 0, None)
