"""docs/how-to-go-back-by-rule.md, typed: a rule that goes back, once it is signed for; and a service that is killed over it."""

from __future__ import annotations

import signal
from functools import partial
from typing import Any

import onnx
import pytest

import sample
import waiting
from page import blocks, read_page, typed

PAGE = read_page("how-to-go-back-by-rule.md")
[RULE] = blocks(PAGE, "yaml")
OLD, NEW = "small@1.0.0", "small@1.1.0"
ROLLOUT = "rollout: {steps: [50, 100], min_seconds: 1, margin: 0.1, d: 0.05}\n"
ROWS = [{"amount": round(place / 10 - 2, 2), "city": ("paris", "london", "oslo")[place % 3]} for place in range(40)]
ALARM = "no-answers"
NOT_A_NUMBER = [{"amount": 0.5, "city": "atlantis"}]

until = partial(waiting.until, seconds=90)

pytestmark = [pytest.mark.xdist_group("traffic"), pytest.mark.timeout(400)]


def without_a_number(city: str) -> bytes:
    """A model that is as good as the other one, and computes no number for one city, which no table has."""
    model = onnx.load_from_string(sample.model_bytes(1.4))
    for attribute in model.graph.node[0].attribute:
        if attribute.name == "keys_strings":
            attribute.strings.append(city.encode())
        elif attribute.name == "values_floats":
            attribute.floats.append(float("nan"))
    return bytes(model.SerializeToString())


@pytest.fixture
def ready(small: Any) -> Any:
    """Two releases, the second of which breaks in service; then the rule of the page, which nobody has signed yet."""
    small.gonogo("release")
    (small.folder / "model.onnx").write_bytes(without_a_number("atlantis"))
    small.gonogo("check", expect=1)
    small.gonogo("sign", "technical-lead")
    small.gonogo("release")
    with (small.folder / "gonogo.yaml").open("a") as file:
        file.write(ROLLOUT + RULE)
    small.environment["GONOGO_WATCH_SECONDS"] = "0.5"
    return small


def live(user: Any) -> str:
    return str(user.json("status", expect=None)["production"]["release"])


def said(user: Any) -> str:
    """What the alarm says that follows; "" while it does not ring."""
    return next((str(one["then"]) for one in user.json("alarms", expect=None)["alarms"] if one["rule"] == ALARM and one["ringing"]), "")


def events(user: Any, kind: str) -> list[dict[str, Any]]:
    return [event["body"] for event in user.json("log")["events"] if event["kind"] == kind]


def by_rule(user: Any) -> list[str]:
    """The rollouts that the watch began, with their reasons."""
    found = [event for event in user.json("log")["events"] if event["kind"] == "rollout" and event["actor"] == "watch"]
    return [event["body"]["reason"] for event in found if event["body"]["to"] == "PLANNED"]


def test_a_rule_takes_the_traffic_back_once_and_costs_no_request(ready: Any) -> None:
    """As the page says; then a person puts the release back, and the rule leaves it to people."""
    printed: list[str] = []
    service = traffic = None
    try:
        for command in typed(PAGE):
            words = command.split()[1:]
            if words[0] == "serve":
                service = ready.serve(OLD)
                traffic = ready.clients(service.url, ROWS, connections=8)
                traffic.__enter__()
                continue
            if words[0] == "log":
                with ready.clients(service.url, NOT_A_NUMBER, connections=3):
                    until(lambda: live(ready) == OLD)
            printed.append(ready.gonogo(*words, expect=None).stdout)
        answered = traffic.requests
        until(lambda: traffic.requests > answered + 100)
        seen = traffic.requests, dict(traffic.failures), set(traffic.answers)
        ready.gonogo("rollback", "--to", NEW, "--reason", "I know better")
        with ready.clients(service.url, NOT_A_NUMBER, connections=3):
            again = until(lambda: said(ready)), live(ready)
    finally:
        if traffic is not None:
            traffic.__exit__()
        if service is not None:
            service.stop()
    before, _, signed, *_, status = printed
    assert "nothing goes back by itself: the signed policy does not have this rule as it is" in before
    assert "left by itself, once" in signed
    assert "watch: revert: rule no-answers: error_rate is" in " ".join(status.split())
    assert seen[0] > 100
    assert seen[1:] == ({}, {OLD, NEW})
    [decided] = events(ready, "going_back")
    assert (decided["rule"], decided["release"], decided["to"], decided["n"] >= 300) == (ALARM, NEW, OLD, True)
    assert by_rule(ready) == [f"rule {ALARM}: {decided['text']}"]
    told = [body["text"] for body in events(ready, "notice") if body["rule"] == ALARM]
    assert f"; the traffic goes back to {OLD} by the rule {ALARM}" in told[0]
    assert told[1].endswith(f"the release has no traffic any more; it went back to {OLD} by the rule {ALARM}")
    assert again[1] == NEW
    assert again[0].startswith(f"go back: gonogo rollback --reason {ALARM} (not by itself: a rule left it before (rollout small-2)")
    assert ready.json("log", "--verify")["chain"] == "intact"


def test_an_unsigned_rule_only_says_what_to_type_and_goes_back_once_it_is_signed(ready: Any) -> None:
    service = ready.serve(OLD)
    try:
        with ready.clients(service.url, ROWS, connections=4):
            ready.gonogo("rollout", "start", NEW)
        with ready.clients(service.url, NOT_A_NUMBER, connections=3):
            told = until(lambda: said(ready))
            assert told == f"go back: gonogo rollback --reason {ALARM} (not by itself: the signed policy does not have this rule as it is)"
            assert (live(ready), events(ready, "going_back")) == (NEW, [])
            assert any(told in body["text"] for body in events(ready, "notice"))
            ready.gonogo("sign", "technical-lead", "--policy")
            until(lambda: live(ready) == OLD)
        assert len(by_rule(ready)) == 1
    finally:
        service.stop()


def test_during_an_experiment_a_rule_says_how_to_end_it_and_begins_nothing(ready: Any) -> None:
    ready.gonogo("sign", "technical-lead", "--policy")
    service = ready.serve(OLD)
    try:
        with ready.clients(service.url, ROWS, connections=4):
            ready.gonogo("rollout", "start", NEW)
        ready.gonogo("experiment", "split", OLD, "--share", "50")
        with ready.clients(service.url, NOT_A_NUMBER, connections=6):
            told = until(lambda: said(ready))
        shares = f"an experiment shares the traffic ({NEW} 50 %, {OLD} 50 %): first gonogo experiment end"
        assert told == f"go back: gonogo rollback --reason {ALARM} (not by itself: {shares})"
        assert (live(ready), by_rule(ready), events(ready, "going_back")) == (NEW, [], [])
    finally:
        service.stop()


@pytest.mark.parametrize("place", ["before-commit", "after-commit", "before-send:3", "after-send:3"])
def test_a_service_that_is_killed_between_decision_and_rollback_goes_back_exactly_once(ready: Any, place: str) -> None:
    """At each place the decision is in the log; the rollout is not, is begun, or has moved the traffic already."""
    ready.gonogo("sign", "technical-lead", "--policy")
    ready.environment["GONOGO_FAILPOINT"] = place
    service = ready.serve(OLD)
    del ready.environment["GONOGO_FAILPOINT"]
    try:
        with ready.clients(service.url, ROWS, connections=4):
            ready.gonogo("rollout", "start", NEW)
        with ready.clients(service.url, NOT_A_NUMBER, connections=3):
            assert service.process.wait(90) == -signal.SIGKILL
        assert len(events(ready, "going_back")) == 1
        assert live(ready) == NEW
        service = ready.serve()
        until(lambda: live(ready) == OLD)
        code, answer = service.predict({"amount": 0.5, "city": "atlantis"})
        assert (code, answer["release"]) == (200, OLD)
        assert len(events(ready, "going_back")) == 1
        assert [move["to"] for move in events(ready, "pointer_moved")] == ["1.0.0", "1.1.0", "1.0.0"]
        assert ready.json("log", "--verify")["chain"] == "intact"
    finally:
        service.stop()
