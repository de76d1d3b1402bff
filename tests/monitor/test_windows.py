"""Windows are sums of increments; nothing that was not counted gets in."""

from __future__ import annotations

import pytest

from gonogo.errors import FaultError
from gonogo.monitor.counts import SERVICE, Counts
from gonogo.monitor.windows import FINENESS, Snapshot, Windows, read_snapshot

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


def test_a_long_window_begins_at_most_a_fiftieth_of_its_length_too_early_and_keeps_few_marks() -> None:
    seen = Windows(kept_seconds=90_000)
    for look in range(20_000):
        seen.add(shot(look * 5, look * 10))
    for asked in (60, 300, 900, 3600, 86_400):
        found = seen.window(asked)
        assert asked <= found.seconds <= asked * (1 + 1.1 / FINENESS) + 5
        assert found.of(RELEASE).n == found.seconds * 2
    assert len(seen._marks) < 1000


def test_the_service_as_a_whole_is_the_sum_of_its_releases() -> None:
    whole = windows(shot(0, 100, other=Counts(n=5)), shot(10, 150, 3, other=Counts(n=25, bad=1, client_errors=2))).window(60).of(SERVICE)
    assert (whole.n, whole.bad, whole.client_errors, whole.looks, whole.seconds) == (70, 4, 2, 1, 10)


def test_a_look_that_nobody_answers_is_counted_and_leaves_no_release_in_service() -> None:
    seen = windows(shot(0, 100), shot(10, 200))
    seen.missed(20)
    assert (seen.window(60).of(SERVICE).looks, seen.window(60).of(SERVICE).unwell, seen.window(60).in_service) == (2, 1, ())
    seen.add(shot(30, 300))
    assert (seen.window(60).in_service, seen.window(60).of(RELEASE).n) == ((RELEASE,), 200)


def test_a_service_that_never_answered_was_looked_at_all_the_same() -> None:
    seen = Windows()
    for at in (0, 5, 10):
        seen.missed(at)
    assert (seen.window(60).of(SERVICE).looks, seen.window(60).of(SERVICE).unwell) == (3, 3)


def test_looks_at_a_release_that_is_not_healthy_are_counted() -> None:
    seen = windows(shot(0, 100), shot(10, 200))
    seen.add(Snapshot(20, "one", {RELEASE: Counts(n=200)}, (RELEASE,), frozenset({RELEASE})))
    assert (seen.window(60).of(RELEASE).looks, seen.window(60).of(RELEASE).unwell) == (2, 1)


def test_a_run_of_failures_grows_over_looks_and_ends_with_a_good_answer() -> None:
    seen = windows(shot(0, 100), shot(10, 103, 3), shot(20, 103, 3), shot(30, 107, 7))
    assert seen.window(5).failing[RELEASE] == 7
    refused = Snapshot(40, "one", {RELEASE: Counts(n=117, bad=7, client_errors=10)}, (RELEASE,))
    seen.add(refused)
    assert seen.window(5).failing[RELEASE] == 7
    seen.add(Snapshot(50, "one", {RELEASE: Counts(n=119, bad=8, client_errors=10)}, (RELEASE,)))
    assert seen.window(5).failing[RELEASE] == 0


def test_counts_survive_being_written_down() -> None:
    counts = Counts(1.5, 2, 1, 10, 3, 2, 1, 1, 1, 12.5, 9, {"3": 4}, {"age": (1, 0, 2)}, (0, 3))
    assert Counts.from_json(counts.to_json()) == counts
    assert Counts.from_json({**counts.to_json(), "of a later version": 7}) == counts
    assert Counts.from_json({}) == Counts()


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
