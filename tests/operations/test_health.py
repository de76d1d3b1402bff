"""Whether it is well: one word, and never the good one for what is not known."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gonogo.base.clock import parse_stamp
from gonogo.operations.health import health, watched

LOOKED = "2026-11-21T04:00:00.000Z"
QUIET = {"rule": "drift", "state": "OK", "ringing": False}
ARM = {"release": "shop@1.0.0", "weight_bp": 10000, "alive": True, "healthy": True}


def seen(**more: Any) -> dict[str, Any]:
    return {
        "chain": "intact", "production": {"release": "shop@1.0.0"}, "service": {"alive": True, "problem": "", "arms": [ARM]},
        "watch": {"time": LOOKED, "fresh": True, "problem": "", "untold": 0}, "alarms": [QUIET], **more,
    }  # fmt: skip


def service(**more: Any) -> dict[str, Any]:
    return {"service": {**seen()["service"], **more}}


def watch(**more: Any) -> dict[str, Any]:
    return {"watch": {**seen()["watch"], **more}}


def alarm(state: str, *, ringing: bool) -> dict[str, Any]:
    return {"alarms": [QUIET, {"rule": "errors", "state": state, "ringing": ringing}]}


def test_quiet_alarms_that_were_just_looked_at_are_well():
    assert health(seen()) == {"state": "WELL", "reasons": ["the alarm is quiet"]}


@pytest.mark.parametrize(
    ("trouble", "state", "reason"),
    [
        (alarm("FIRING", ringing=True), "NOT WELL", "ringing: errors"),
        (alarm("RECOVERING", ringing=True), "NOT WELL", "ringing: errors"),
        (alarm("UNKNOWN", ringing=True), "NOT WELL", "ringing: errors"),
        ({"chain": "broken: event 3"}, "NOT WELL", "the audit chain is broken"),
        (service(alive=False, arms=[]), "NOT WELL", "the service does not answer"),
        (service(arms=[{**ARM, "healthy": False}]), "NOT WELL", "shop@1.0.0 has traffic and is not healthy"),
        (service(arms=[{**ARM, "alive": False}]), "NOT WELL", "shop@1.0.0 has traffic and is not healthy"),
        (service(problem="the disk is full"), "UNCERTAIN", "the service has a problem: the disk is full"),
        (alarm("PENDING", ringing=False), "UNCERTAIN", "above its limit, not yet for long enough: errors"),
        (alarm("UNKNOWN", ringing=False), "UNCERTAIN", "cannot be judged now: errors"),
        ({"alarms": []}, "UNCERTAIN", "no alarm has been judged yet"),
        (watch(fresh=False), "UNCERTAIN", f"nobody watches; the last look was at {LOOKED}"),
        (watch(fresh=False, time=None), "UNCERTAIN", "nobody has watched yet"),
        (watch(problem="no baseline"), "UNCERTAIN", "the watch has a problem: no baseline"),
        (watch(untold=2), "UNCERTAIN", "notices that no channel has taken: 2"),
        ({"production": None, **service(alive=False, arms=[])}, "NOTHING LIVE", "no release is in production"),
    ],
)
def test_every_trouble_is_named_and_none_is_well(trouble, state, reason):
    judged = health(seen(**trouble))
    assert (judged["state"], judged["reasons"][0]) == (state, reason)


def test_an_arm_without_traffic_may_rest():
    assert health(seen(**service(arms=[ARM, {**ARM, "weight_bp": 0, "alive": False}])))["state"] == "WELL"


@pytest.mark.parametrize(("seconds", "fresh", "state"), [(0, True, "OK"), (3600, False, "UNKNOWN"), (-3600, False, "UNKNOWN")])
def test_no_alarm_is_known_to_be_quiet_when_nobody_has_looked_for_long(seconds, fresh, state):
    record = {"time": LOOKED, "problem": "", "untold": 0, "signals": [], "alarms": [QUIET]}
    found = watched(record, parse_stamp(LOOKED) + timedelta(seconds=seconds))
    assert (found["watch"]["fresh"], found["alarms"][0]["state"]) == (fresh, state)


def test_what_was_never_watched_is_not_fresh():
    never = {"time": None, "problem": "", "signals": [], "alarms": []}
    assert watched(never, parse_stamp(LOOKED))["watch"] == {"time": None, "fresh": False, "problem": "", "untold": 0}
