"""The checks that ask a service for predictions: golden requests, and requests that are wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from gonogo.base.canonical import parse_json
from gonogo.errors import DataError
from measured import values
from spoken_service import ROW, Failing, Garbled, Service, run


def test_right_answers_pass_every_golden_request(served: Any) -> None:
    facts = values(run("golden", Service(served.schema), bundle=served))
    assert facts == {"requests": 2, "rows": 3, "failed": 0, "max_abs_diff": 0.0}


class Skewed(Service):
    def score(self, row: dict[str, Any]) -> float:
        return super().score(row) + 0.001


class NoScores(Service):
    def prediction(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"label": "1"}


class Swapped(Service):
    def prediction(self, row: dict[str, Any]) -> dict[str, Any]:
        good = super().prediction(row)
        return {**good, "scores": {"0": good["scores"]["1"], "1": good["scores"]["0"]}}


class Unlabelled(Service):
    def prediction(self, row: dict[str, Any]) -> dict[str, Any]:
        return {**super().prediction(row), "label": "maybe"}


class Beyond(Service):
    def prediction(self, row: dict[str, Any]) -> dict[str, Any]:
        return {**super().prediction(row), "scores": {"0": -1, "1": 2}}


@pytest.mark.parametrize("kind", [Skewed, NoScores, Swapped, Unlabelled, Beyond, Failing, Garbled])
def test_wrong_answers_fail_golden_requests(served: Any, kind: type[Service]) -> None:
    facts = values(run("golden", kind(served.schema), bundle=served))
    assert facts["failed"] == 2
    assert ("max_abs_diff" in facts) == (kind in (Skewed, Swapped))


class Narrow(Service):
    def predict(self, body: bytes) -> tuple[int, str, bytes]:
        return self.problem(413)


def test_a_golden_request_that_is_too_large_for_the_service_measures_nothing(served: Any) -> None:
    with pytest.raises(DataError, match=r"larger than the service takes.*GONOGO_REQUEST_BODY"):
        run("golden", Narrow(served.schema), bundle=served)


@pytest.mark.parametrize(
    "golden",
    [
        {}, {"requests": [], "tolerance": 1e-5}, {"requests": [{"rows": [ROW], "scores": [[0.25, 0.75]]}]},
        {"requests": [{"rows": [], "scores": []}], "tolerance": 1e-5},
        {"requests": [{"rows": [ROW], "scores": [[1.0]]}], "tolerance": 1e-5},
        {"requests": [{"rows": [ROW], "scores": [[0.25, 0.75]]}], "tolerance": 5.0}, {"requests": ["x"], "tolerance": 1e-5},
    ],
)  # fmt: skip
def test_golden_requests_that_prove_nothing_are_an_error(served: Any, bundle: Callable[..., Any], golden: Any) -> None:
    with pytest.raises(DataError):
        run("golden", Service(served.schema), bundle=bundle(schema=served.schema, golden=golden))


def test_a_service_that_refuses_everything_wrong_has_no_faults(served: Any) -> None:
    found = run("validation", Service(served.schema), bundle=served)
    facts = values(found)
    assert found.findings == ()
    assert facts.pop("cases") > 80
    assert facts.pop("injections") > 30
    assert facts == {"accepted": 0, "server_errors": 0, "unnamed": 0, "leaks": 0, "alive": True}


class FillsIn(Service):
    """Takes a missing feature for 0."""

    def predict(self, body: bytes) -> tuple[int, str, bytes]:
        try:
            features = parse_json(body)["features"]
        except (ValueError, TypeError, KeyError):
            return super().predict(body)
        if isinstance(features, dict) and features:
            body = json.dumps({"features": {"amount": 0, "age": 0, "count": 0, "flag": False, "city": "", **features}}).encode()
        return super().predict(body)


class Mute(Service):
    """Refuses without naming what is wrong."""

    def problem(self, status: int, **more: Any) -> tuple[int, str, bytes]:
        return super().problem(status)


class Crashes(Service):
    """Fails on what it did not expect."""

    def problem(self, status: int, **more: Any) -> tuple[int, str, bytes]:
        return super().problem(500 if status == 422 else status, **more)


class HangsUp(Service):
    def problem(self, status: int, **more: Any) -> tuple[int, str, bytes]:
        raise ConnectionAbortedError


class Chatty(Service):
    """Shows its inside."""

    def problem(self, status: int, **more: Any) -> tuple[int, str, bytes]:
        return super().problem(status, detail="Traceback (most recent call last): …", **more)


class Dies(Service):
    """Answers no right request any more after the first wrong one."""

    broken = False

    def predict(self, body: bytes) -> tuple[int, str, bytes]:
        status, kind, data = super().predict(body)
        self.broken = self.broken or status != 200
        return (503, kind, b"{}") if self.broken and status == 200 else (status, kind, data)


@pytest.mark.parametrize(
    ("kind", "counted"),
    [(FillsIn, "accepted"), (Mute, "unnamed"), (Crashes, "server_errors"), (HangsUp, "server_errors"), (Chatty, "leaks")],
)
def test_each_way_to_handle_wrong_requests_badly_is_counted(served: Any, kind: type[Service], counted: str) -> None:
    found = run("validation", kind(served.schema), bundle=served)
    facts = values(found)
    assert facts[counted] > 0
    assert found.findings
    others = {"accepted", "unnamed", "server_errors", "leaks"} - {counted}
    assert sum(facts[name] for name in others) == 0
    assert facts["alive"] is True


def test_a_service_that_hostile_requests_break_is_not_alive(served: Any) -> None:
    assert values(run("validation", Dies(served.schema), bundle=served))["alive"] is False


@pytest.mark.parametrize("kind", [Failing, Garbled, Beyond])
def test_a_service_that_refuses_right_requests_proves_nothing_by_refusing_wrong_ones(served: Any, kind: type[Service]) -> None:
    with pytest.raises(DataError, match="prove nothing"):
        run("validation", kind(served.schema), bundle=served)
