"""The watch: from counters to somebody being told, and across deaths, gaps and silence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gonogo.base.clock import stamp
from gonogo.errors import ConflictError, VerificationError
from gonogo.evidence.checks.alarms import Alarms
from gonogo.monitor.alarms.answers import KIND, Acknowledgement, Answers, Silence
from gonogo.monitor.alarms.rule import Rule
from gonogo.monitor.alarms.telling import Rung
from gonogo.monitor.record import last_record
from gonogo.monitor.signals.error_rate import ErrorRate
from gonogo.monitor.watch import Watch

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


def test_a_service_that_cannot_be_seen_is_one_alarm_of_its_own_and_no_other_begins_or_ends(stand: Stand) -> None:
    watch = stand.watch()
    run(stand, watch, 30)
    stand.service.unreachable = True
    run(stand, watch, 310, requests=0)
    assert [(notice.rule, notice.kind) for notice in stand.channel.told] == [("monitoring-blind", "fired")]
    record = last_record(stand.store, "shop")
    assert record is not None
    assert "cannot be seen" in record["problem"]
    stand.service.unreachable = False
    run(stand, watch, 320)
    assert stand.told == ["fired", "resolved"]


def test_a_baseline_that_cannot_be_read_leaves_the_watch_half_blind_and_that_is_told(stand: Stand) -> None:
    def unreadable(release: str) -> None:
        raise VerificationError(f"{release} was changed.")

    watch = Watch(
        stand.service.observe,
        unreadable,
        stand.rules,
        {"memory": stand.channel},
        stand.store,
        system="shop",
        signals=[ErrorRate()],
        clock=stand.clock,
    )
    run(stand, watch, 310)
    assert [(notice.rule, notice.kind) for notice in stand.channel.told] == [("monitoring-blind", "fired")]
    assert state(stand) == "OK", "what can be judged still is"


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
    (notice,) = stand.channel.told
    assert (notice.kind, notice.key, dict(notice.labels)) == ("fired", f"drift|release={RELEASE}", {"release": RELEASE})
    assert set(notice.of) == {f"drift|feature={feature}|release={RELEASE}" for feature in ("age", "(score)")}, "one message for both"
    events = [event.body for event in stand.store.events(kinds=["alarm"])]
    assert {(body["kind"], body["labels"]["feature"]) for body in events} == {("fired", "age"), ("fired", "(score)")}


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
    assert {alarm["labels"].get("release") for alarm in record["alarms"]} == {"shop@1.1.0", None}


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
    assert shown[0]["thresholds"] == [{"rule": "error-share", "level": "critical", "above": 0.05, "clear": 0.03}]
    assert shown[0]["labels"] == {"release": RELEASE}
    assert {signal["signal"] for signal in record["signals"]} >= {"error_rate", "latency", "psi", "blind"}


def test_nobody_has_watched_is_said_as_none(stand: Stand) -> None:
    assert last_record(stand.store, "shop") is None


@pytest.mark.parametrize("rule", [{"labels": {"feature": "aeg"}}, {"excepted": {"feature": ("age", "(score)")}}])
def test_a_rule_of_what_there_is_none_of_is_unknown_and_judges_when_it_is_mended(stand: Stand, rule: dict[str, Any]) -> None:
    drift = Rule("drift", "psi", above=0.2, clear=0.1, for_seconds=10.0, min_n=500)
    stand.rules = (ERRORS, replace(drift, **rule))
    run(stand, stand.watch(), 30, requests=1000)
    record = last_record(stand.store, "shop")
    assert record is not None
    [alarm] = [one for one in record["alarms"] if one["rule"] == "drift"]
    assert (alarm["state"], alarm["labels"]) == ("UNKNOWN", rule.get("labels", {}))
    counted = Alarms({}).measure({**record, "fresh": True, "fired": []}).facts
    assert (counted["rules"].value, counted["unknown"].value) == (2, 1), "it counts as no rule that watches"
    assert "nothing that the rule speaks of is seen" in alarm["text"]
    assert state(stand) == "OK", "the other rule speaks of what there is"
    stand.service.unreachable = True
    stand.watch().tick()
    assert state(stand, "drift") == "UNKNOWN"
    stand.service.unreachable = False
    stand.rules = (ERRORS, replace(drift, labels={"feature": "age"}))
    run(stand, stand.watch(), 30, requests=1000)
    record = last_record(stand.store, "shop")
    assert record is not None
    assert {one["key"]: one["state"] for one in record["alarms"] if one["rule"] == "drift"} == {
        f"drift|feature=age|release={RELEASE}": "OK"
    }
    assert stand.told == []


def test_a_rule_of_what_is_only_shown_here_is_left_out(stand: Stand) -> None:
    """Nobody says what came true, and nobody said that they would: no figure is judged, and none is missed."""
    stand.rules = (ERRORS, Rule("slice-auc", "auc_drop", above=0.05, clear=0.03, labels={"slice": "plan=basic"}))
    run(stand, stand.watch(), 30)
    record = last_record(stand.store, "shop")
    assert record is not None
    assert {one["rule"] for one in record["alarms"]} == {"monitoring-blind", ERRORS.name}


def answered(stand: Stand, answers: Answers) -> None:
    with stand.store.transaction() as tx:
        tx.put(KIND, "shop", answers.to_json())


def silence(stand: Stand, seconds: float, **labels: str) -> Silence:
    now = stand.clock.now()
    return Silence("s1", ERRORS.name, stamp(now), stamp(now + timedelta(seconds=seconds)), "Ana", "planned work", labels)


def test_what_is_silenced_rings_unheard_and_is_heard_when_the_silence_ends(stand: Stand) -> None:
    answered(stand, Answers((silence(stand, 200),)))
    watch = stand.watch()
    run(stand, watch, 150, share_bad=0.2)
    record = last_record(stand.store, "shop")
    assert record is not None
    (row,) = [alarm for alarm in record["alarms"] if alarm["rule"] == ERRORS.name]
    assert (row["ringing"], row["held_back"][:14], stand.told) == (True, "silenced until", [])
    (event,) = stand.store.events(kinds=["alarm"])
    assert event.body["held_back"] == row["held_back"], "the audit log says that it rang"
    run(stand, watch, 60, share_bad=0.2)
    assert stand.told == ["fired"]


def test_a_silence_of_another_release_silences_nothing_here(stand: Stand) -> None:
    answered(stand, Answers((silence(stand, 200, release="shop@9.9.9"),)))
    run(stand, stand.watch(), 150, share_bad=0.2)
    assert stand.told == ["fired"]


def test_a_clock_that_is_set_back_does_not_prolong_a_silence(stand: Stand) -> None:
    watch = stand.watch()
    watch.tick()
    answered(stand, Answers((silence(stand, 600),)))
    stand.clock.set(stand.clock.now() - timedelta(days=1))
    run(stand, watch, 150, share_bad=0.2)
    assert stand.told == ["fired"]


@pytest.mark.parametrize("days", [-3, 3])
def test_a_clock_that_jumps_neither_begins_nor_ends_an_alarm(stand: Stand, days: int) -> None:
    stand.rules = (replace(ERRORS, for_seconds=90.0),)
    watch = stand.watch()
    watch.tick()
    run(stand, watch, 60, share_bad=0.2)
    assert state(stand) == "PENDING"
    stand.clock.set(stand.clock.now() + timedelta(days=days))
    watch.tick()
    assert state(stand) == "PENDING", "three days were not seen"
    run(stand, watch, 60, share_bad=0.2)
    assert (state(stand), stand.told) == ("FIRING", ["fired"])


def test_a_critical_alarm_that_nobody_answers_asks_further_up_and_an_answer_ends_that(stand: Stand) -> None:
    stand.ladder = (Rung(0.0, "the runbook"), Rung(300.0, "who is on call"), Rung(600.0, "the lead"))
    watch = stand.watch()
    watch.tick()
    run(stand, watch, 400, share_bad=0.2)
    assert [(notice.kind, notice.to) for notice in stand.channel.told] == [("fired", "the runbook"), ("escalated", "who is on call")]
    key = f"{ERRORS.name}|release={RELEASE}"
    answered(stand, Answers((), (Acknowledgement(key, 1, stamp(stand.clock.now()), "Ana"),)))
    run(stand, watch, 8000, share_bad=0.2)
    assert (stand.told[2:], stand.channel.told[2].to) == (["acknowledged"], "Ana")
    run(stand, watch, 300)
    run(stand, watch, 200, share_bad=0.2)
    assert stand.told[3:] == ["resolved", "fired"], "the answer was for the first time it rang"


def test_what_rings_on_without_an_answer_is_told_again_every_hour(stand: Stand) -> None:
    stand.rules = (replace(ERRORS, level="warning"),)
    watch = stand.watch()
    watch.tick()
    run(stand, watch, 2 * 3600 + 120, share_bad=0.2)
    assert stand.told == ["fired", "repeated", "repeated"]


def test_a_warning_of_the_same_thing_is_not_told_beside_the_critical_alarm(stand: Stand) -> None:
    stand.rules = (ERRORS, replace(ERRORS, name="error-share-warning", above=0.01, clear=0.005, level="warning"))
    run(stand, stand.watch(), 120, share_bad=0.2)
    assert [(notice.rule, notice.kind) for notice in stand.channel.told] == [(ERRORS.name, "fired")]


def test_an_alarm_whose_rule_is_gone_is_told_to_be_over(stand: Stand) -> None:
    run(stand, stand.watch(), 120, share_bad=0.2)
    stand.rules = ()
    stand.watch().tick()
    assert stand.told == ["fired", "retired"]


def test_what_an_earlier_version_stored_is_gone_on_with(stand: Stand) -> None:
    """As version 0.4 wrote it."""
    alarm = {
        "key": f"{ERRORS.name}|release={RELEASE}", "rule": ERRORS.name, "labels": {"release": RELEASE},
        "since": stamp(stand.clock.now()), "times": 1,
        "state": {"phase": "FIRING", "before": "OK", "held": 0.0, "blind": 0.0, "blind_told": False},
    }  # fmt: skip
    with stand.store.transaction() as tx:
        tx.put("watch", "shop", {"states": {alarm["key"]: alarm}, "outbox": []})
    run(stand, stand.watch(), 200)
    assert state(stand) == "OK"
