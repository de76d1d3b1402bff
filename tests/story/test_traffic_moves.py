"""Traffic moves in judged steps; a fault that only shows in service is caught; going back costs no request."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

from waiting import until

OLD, NEW = "late-arrivals@1.0.0", "late-arrivals@1.1.0"
pytestmark = [pytest.mark.xdist_group("traffic"), pytest.mark.timeout(300)]


def ship(user, version: str, *, expect: int) -> dict:
    user.take_model(version)
    user.go()
    return user.json("ship", expect=expect)


def test_a_better_release_is_rolled_out_and_one_that_breaks_in_service_is_taken_back_without_a_failed_request(released, service) -> None:
    with released.traffic(service.url, connections=16) as traffic:
        shipped = ship(released, "1.1.0", expect=0)
        assert shipped["rollout"]["state"] == "COMPLETED"
        assert released.json("status")["production"]["version"] == "1.1.0"

        broken = ship(released, "1.2.0", expect=1)
        assert broken["rollout"]["state"] == "ROLLED_BACK", broken
        assert "taken back in" in broken["rollout"]["figures"][-1]
        status = released.json("status")
        assert status["production"]["version"] == "1.1.0"
        time.sleep(0.5)
    assert traffic.failures == {}
    assert set(traffic.answers) == {OLD, NEW, "late-arrivals@1.2.0"}
    assert traffic.requests > 1000
    bad = [arm for arm in status["service"]["arms"] if arm["release"] == "late-arrivals@1.2.0"]
    assert not bad or bad[0]["weight_bp"] == 0
    assert released.json("log", "--verify")["chain"] == "intact"
    kinds = [event["kind"] for event in released.json("log")["events"]]
    assert kinds.count("pointer_moved") == 2  # 1.0.0 at first, then 1.1.0; 1.2.0 never got there


@pytest.mark.parametrize("after", [0.0, 1.5, 3.0])
def test_a_controller_that_is_killed_is_resumed_to_the_same_end_with_the_chain_intact(stocked, service, after: float) -> None:
    with stocked.traffic(service.url, connections=8) as traffic:
        controller = stocked.start("rollout", "start", NEW)
        until(lambda: stocked.json("rollout", "status"))
        time.sleep(after)
        os.killpg(controller.pid, signal.SIGKILL)
        controller.wait()
        assert not stocked.json("rollout", "status")["finished"]
        ended = stocked.json("rollout", "resume")
    assert ended["state"] == "COMPLETED"
    assert traffic.failures == {}
    assert stocked.json("status")["production"]["version"] == "1.1.0"
    assert stocked.json("log", "--verify")["chain"] == "intact"


def test_a_second_controller_is_refused_and_the_first_goes_on(stocked, service) -> None:
    with stocked.traffic(service.url, connections=8):
        first = stocked.start("rollout", "start", NEW)
        until(lambda: stocked.json("rollout", "status"))
        second = stocked.gonogo("rollout", "start", NEW, expect=1)
        assert "rollout" in second.stderr
        assert first.wait(timeout=120) == 0
    assert stocked.json("status")["production"]["version"] == "1.1.0"


def test_pause_holds_the_share_promote_skips_the_judge_and_abort_wins(stocked, service) -> None:
    with stocked.traffic(service.url, connections=4):
        first = stocked.start("rollout", "start", NEW)
        until(lambda: stocked.json("rollout", "status"), lambda seen: seen and seen["state"] == "ANALYZING")
        stocked.gonogo("rollout", "pause", "--reason", "coffee")
        time.sleep(8)  # twice the least time of a stage
        seen = stocked.json("rollout", "status")
        assert (seen["state"], seen["paused"].endswith(": coffee")) == ("ANALYZING", True), seen
        assert {arm["release"]: arm["weight_bp"] for arm in stocked.json("status")["service"]["arms"]} == {OLD: 7500, NEW: 2500}
        stocked.gonogo("rollout", "abort", "--reason", "changed my mind")
        first.wait(timeout=60)
        assert stocked.json("rollout", "status")["state"] in ("ROLLED_BACK", "CANCELLED")
        assert stocked.json("status")["production"]["version"] == "1.0.0"

    # Nobody asks any more: the judge waits for requests, and a person does not.
    again = stocked.start("rollout", "start", NEW)
    until(lambda: stocked.json("rollout", "status"), lambda seen: seen["state"] == "ANALYZING")
    stocked.gonogo("rollout", "promote", "--reason", "verified by hand")
    assert again.wait(timeout=60) == 0
    production = stocked.json("status")["production"]
    assert (production["version"], production["reason"].startswith("canary: promoted by hand by ")) == ("1.1.0", True)
    assert f": verified by hand; {NEW} answers everything" in production["reason"]
    [moved] = [line for line in stocked.gonogo("log").stdout.splitlines() if "pointer_moved" in line and production["reason"] in line]
    assert moved.endswith(production["reason"]), "it is not cut off"


def test_twenty_rollbacks_in_a_row_under_fifty_connections_fail_no_request(stocked, service) -> None:
    with stocked.traffic(service.url, connections=50) as traffic:
        stocked.gonogo("rollout", "start", NEW)
        live = NEW
        for _ in range(20):
            done = stocked.json("rollback", "--to", OLD if live == NEW else NEW)
            assert done["completed"]
            assert done["old"] == live
            assert "ms from the command" in done["figures"][0]
            live = done["new"]
        assert stocked.json("status")["production"]["release"] == live == NEW
    assert traffic.failures == {}
    assert stocked.json("log", "--verify")["chain"] == "intact"


def test_a_failing_canary_goes_to_zero_although_the_controller_is_dead(stocked, service) -> None:
    with stocked.traffic(service.url, connections=16) as traffic:
        controller = stocked.start("rollout", "start", NEW)

        def arms() -> dict[str, Any]:
            return {arm["release"]: arm for arm in stocked.json("status")["service"]["arms"]}

        def complete(seen: dict[str, Any]) -> bool:
            """Every process of the new release is up: one that came later would be well."""
            return NEW in seen and seen[NEW]["weight_bp"] == 2500 and len(seen[NEW]["pids"]) == len(seen[OLD]["pids"])

        seen = until(arms, complete)
        stocked.gonogo("rollout", "pause", "--reason", "to kill the controller at 25 %")
        os.killpg(controller.pid, signal.SIGKILL)
        controller.wait()
        for pid in seen[NEW]["pids"]:
            os.kill(pid, signal.SIGSTOP)
        seen = until(arms, lambda seen: not seen[NEW]["weight_bp"])
        assert seen[OLD]["weight_bp"] == 10000
        ended = stocked.json("rollout", "resume", expect=1)
    assert ended["state"] == "ROLLED_BACK"
    assert traffic.failures == {}
    assert stocked.json("log", "--verify")["chain"] == "intact"
