"""Another release beside production, without a judge: A/B with callers that stay, and a shadow that nobody hears."""

from __future__ import annotations

import http.client
import json
import time

import pytest

pytestmark = [pytest.mark.xdist_group("traffic"), pytest.mark.timeout(300)]

OLD, NEW = "late-arrivals@1.0.0", "late-arrivals@1.1.0"


def ask(service, row, **headers) -> str:
    """The release that answered."""
    connection = http.client.HTTPConnection(service.url.removeprefix("http://"), timeout=20)
    connection.request(
        "POST", "/predict", json.dumps({"features": row}), {name.replace("_", "-"): value for name, value in headers.items()}
    )
    answer = connection.getresponse()
    release = json.loads(answer.read())["release"]
    assert answer.status == 200
    connection.close()
    return release


def test_an_experiment_splits_by_caller_copies_for_a_shadow_and_leaves_production_where_it_is(stocked, service) -> None:
    a_row = json.loads(stocked.traffic(service.url, connections=0).bodies[0])["features"]
    split = stocked.json("experiment", "split", NEW, "--share", "50", "--sticky", "X-User-Id")
    assert [(arm["release"], arm["percent"]) for arm in split["arms"]] == [(OLD, 50), (NEW, 50)]
    answers = {user: {ask(service, a_row, x_user_id=f"user {user}") for _ in range(3)} for user in range(20)}
    assert all(len(releases) == 1 for releases in answers.values())
    assert {release for releases in answers.values() for release in releases} == {OLD, NEW}
    assert sum(arm["n"] for arm in stocked.json("experiment", "show")["arms"]) == 60

    refused = stocked.gonogo("rollout", "start", NEW, expect=1).stderr
    assert "an experiment shares the traffic (late-arrivals@1.0.0 50 %, late-arrivals@1.1.0 50 %)" in refused
    assert "gonogo experiment end" in refused
    assert stocked.gonogo("rollout", "status").stdout == "There has been no rollout.\n"

    grown = stocked.json("experiment", "split", NEW, "--share", "80", "--sticky", "x-user-id")
    assert grown["sticky"] == "x-user-id"
    assert all(ask(service, a_row, x_user_id=f"user {user}") == NEW for user, releases in answers.items() if NEW in releases)

    ended = stocked.json("experiment", "end")
    assert (ended["arms"], ended["sticky"]) == ([{"release": OLD, "percent": 100.0, "n": 0, "bad": 0}], None)

    stocked.gonogo("experiment", "shadow", NEW)
    assert {ask(service, a_row) for _ in range(10)} == {OLD}
    deadline = time.monotonic() + 20
    while (cast := stocked.json("experiment", "show")["shadow"]).get("rows", 0) < 10 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert (cast["release"], cast["n"], cast["failed"], cast["rows"]) == (NEW, 10, 0, 10)
    assert "10 sent, 0 failed" in stocked.gonogo("experiment", "show").stdout

    assert stocked.json("status")["production"]["version"] == "1.0.0"
    assert "in production" in stocked.gonogo("experiment", "split", OLD, expect=1).stderr
    stocked.gonogo("experiment", "split", "late-arrivals@9.9.9", expect=2)
    assert stocked.json("experiment", "end")["shadow"] is None


def test_a_rollback_during_an_experiment_says_how_to_end_it_and_plans_nothing(stocked, service) -> None:
    """The release to go back to is the very one that is tried: whoever types it wants that one gone, or not."""
    with stocked.traffic(service.url, connections=8):
        stocked.gonogo("rollout", "start", NEW)
    rollouts = len([event for event in stocked.json("log")["events"] if event["kind"] == "rollout"])
    stocked.gonogo("experiment", "split", OLD, "--share", "50")

    refused = stocked.gonogo("rollback", "--reason", "incident", expect=1)
    assert "an experiment shares the traffic (late-arrivals@1.1.0 50 %, late-arrivals@1.0.0 50 %)" in refused.stderr
    assert "gonogo experiment end" in refused.stderr
    assert refused.stdout == ""
    assert len([event for event in stocked.json("log")["events"] if event["kind"] == "rollout"]) == rollouts
    observed = {arm["release"]: arm["weight_bp"] for arm in stocked.json("status")["service"]["arms"]}
    assert observed == {OLD: 5000, NEW: 5000}

    stocked.gonogo("experiment", "end")
    warm = {arm["release"]: (arm["weight_bp"], bool(arm["pids"])) for arm in stocked.json("status")["service"]["arms"]}
    assert warm == {NEW: (10_000, True), OLD: (0, True)}, "the release before runs on"
    assert stocked.json("rollback", "--reason", "incident")["completed"]
    assert stocked.json("status")["production"]["release"] == OLD

    again = stocked.gonogo("rollback", "--reason", "pressed once more", expect=2)
    assert f"{NEW} was left for {OLD}, the first in production" in again.stderr
    assert stocked.json("status")["production"]["release"] == OLD, "what was left does not come back by the lever that left it"
    assert stocked.json("rollback", "--to", NEW)["completed"]
