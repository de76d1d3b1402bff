"""Windows are sums of increments; nothing that was not counted gets in."""

from __future__ import annotations

import pytest

from gonogo.errors import FaultError
from gonogo.monitor.windows import Counts, Snapshot, Windows, read_snapshot

from .conftest import RELEASE, Service


def shot(at: float, n: int, bad: int = 0, boot: str = "one", **more: Counts) -> Snapshot:
    return Snapshot(at, boot, {RELEASE: Counts(n=n, bad=bad), **more}, (RELEASE,))


def windows(*shots: Snapshot) -> Windows:
    result = Windows()
    for snapshot in shots:
        result.add(snapshot)
    return result


def test_a_window_holds_what_was_counted_within_it() -> None:
    seen = windows(shot(0, 1000), shot(10, 1100, 5), shot(20, 1300, 5), shot(30, 1600, 35))
    assert (seen.window(10).of(RELEASE).n, seen.window(10).of(RELEASE).bad) == (300, 30)
    assert seen.window(20).of(RELEASE).n == 500
    assert seen.window(3600).of(RELEASE).n == 600
    assert seen.window(3600).seconds == 30


def test_the_first_snapshot_only_tells_where_counting_begins() -> None:
    assert windows(shot(0, 5000)).window(60).of(RELEASE) == Counts()
    assert Windows().window(60).in_service == ()


def test_a_new_life_of_the_service_starts_from_zero_and_loses_nothing_that_was_seen() -> None:
    seen = windows(shot(0, 1000), shot(10, 1500), shot(20, 40, boot="two"), shot(30, 100, boot="two"))
    assert seen.window(60).of(RELEASE).n == 600
    assert seen.unbelieved == 0


def test_counters_that_fall_within_one_life_are_not_believed() -> None:
    seen = windows(shot(0, 1000), shot(10, 900), shot(20, 950))
    assert seen.window(60).of(RELEASE).n == 50
    assert seen.unbelieved == 1


def test_a_release_that_appears_counts_from_its_first_request() -> None:
    seen = windows(shot(0, 10), shot(10, 20, new=Counts(n=7)))
    assert seen.window(60).of("new").n == 7


def test_old_steps_are_forgotten() -> None:
    seen = Windows(kept_seconds=100)
    for at in range(0, 1000, 10):
        seen.add(shot(at, at))
    assert seen.window(10_000).seconds <= 110


def test_bins_and_buckets_are_added_as_well() -> None:
    service = Service()
    service.serve(100, ms=2.0)
    first = read_snapshot(service.observe(), 0.0)
    service.serve(300, ms=50.0)
    second = read_snapshot(service.observe(), 10.0)
    grown = windows(first, second).window(60).of(RELEASE)
    assert grown.rows == sum(grown.score) == sum(grown.features["age"]) == 300
    assert grown.histogram().count == 300
    assert grown.histogram().quantile(0.01) == pytest.approx(50_000, rel=0.02)


@pytest.mark.parametrize("broken", [{}, {"boot_id": "x"}, {"boot_id": "x", "releases": {}, "counters": {"1": {"a": {"n": "many"}}}}])
def test_what_cannot_be_read_is_no_snapshot(broken: dict[str, object]) -> None:
    with pytest.raises(FaultError, match="cannot be read"):
        read_snapshot(broken, 0.0)
