"""Whatever the candidates: nobody is recommended who may not be chosen, and what is missing is never good. Whatever the retrains: a red one
begins the count anew, and a copy never helps."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gonogo.candidate.comparison import Candidate, Comparison, Figure
from gonogo.candidate.decision import recommend
from gonogo.evidence.retrains import different, in_a_row, shortfalls, spread

GREEN = ("accuracy >= 0.9", "p95_ms <= 35 ms")
figures = st.one_of(st.none(), st.floats(0, 1))
candidates = st.lists(
    st.tuples(
        figures,
        st.sampled_from(["CANDIDATE", "IN_PROGRESS", "REJECTED", "CHOSEN"]),
        st.sampled_from(["", "the model is gone"]),
        st.booleans(),
        st.one_of(st.none(), st.integers(1, 10**6)),
    ),
    max_size=8,
)
values = st.one_of(st.floats(allow_nan=True), st.none(), st.just("0.99"), st.booleans())
runs = st.lists(st.tuples(st.integers(1, 4), st.sampled_from("ab"), st.integers(0, 5), values), max_size=8)


def compared(drawn: list[tuple[Any, ...]]) -> tuple[Comparison, dict[str, list[str]]]:
    made = [
        Candidate(
            f"c{number}", f"sha256:{number}", "kind", status, "", "", 1, {}, {} if value is None else {"f1_macro": Figure(value)}, gone,
            parameters=size,
        )
        for number, (value, status, gone, _, size) in enumerate(drawn)
    ]  # fmt: skip
    return Comparison("s", "f1_macro", tuple(made)), {f"c{number}": ["short"] for number, one in enumerate(drawn) if one[3]}


@given(drawn=candidates)
def test_who_is_recommended_may_be_chosen_and_nobody_of_them_is_better(drawn: list[tuple[Any, ...]]) -> None:
    comparison, short = compared(drawn)
    found = recommend(comparison, short)
    able = [one for one in comparison.candidates if one.ready and one.name not in short and one.figure("f1_macro")]
    assert (found.name is None) == (not able)
    if found.name is not None:
        best = max(figure.value for one in able if (figure := one.figure("f1_macro")))
        chosen = comparison.named(found.name)
        assert chosen in able
        assert chosen is not None
        assert chosen.figure("f1_macro") == Figure(best)


@given(drawn=candidates, more=candidates)
def test_candidates_that_may_not_be_chosen_change_nothing(drawn: list[tuple[Any, ...]], more: list[tuple[Any, ...]]) -> None:
    refused = [(value, "REJECTED", gone, short, size) for value, _, gone, short, size in more]
    assert recommend(*compared(drawn)).name == recommend(*compared([*drawn, *refused])).name


def made(drawn: list[tuple[int, str, int, Any]]) -> list[dict[str, Any]]:
    return [{"seed": s, "train": t, "says": says, "metrics": {"accuracy": value, "p95_ms": 1.0}} for s, t, says, value in drawn]


@given(drawn=runs)
def test_a_red_retrain_begins_the_count_anew_and_only_numbers_are_green(drawn: list[tuple[int, str, int, Any]]) -> None:
    series = made(drawn)
    red = {"seed": 9, "train": "a", "says": 99, "metrics": {"accuracy": 0.1, "p95_ms": 1.0}}
    assert in_a_row([*series, red], GREEN) == 0
    for run in series:
        value = run["metrics"]["accuracy"]
        good = isinstance(value, float) and math.isfinite(value) and value >= 0.9
        assert (not shortfalls(run["metrics"], GREEN)) == good
        assert shortfalls({}, GREEN)
    if series:
        plain = [run["metrics"]["accuracy"] for run in series]
        usable = all(isinstance(value, float) and math.isfinite(value) for value in plain)
        assert math.isnan(spread(series, "accuracy")) != usable or math.isinf(max(plain) - min(plain))


@given(drawn=runs)
def test_copies_are_counted_and_never_kept(drawn: list[tuple[int, str, int, Any]]) -> None:
    series = made(drawn)
    kept, copies = different(series)
    assert len(kept) + copies == len(series)
    assert different(kept) == (kept, 0)
    assert different([*series, *series])[0] == kept
    assert len({(run["seed"], run["train"]) for run in kept}) == len(kept) == len({run["says"] for run in kept})
