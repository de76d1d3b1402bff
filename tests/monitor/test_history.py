"""The history: sums that outlive the watch, by minute, hour and day."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from gonogo.base.clock import FakeClock
from gonogo.errors import ConflictError, StorageError
from gonogo.monitor.counts import SERVICE, Counts
from gonogo.monitor.history import DAY, HOUR, KEPT, LAST_DAY, MINUTE, SAME_HOUR, History
from gonogo.monitor.windows import Snapshot, Windows

RELEASE = "shop@1.0.0"
Remember = Callable[[], "Watching"]


class Watching:
    """A watch of which only counting is left: looks every ten seconds, with so many requests in between."""

    def __init__(self, path: Path, clock: FakeClock, counted: list[int], boot: str = "one") -> None:
        self.clock, self.counted, self.boot = clock, counted, boot
        self.history, self.windows = History(path, clock), Windows()
        self.history.restore(self.windows)

    def look(self, requests: int = 20, *, seconds: float = 10.0) -> None:
        self.clock.advance(seconds)
        self.counted[0] += requests
        counts = {RELEASE: Counts(n=self.counted[0], bad=self.counted[0] // 10, features={"age": (self.counted[0], 0)}, score=(0, 7))}
        self.windows.add(Snapshot(self.clock.monotonic(), self.boot, counts, (RELEASE,)))
        self.history.add(self.windows)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime(2026, 3, 2, 10, 0, tzinfo=UTC))


@pytest.fixture
def remember(tmp_path: Path, clock: FakeClock) -> Iterator[Remember]:
    counted, made = [0], list[Watching]()

    def make() -> Watching:
        made.append(Watching(tmp_path / "history.db", clock, counted))
        return made[-1]

    yield make
    for watching in made:
        watching.history.close()


def test_a_window_outlives_the_watch(remember: Remember) -> None:
    first = remember()
    for _ in range(61):
        first.look()
    later = remember()
    assert later.windows.window(3600).of(RELEASE) == first.windows.window(3600).of(RELEASE)
    later.look()
    assert later.windows.window(3600).of(RELEASE).n == 61 * 20
    assert later.windows.window(3600).of(SERVICE).looks == 61


def test_what_was_counted_while_nobody_watched_is_counted_once(remember: Remember) -> None:
    first = remember()
    for _ in range(10):
        first.look()
    first.counted[0] += 1000
    later = remember()
    later.look(0, seconds=600)
    assert later.windows.window(3600).of(RELEASE).n == 9 * 20 + 1000
    assert later.windows.window(3600).seconds == 9 * 10 + 600


def test_hours_and_days_are_the_sums_of_their_minutes(remember: Remember, clock: FakeClock) -> None:
    watching = remember()
    for _ in range(6 * 60 * 5):
        watching.look()
    since = datetime(2026, 3, 2, 10, tzinfo=UTC)
    hours = watching.history.series(RELEASE, since, clock.now(), timedelta(hours=1))
    assert [moment.hour for moment, _ in hours] == [10, 11, 12, 13, 14, 15][: len(hours)]
    minutes = watching.history.series(RELEASE, since, clock.now(), timedelta(minutes=1))
    hour, of_minutes = hours[2][1], Counts()
    for moment, counts in minutes:
        of_minutes = of_minutes.plus(counts) if moment.hour == 12 else of_minutes
    assert hour == of_minutes
    assert hour.n == 6 * 60 * 20
    assert hour.features["age"] == (6 * 60 * 20, 0)
    days = watching.history.series(RELEASE, since, clock.now(), timedelta(days=1))
    assert sum(counts.n for _, counts in days) == sum(counts.n for _, counts in hours) > 0


def test_a_window_of_the_history_is_that_of_the_watch(remember: Remember) -> None:
    watching = remember()
    for _ in range(6 * 60 * 3):
        watching.look()
    assert watching.history.window(RELEASE, 3600).n == pytest.approx(3600 * 2, abs=6 * 20)
    assert watching.history.window(RELEASE, 7 * DAY).n == pytest.approx(3 * 3600 * 2, abs=12 * 20)
    assert watching.history.releases() == [RELEASE]


def test_the_usual_is_the_last_day_until_there_is_the_same_hour_of_a_week_before(remember: Remember, clock: FakeClock) -> None:
    watching = remember()
    for _ in range(6 * 60 + 1):
        watching.look()
    usual = watching.history.usual(SERVICE, clock.now())
    assert (usual.of, usual.counts.n / usual.counts.seconds) == (LAST_DAY, 2.0)
    clock.advance(7 * DAY - HOUR - 10)  # nobody watches for a week
    for _ in range(30):
        watching.look(200)
    usual = watching.history.usual(SERVICE, clock.now())
    assert (usual.of, usual.counts.n / usual.counts.seconds) == (SAME_HOUR, 2.0)


def test_an_hour_that_was_hardly_seen_does_not_speak_for_the_hour(remember: Remember, clock: FakeClock) -> None:
    watching = remember()
    for _ in range(6 * 20):
        watching.look()
    watching.look(seconds=60)
    assert watching.history.same_hour_of_week(RELEASE, clock.now() + timedelta(days=7)) == Counts()


def test_a_clock_that_jumps_back_loses_nothing(remember: Remember, clock: FakeClock) -> None:
    watching = remember()
    for _ in range(6 * 10):
        watching.look()
    clock._now -= timedelta(minutes=5)
    for _ in range(6 * 10):
        watching.look()
    hour = watching.history.series(RELEASE, datetime(2026, 3, 2, 10, tzinfo=UTC), clock.now() + timedelta(hours=1), timedelta(hours=1))
    last = watching.history.series(RELEASE, clock.now() - timedelta(minutes=1), clock.now(), timedelta(minutes=1))[-1][1]
    assert hour[0][1].n in (119 * 20 - last.n, 119 * 20)


def test_a_clock_that_jumps_forward_for_a_while_costs_nothing_but_its_own_minutes(remember: Remember, clock: FakeClock) -> None:
    watching = remember()
    for _ in range(6 * 30):
        watching.look()
    clock._now += timedelta(days=3000)
    for _ in range(12):
        watching.look()
    clock._now -= timedelta(days=3000)
    for _ in range(12):
        watching.look()
    assert watching.history.window(RELEASE, 3600).n == pytest.approx((6 * 30 + 12) * 20, abs=6 * 20)
    assert remember().windows.window(3600).of(RELEASE).n == pytest.approx((6 * 30 + 12) * 20, abs=6 * 20)


def test_two_watches_count_nothing_twice(remember: Remember) -> None:
    one, other = remember(), remember()
    one.look()
    one.look()
    with pytest.raises(ConflictError, match="another watch"):
        other.look()
    for _ in range(6):
        one.look()
    assert one.history.window(RELEASE, 3600).n == 8 * 20


def test_it_is_bounded(tmp_path: Path, clock: FakeClock) -> None:
    """Twenty features, a score and latencies, at a hundred thousand rows a day: two megabytes a day, no more for a longer one."""
    random = np.random.default_rng(1)
    history, windows = History(tmp_path / "history.db", clock), Windows()
    features = np.zeros((20, 11), dtype=np.int64)
    score, latency = np.zeros(1025, dtype=np.int64), np.zeros(400, dtype=np.int64)
    sizes = []
    for minute in range(1800):
        rows = 70  # a hundred thousand a day
        features += random.multinomial(rows, [0.1] * 10 + [0.0], size=20)
        score += np.bincount((random.beta(2, 5, size=rows) * 1024).astype(int), minlength=1025)
        latency += np.bincount(np.clip(random.normal(320, 15, size=rows), 0, 399).astype(int), minlength=400)
        told = Counts(
            n=rows * (minute + 1), rows=rows * (minute + 1), latency_us=rows * minute * 1e3, score=tuple(score.tolist()),
            latency={str(bucket): times for bucket, times in enumerate(latency.tolist()) if times},
            features={f"feature_{number}": tuple(counts) for number, counts in enumerate(features.tolist())},
        )  # fmt: skip
        clock.advance(60)
        windows.add(Snapshot(clock.monotonic(), "one", {RELEASE: told}, (RELEASE,)))
        history.add(windows)
        if minute in (1499, 1799):
            history._connection.execute("PRAGMA wal_checkpoint")
            sizes.append((tmp_path / "history.db").stat().st_size)
    assert sizes[0] < 2_000_000
    assert sizes[1] < sizes[0] * 1.1
    starts = history._connection.execute("SELECT count(DISTINCT start) FROM bucket WHERE ring = ?", (MINUTE,)).fetchone()[0]
    assert starts <= KEPT[MINUTE]
    history.close()


def test_a_watch_that_is_killed_while_it_writes_leaves_whole_buckets(tmp_path: Path) -> None:
    """Killed at whatever point: the cursor and the buckets agree, so going on counts everything once."""
    path = tmp_path / "history.db"
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from datetime import datetime, UTC
from pathlib import Path
from zoneinfo import ZoneInfo
from gonogo.base.clock import FakeClock
from test_history import Watching
watching = Watching(Path({str(path)!r}), FakeClock(datetime(2026, 3, 2, 10, tzinfo=UTC)), [0])
while True:
    watching.look()
    print(watching.counted[0], flush=True)
"""
    for lines in (3, 17, 40):
        path.unlink(missing_ok=True)
        child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env={**os.environ})
        assert child.stdout is not None
        for _ in range(lines):
            child.stdout.readline()
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        clock = FakeClock(datetime(2026, 3, 2, 11, tzinfo=UTC))
        later = Watching(path, clock, [100_000])
        later.look(0)
        assert later.windows.totals[RELEASE].n == 100_000 - 20  # the first look only told where counting begins
        later.history.close()


def test_a_file_that_is_no_database_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StorageError, match=r"history\.db"):
        History(tmp_path / "history.db")


def test_a_change_of_the_clocks_counts_every_second_once_and_compares_by_utc(tmp_path: Path) -> None:
    """On 29 March 2026 Europe went from UTC+1 to UTC+2: buckets are of UTC, so no hour is missing or twice, and ten in the morning there
    is compared with what was nine in the morning a week before."""
    clock = FakeClock(datetime(2026, 3, 22, 0, 0, tzinfo=UTC))
    history, windows = History(tmp_path / "history.db", clock), Windows()
    history.restore(windows)
    n = 0
    for _ in range(8 * 48 + 1):
        windows.add(Snapshot(clock.monotonic(), "one", {RELEASE: Counts(n=n)}, (RELEASE,)))
        history.add(windows)
        clock.advance(1800)
        n += 100 * (clock.now() - timedelta(minutes=1)).hour  # every hour of UTC has a number of its own
    berlin = ZoneInfo("Europe/Berlin")
    hours = history.series(RELEASE, datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 3, 30, tzinfo=UTC), timedelta(hours=1))
    assert len(hours) == 24
    assert {counts.seconds for _, counts in hours} == {3600.0}
    now = datetime(2026, 3, 30, 8, 0, tzinfo=UTC)
    before = now - timedelta(days=7)
    assert (now.astimezone(berlin).hour, before.astimezone(berlin).hour) == (10, 9)
    found = history.same_hour_of_week(RELEASE, now)
    [(_, then)] = history.series(RELEASE, before, before + timedelta(hours=1), timedelta(hours=1))
    assert found == then
    history.close()


@pytest.mark.parametrize("gone", ["history.db*", "history.db"])
def test_a_file_that_is_removed_is_told_and_what_is_counted_from_then_on_is_in_a_new_one(
    remember: Remember, clock: FakeClock, tmp_path: Path, gone: str
) -> None:
    watching = remember()
    for _ in range(12):
        watching.look()
    assert watching.history.lost == ""
    for path in tmp_path.glob(gone):
        path.unlink()
    watching.look(7)
    assert "the history is gone" in watching.history.lost
    watching.look(8)
    later = History(tmp_path / "history.db", clock)
    assert later.window(RELEASE, 3600).n == 15
    later.close()
    clock.advance(3700)
    assert watching.history.lost == "", "it was told for an hour"
