"""Comparing and deciding, in memory: missing is missing, ties are said, and what may not be chosen is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gonogo.candidate.comparison import COLUMNS, Candidate, Comparison, Figure, better_is_less, named_apart
from gonogo.candidate.decision import decide, recommend
from gonogo.errors import NotFoundError, RefusedError, UsageError

LABEL = [str(one) for one in np.random.default_rng(0).integers(0, 2, 400)]


def said(right: float, seed: int) -> list[str]:
    random = np.random.default_rng(seed)
    return [one if random.random() < right else str(1 - int(one)) for one in LABEL]


def candidate(name: str, f1: float | None = None, **more: Any) -> Candidate:
    given: dict[str, Any] = {
        "name": name, "run": f"sha256:{name * 12}", "family": "lstm", "status": "CANDIDATE", "reason": "", "time": "", "seed": 1,
        "settings": {}, "figures": {} if f1 is None else {"f1_macro": Figure(f1)}, "gone": "",
    }  # fmt: skip
    return Candidate(**{**given, **more})


def compared(*candidates: Candidate, metric: str = "f1_macro") -> Comparison:
    return Comparison("bars", metric, candidates)


def decided(comparison: Comparison, name: str, **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "reason": "best on validation by far", "risk": "LOW", "fallback": "second", "rejected": {}, "shortfalls": {}, "criteria": {},
        "by": "tom", "time": "2026-01-01T00:00:00.000Z",
    }  # fmt: skip
    return decide(comparison, name, **{**given, **more})


def test_the_table_has_the_fixed_columns_and_a_missing_figure_is_none() -> None:
    row = candidate("a", 0.22, size=400_000, parameters=100_000).row()
    assert tuple(row) == COLUMNS
    assert {name for name, value in row.items() if value is None} == {"accuracy", "precision", "recall"}
    assert (row["f1"], row["params"], row["size_mb"], row["status"]) == (0.22, 100_000, 0.4, "CANDIDATE")


def test_the_best_of_each_kind_has_the_metric_and_was_not_rejected() -> None:
    comparison = compared(
        candidate("none"), candidate("low", 0.2), candidate("high", 0.3), candidate("best", 0.9, status="REJECTED"),
        candidate("crf", 0.1, family="crf"),
    )  # fmt: skip
    assert {family: one.name for family, one in comparison.best.items()} == {"lstm": "high", "crf": "crf"}


def test_of_a_loss_the_least_is_the_best() -> None:
    assert better_is_less("validation_loss")
    assert not better_is_less("f1_macro")
    one, other = (candidate(name, figures={"validation_loss": Figure(value)}) for name, value in (("a", 0.4), ("b", 0.3)))
    assert compared(one, other, metric="validation_loss").best["lstm"].name == "b"


def test_a_run_is_found_by_name_or_by_the_beginning_of_its_digest() -> None:
    comparison = compared(candidate("abcdefgh"), candidate("other"))
    assert comparison.named("abcdefgh") is comparison.candidates[0]
    assert comparison.named("otherotherot") is comparison.candidates[1]
    assert comparison.named("oth") is None


def test_the_newest_run_keeps_its_name() -> None:
    assert named_apart(["crf", "crf", "lstm"], ["sha256:1234567890", "sha256:abcdefabcd", "sha256:0"]) == ["crf", "crf@abcdefab", "lstm"]


def test_of_those_that_the_examples_do_not_tell_apart_the_smaller_is_recommended_and_the_tie_is_said() -> None:
    large = candidate("large", 0.81, parameters=500_000, examples="e", label=LABEL, said=said(0.8, 1))
    small = candidate("small", 0.80, parameters=100_000, examples="e", label=LABEL, said=said(0.8, 2))
    poor = candidate("poor", 0.5, parameters=10, examples="e", label=LABEL, said=said(0.5, 3))
    found = recommend(compared(large, small, poor), {})
    assert (found.name, found.ties) == ("small", ("large",))
    assert "within noise" in found.why
    alone = replace(small, examples="others")
    assert recommend(compared(large, alone, poor), {}).name == "large", "other examples show nothing"


@pytest.mark.parametrize(
    "more",
    [{"status": "IN_PROGRESS"}, {"status": "REJECTED"}, {"gone": "the model is gone"}, {"figures": {}}],
    ids=["in progress", "rejected", "gone", "not measured"],
)
def test_what_may_not_be_chosen_is_not_recommended(more: dict[str, Any]) -> None:
    best = candidate("best", **{"figures": {"f1_macro": Figure(0.9)}, **more})
    assert recommend(compared(best, candidate("second", 0.3)), {}).name == "second"
    found = recommend(compared(best), {})
    assert found.name is None
    assert "best: " in found.why


def test_who_does_not_meet_the_criteria_is_not_recommended() -> None:
    found = recommend(compared(candidate("best", 0.9), candidate("second", 0.3)), {"best": ["recall-floor: recall was not measured"]})
    assert found.name == "second"


def test_the_record_has_a_reason_for_every_alternative() -> None:
    comparison = compared(candidate("best", 0.9), candidate("second", 0.3), candidate("third"), candidate("fourth", 0.1))
    record = decided(comparison, "best", rejected={"fourth": "finds too few"}, criteria={"f1-floor": "f1_macro >= 0.20"})
    reasons = {one["name"]: (one["status"], one.get("reason")) for one in record["candidates"]}
    assert reasons["second"] == ("CANDIDATE", "f1_macro 0.3 is worse than 0.9, not on the same examples")
    assert reasons["third"] == ("CANDIDATE", "f1_macro was not measured")
    assert reasons["fourth"] == ("REJECTED", "finds too few")
    assert record["criteria"] == {"f1-floor": "f1_macro >= 0.20"}


def test_the_record_says_what_the_same_examples_say() -> None:
    one = candidate("best", 0.8, examples="e", label=LABEL, said=said(0.8, 1))
    other = candidate("second", 0.8, examples="e", label=LABEL, said=said(0.8, 2))
    (_, entry) = decided(compared(one, other), "best")["candidates"]
    assert "within noise" in entry["reason"]
    assert entry["gain"]["within_noise"] is True
    assert entry["gain"]["n"] == 400


@pytest.mark.parametrize(
    ("name", "more", "kind", "why"),
    [
        ("nobody", {}, NotFoundError, "no candidate is called 'nobody'"),
        ("best", {"fallback": "nobody"}, NotFoundError, "no candidate is called 'nobody'"),
        ("best", {"fallback": "best"}, UsageError, "the chosen one itself"),
        ("best", {"reason": "because"}, UsageError, "says too little"),
        ("best", {"risk": "NONE"}, UsageError, "no risk level"),
        ("best", {"rejected": {"second": "poor"}}, UsageError, "rejected and taken at once"),
        ("best", {"fallback": "running"}, RefusedError, "running cannot be the fallback: it is in progress"),
        ("running", {}, RefusedError, "cannot be chosen: it is in progress"),
        ("refused", {}, RefusedError, r"it was rejected \(too slow\)"),
        ("lost", {}, RefusedError, "the model is gone"),
        ("best", {"shortfalls": {"best": ["f1-floor: 0.1"]}}, RefusedError, "does not meet the criteria: f1-floor"),
    ],
)
def test_what_cannot_be_decided_is_refused(name: str, more: dict[str, Any], kind: type[Exception], why: str) -> None:
    comparison = compared(
        candidate("best", 0.9), candidate("second", 0.3), candidate("running", status="IN_PROGRESS"),
        candidate("refused", 0.9, status="REJECTED", reason="too slow"), candidate("lost", 0.9, gone="the model is gone"),
    )  # fmt: skip
    with pytest.raises(kind, match=why):
        decided(comparison, name, **more)
