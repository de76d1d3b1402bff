"""The check on the load test: its result as facts, in milliseconds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gonogo.errors import DataError
from gonogo.evidence.memory import measure
from measured import values

NAN = float("nan")

RESULT = {
    "requests": 1000, "concurrency": 100, "errors": 3, "error_kinds": {"late": 2, "lost": 1}, "p50_ms": 4.0, "p95_ms": 9.0, "p99_ms": 12.5,
    "mean_ms": 5.0, "max_ms": 20.0, "throughput": 5000.0, "seconds": 0.2, "answers_compared": 500, "max_answer_difference": 1e-9,
    "memory_mb": 210.5,
}  # fmt: skip


def test_a_load_test_becomes_facts_in_milliseconds() -> None:
    found = measure("load", load_result=json.loads(json.dumps(RESULT)))
    assert found.facts["p95"].value == 9.0
    assert found.facts["p95"].unit == "ms"
    assert found.facts["error_share"].value == 0.003
    assert found.findings == ("late: 2", "lost: 1")
    assert {name: found.facts[name].value for name in ("timeouts", "consistent", "memory_mb", "mean", "max")} == {
        "timeouts": 2, "consistent": True, "memory_mb": 210.5, "mean": 5.0, "max": 20.0,
    }  # fmt: skip


def test_quantiles_have_their_intervals_where_so_many_requests_bound_them() -> None:
    found = measure("load", load_result={**RESULT, "intervals": {"p50_ms": [3.8, 4.3], "p95_ms": [8.0, 10.5], "p99_ms": [11.0, None]}})
    p95 = found.facts["p95"]
    assert (p95.low, p95.value, p95.high, p95.level) == (8.0, 9.0, 10.5, 0.95)
    assert (found.facts["p99"].low, found.facts["p99"].high) == (None, None)
    assert measure("load", load_result=RESULT).facts["p50"].low is None


def test_golden_requests_are_a_fact_when_some_were_sent() -> None:
    facts = measure("load", load_result={**RESULT, "golden_checked": 100, "golden_wrong": 2}).facts
    assert (facts["golden_wrong"].value, facts["golden_wrong"].n) == (2, 100)
    assert "golden_wrong" not in measure("load", load_result={**RESULT, "golden_checked": 0, "golden_wrong": 0}).facts


def test_the_picture_is_the_curve_where_there_is_one() -> None:
    curve = [[0.0, 1.0], [0.5, 4.0], [1.0, 20.0]]
    assert measure("load", load_result={**RESULT, "curve": curve}).pictures["latency"]["series"] == {"this bundle": curve}
    assert measure("load", load_result=RESULT).pictures["latency"]["kind"] == "latency"


@pytest.mark.parametrize("apart", [1e-5, "inf"])
def test_answers_that_differ_are_not_consistent(apart: Any) -> None:
    facts = values(measure("load", load_result={**RESULT, "max_answer_difference": apart}))
    assert facts["consistent"] is False


def test_what_a_load_test_did_not_see_is_no_fact() -> None:
    facts = values(measure("load", load_result={**RESULT, "answers_compared": 0, "max_answer_difference": None, "memory_mb": None}))
    assert facts.keys().isdisjoint({"consistent", "max_answer_difference", "memory_mb"})


@pytest.mark.parametrize(
    "changed",
    [
        {"requests": 0, "errors": 0}, {"errors": 1001}, {"errors": None}, {"p95_ms": NAN}, {"p99_ms": float("inf")}, {"p50_ms": "4"},
        {"p95_ms": 1.0}, {"p50_ms": 0, "p95_ms": 0, "p99_ms": 0}, {"concurrency": True}, {"throughput": -1},
        {"error_kinds": None}, {"error_kinds": {"late": "2"}}, {"max_ms": 1.0}, {"answers_compared": 0}, {"max_answer_difference": "none"},
        {"memory_mb": "much"}, {"intervals": {"p50_ms": ["3", 4.3]}}, {"golden_checked": "many"}, {"golden_checked": 5},
    ],
)  # fmt: skip
def test_a_load_test_that_says_nothing_sensible_is_an_error(changed: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        measure("load", load_result={**RESULT, **changed})
