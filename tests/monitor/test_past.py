"""What the signals would have said at moments gone by: the same as the watch said then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gonogo.base import catalogue
from gonogo.base.clock import FakeClock
from gonogo.monitor.alarms.rule import Rule
from gonogo.monitor.counts import SERVICE, Counts
from gonogo.monitor.history import DAY, HOUR, KEPT, MINUTE, History
from gonogo.monitor.past import looks_over, readings_over
from gonogo.monitor.record import last_record
from gonogo.monitor.signal import Signal
from gonogo.monitor.watch import Watch
from gonogo.monitor.windows import Snapshot, Windows

from .conftest import BASELINE, RELEASE, Stand

BEGIN = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
SIGNALS: list[Signal] = [catalogue.load("signals", name)() for name in catalogue.names("signals")]
ONLY_LIVE = {"memory", "cpu", "weights", "blind"}
READ_ANEW_EVERY_FIVE_MINUTES = {"volume_drop", "volume_spike"}  # by the watch
HALF_AN_HOUR = Rule("half", "error_rate", above=0.5, clear=0.5, window_seconds=1800.0)


class Remembering:
    """A watch of the stand that remembers, looking a second before each minute is over."""

    def __init__(self, stand: Stand, path: Path) -> None:
        self.stand, self.path = stand, path
        stand.clock.set(BEGIN - timedelta(seconds=1))
        self.watch = Watch(
            stand.service.observe, lambda release: BASELINE, (HALF_AN_HOUR,), {}, stand.store, system="shop", signals=SIGNALS,
            clock=stand.clock, history=lambda: History(path, stand.clock),
        )  # fmt: skip

    def minute(self, n: int = 200, bad: int = 0, **how: Any) -> dict[str, Any]:
        if n:
            self.stand.service.serve(n, bad, **how)
        self.stand.clock.advance(60)
        self.watch.tick()
        record = last_record(self.stand.store, "shop")
        assert record is not None
        return record

    def past(self, minutes: int, step: int = 1) -> list[tuple[datetime, list[Any]]]:
        until = self.stand.clock.now() + timedelta(seconds=1)
        history = History(self.path, self.stand.clock)
        since, every = until - timedelta(minutes=minutes), timedelta(minutes=step)
        try:
            return list(readings_over(history, SIGNALS, {RELEASE: BASELINE}, since, until, every, (HALF_AN_HOUR,)))
        finally:
            history.close()


@pytest.fixture
def remembering(stand: Stand, tmp_path: Path) -> Remembering:
    return Remembering(stand, tmp_path / "history.db")


def _values(readings: list[dict[str, Any]]) -> dict[tuple[Any, ...], Any]:
    return {
        (one["signal"], tuple(sorted(one["labels"].items())), one["window_seconds"]): (one["value"], one["n"], one["p_value"], one["low"])
        for one in readings
        if one["signal"] not in ONLY_LIVE | READ_ANEW_EVERY_FIVE_MINUTES
    }


def test_every_signal_says_of_a_past_moment_what_the_watch_said_then(remembering: Remembering) -> None:
    said = []
    for minute in range(30):
        if minute == 12:
            remembering.stand.service.unreachable = True
            said.append(remembering.minute(0))
            remembering.stand.service.unreachable = False
        else:
            said.append(remembering.minute(200 + 10 * minute, 30 if 14 < minute < 20 else 0, ms=2.0 + minute % 5, shift=0.02 * minute))
    past = remembering.past(29)  # the first look only tells where counting begins
    for (moment, readings), record in zip(past, said[1:], strict=True):
        assert moment == datetime.fromisoformat(record["time"].replace("Z", "+00:00")) + timedelta(seconds=1)
        now, then = _values(record["signals"]), _values([reading.to_json() for reading in readings])
        assert now.keys() == then.keys()
        assert {key: (now[key], then[key]) for key in now if then[key] != pytest.approx(now[key], nan_ok=True)} == {}
    assert any(reading.signal == "psi" and reading.value and reading.value > 0.05 for reading in past[-1][1])


def test_a_moment_at_which_nobody_looked_is_left_out(remembering: Remembering) -> None:
    for _ in range(5):
        remembering.minute()
    remembering.stand.clock.advance(20 * 60)
    for _ in range(5):
        remembering.minute()
    assert len(remembering.past(40)) == 4 + 5
    assert [moment.minute for moment, _ in remembering.past(40, step=10)] == [10, 30]


def test_a_watch_whose_history_is_removed_is_half_blind_and_says_so_until_that_was_told(remembering: Remembering, tmp_path: Path) -> None:
    for _ in range(3):
        assert remembering.minute()["problem"] == ""
    for path in tmp_path.glob("history.db*"):
        path.unlink()
    record = {}
    for _ in range(7):
        record = remembering.minute()
    assert "the history is gone" in record["problem"]
    assert [alarm["rule"] for alarm in record["alarms"] if alarm["ringing"]] == ["monitoring-blind"]
    assert len(remembering.past(5)) >= 5, "the new one is gone on with"


def test_while_the_service_did_not_answer_no_release_was_in_service(remembering: Remembering) -> None:
    for minute in range(4):
        remembering.stand.service.unreachable = minute == 3
        remembering.minute()
    last = remembering.past(1)[-1][1]
    assert [reading.value for reading in last if reading.signal == "unreachable"] == [1.0]
    assert {reading.signal for reading in last if reading.labels} == set()


@pytest.fixture
def counted(tmp_path: Path) -> Callable[[int], History]:
    """A history of so many minutes with 60 requests and an error in each, and the clock at their end."""

    def make(minutes: int) -> History:
        clock, windows = FakeClock(BEGIN), Windows()
        history = History(tmp_path / "history.db", clock)
        history.restore(windows)
        for total in range(minutes + 1):
            windows.add(Snapshot(clock.monotonic(), "one", {RELEASE: Counts(n=60 * total, bad=total)}, (RELEASE,)))
            history.add(windows)
            clock.advance(60)
        return history

    return make


def test_buckets_tell_every_time_once_in_the_finest_ring_that_still_holds_it(counted: Callable[[int], History]) -> None:
    minutes = 30 * 60 + 25
    history = counted(minutes)
    buckets = history.buckets(RELEASE, BEGIN.timestamp() - DAY, BEGIN.timestamp() + (minutes + 1) * 60)
    assert sum(bucket.counts.n for bucket in buckets) == 60 * minutes
    assert {bucket.length for bucket in buckets} == {HOUR, MINUTE}
    assert all(one.end <= other.start for one, other in pairwise(buckets))
    assert sum(bucket.length == MINUTE for bucket in buckets) > KEPT[MINUTE] - 60
    only = history.buckets(RELEASE, BEGIN.timestamp() + 7200, BEGIN.timestamp() + 4 * HOUR)
    assert [(bucket.start - BEGIN.timestamp(), bucket.length) for bucket in only] == [(7200, HOUR), (10800, HOUR)]
    history.close()


def test_a_window_shorter_than_the_buckets_of_its_time_says_how_long_it_is(counted: Callable[[int], History]) -> None:
    history = counted(30 * 60)
    until = BEGIN + timedelta(minutes=30 * 60)
    looks = list(looks_over(history, SIGNALS, {}, BEGIN, until, timedelta(hours=1), (HALF_AN_HOUR,)))
    hourly, by_minute = looks[1], looks[-1]
    assert (hourly.resolution, by_minute.resolution) == (HOUR, MINUTE)
    errors = {one.resolution: [(r.window_seconds, r.n) for r in one.readings if r.signal == "error_rate"] for one in (hourly, by_minute)}
    assert errors[HOUR] == [(HOUR, 3600)]
    assert errors[MINUTE][-1] == (1800.0, 1800)
    assert not any(HALF_AN_HOUR.concerns(reading) for reading in hourly.readings)
    assert hourly.in_service == (RELEASE,)
    assert SERVICE not in hourly.in_service
    history.close()


def test_a_step_is_of_whole_minutes_and_no_history_is_no_moment(tmp_path: Path) -> None:
    history = History(tmp_path / "history.db", FakeClock(BEGIN))
    with pytest.raises(ValueError, match="whole number of minutes"):
        next(readings_over(history, SIGNALS, {}, BEGIN, BEGIN, timedelta(seconds=90)))
    assert list(readings_over(history, SIGNALS, {}, BEGIN - timedelta(days=1), BEGIN, timedelta(minutes=10))) == []
    history.close()
