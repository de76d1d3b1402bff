"""The watch: from counters to somebody being told, and across deaths, gaps and silence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gonogo.errors import ConflictError
from gonogo.monitor.alarms.rule import Rule
from gonogo.monitor.watch import Watch, last_record

from .conftest import ERRORS, RELEASE, Stand


def run(stand: Stand, watch: Watch, seconds: int, *, share_bad: float = 0.0, requests: int = 100, **how: float) -> None:
    """Traffic and a look every five seconds."""
    for _ in range(seconds // 5):
        if requests:
            stand.service.serve(requests, round(requests * share_bad), **how)  # type: ignore[arg-type]
        stand.clock.advance(5)
        watch.tick()


def state(stand: Stand, rule: str = ERRORS.name) -> str:
    record = last_record(stand.store, "shop")
    assert record is not None
    return next(str(alarm["state"]) for alarm in record["alarms"] if alarm["rule"] == rule)


def test_an_error_rate_that_stays_high_is_told_once_and_its_end_is_told_once(stand: Stand) -> None:
    watch = stand.watch()
    run(stand, watch, 30)
    assert state(stand) == "OK"
    run(stand, watch, 120, share_bad=0.2)
    assert stand.told == ["fired"]
    run(stand, watch, 300)
    assert stand.told == ["fired", "resolved"]
    assert "above 0.05, for 30 s" in stand.channel.told[0].text
    assert stand.channel.told[0].key == stand.channel.told[1].key
    assert [event.body["kind"] for event in stand.store.events(kinds=["alarm"])] == ["fired", "resolved"]
    assert stand.store.verify_chain(None).intact


def test_a_short_dip_is_not_told(stand: Stand) -> None:
    stand.rules = (replace(ERRORS, for_seconds=90.0),)
    watch = stand.watch()
    run(stand, watch, 30)
    run(stand, watch, 20, share_bad=0.2)
    run(stand, watch, 200)
    assert stand.told == []


def test_a_watch_that_dies_goes_on_with_its_timers(stand: Stand) -> None:
    for _ in range(12):  # a new watch every ten seconds: none of them lives as long as the rule's duration
        watch = stand.watch()
        watch.tick()
        run(stand, watch, 10, share_bad=0.2, requests=200)
    assert stand.told == ["fired"]


def test_a_gap_in_the_data_neither_ends_an_alarm_nor_starts_it_over(stand: Stand) -> None:
    watch = stand.watch()
    watch.tick()
    run(stand, watch, 80, share_bad=0.2)
    assert stand.told == ["fired"]
    stand.service.unreachable = True
    run(stand, watch, 60, requests=0)
    assert state(stand) == "UNKNOWN"
    stand.service.unreachable = False
    run(stand, watch, 60, share_bad=0.2)
    assert (stand.told, state(stand)) == (["fired"], "FIRING")


def test_a_service_that_cannot_be_seen_is_told_and_so_is_its_return(stand: Stand) -> None:
    watch = stand.watch()
    run(stand, watch, 30)
    stand.service.unreachable = True
    run(stand, watch, 300, requests=0)
    assert stand.told == ["blind"]
    record = last_record(stand.store, "shop")
    assert record is not None
    assert "cannot be seen" in record["problem"]
    stand.service.unreachable = False
    run(stand, watch, 60)
    assert stand.told == ["blind", "seeing"]


def test_too_few_requests_are_unknown_not_well(stand: Stand) -> None:
    watch = stand.watch()
    run(stand, watch, 60, requests=5)
    assert state(stand) == "UNKNOWN"


def test_a_restart_of_the_service_does_not_ring(stand: Stand) -> None:
    watch = stand.watch()
    run(stand, watch, 60)
    stand.service.restart()
    run(stand, watch, 60)
    assert (stand.told, state(stand)) == ([], "OK")


def test_drift_rings_for_the_feature_that_drifts(stand: Stand) -> None:
    stand.rules = (Rule("drift", "psi", above=0.2, clear=0.1, for_seconds=10.0, min_n=500),)
    watch = stand.watch()
    run(stand, watch, 30, requests=1000)
    assert state(stand, "drift") == "OK"
    run(stand, watch, 300, requests=1000, shift=1.5)
    assert {(notice.kind, notice.labels["feature"]) for notice in stand.channel.told} == {("fired", "age"), ("fired", "(score)")}


def test_alarms_of_a_release_that_has_left_are_retired_and_one_that_rang_is_told_so(stand: Stand) -> None:
    watch = stand.watch()
    watch.tick()
    run(stand, watch, 80, share_bad=0.2)
    stand.service.weights = {"shop@1.1.0": 10_000}
    stand.service.serve(100, release="shop@1.1.0")
    stand.clock.advance(5)
    watch.tick()
    assert stand.told == ["fired", "retired"]
    record = last_record(stand.store, "shop")
    assert record is not None
    assert {alarm["labels"]["release"] for alarm in record["alarms"]} == {"shop@1.1.0"}


def test_what_a_channel_does_not_take_is_told_when_it_does(stand: Stand) -> None:
    stand.channel.unreachable = True
    watch = stand.watch()
    watch.tick()
    run(stand, watch, 80, share_bad=0.2)
    record = last_record(stand.store, "shop")
    assert record is not None
    assert (stand.told, record["untold"]) == ([], 1)
    stand.channel.unreachable = False
    stand.watch().tick()
    assert stand.told == ["fired"]


def test_two_watches_of_one_system_do_not_overwrite_each_other(stand: Stand) -> None:
    first = stand.watch()
    first.tick()
    original, second = stand.service.observe, stand.watch()

    def while_looking() -> dict[str, object]:
        stand.service.observe = original  # type: ignore[method-assign]
        second.tick()
        return original()

    late = Watch(while_looking, lambda release: None, stand.rules, {}, stand.store, system="shop", signals=[], clock=stand.clock)
    with pytest.raises(ConflictError):
        late.tick()


def test_the_record_shows_every_threshold_beside_its_series(stand: Stand) -> None:
    watch = stand.watch()
    run(stand, watch, 30)
    record = last_record(stand.store, "shop")
    assert record is not None
    shown = [signal for signal in record["signals"] if signal["signal"] == "error_rate"]
    assert shown[0]["thresholds"] == [{"rule": "error-share", "above": 0.05, "clear": 0.03}]
    assert shown[0]["labels"] == {"release": RELEASE}
    assert {signal["signal"] for signal in record["signals"]} == {"error_rate", "latency", "psi"}


def test_nobody_has_watched_is_said_as_none(stand: Stand) -> None:
    assert last_record(stand.store, "shop") is None
