"""Counting has laws: however rows fall on processes, requests and looks, the sums are the same whole numbers; and they stay small."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.model.schema import Feature, GraphInput, Schema
from gonogo.monitor.counts import SERVICE, Counts, read_counts
from gonogo.monitor.history import Bucket
from gonogo.monitor.past import _Sums
from gonogo.monitor.windows import Snapshot, Windows
from gonogo.service.drift import DriftCounter
from gonogo.stats.bins import fit_categorical, fit_numeric

RANDOM = np.random.default_rng(5)
SCHEMA = Schema(
    task="binary-classification",
    inputs=(GraphInput("rows", "float32", 2), GraphInput("city", "string", 1)),
    features=(
        Feature("age", "float", True, "rows", 0),
        Feature("fare", "float", True, "rows", 1),
        Feature("city", "string", True, "city", 0),
    ),
    classes=("no", "yes"),
    score_output="probabilities",
)
NUMERIC = {"bins": fit_numeric(RANDOM.normal(size=5000)).to_json(), "range": {"low": -2.0, "high": 2.0}}
CITIES = fit_categorical(np.array(["Oslo", "Rom", "Bonn"] * 100, dtype=object))
BASELINE = {
    "features": {"age": NUMERIC, "fare": NUMERIC, "city": {"bins": CITIES.to_json()}},
    "score": {"bins": fit_numeric(RANDOM.uniform(size=5000)).to_json()},
}

numbers = st.floats(-5, 5, width=32) | st.just(float("nan")) | st.sampled_from([float("inf"), float("-inf")])
rows = st.tuples(numbers, numbers, st.sampled_from(["Oslo", "Rom", "Bonn", "Ur", ""]), st.floats(0, 1) | st.just(float("nan")))


def _counted(rows: Sequence[tuple[float, float, str, float]], cuts: Sequence[int] = ()) -> dict[str, Any]:
    """What a process says of itself that got these rows in requests that end at the cuts."""
    counter, ends = DriftCounter(SCHEMA, BASELINE), sorted({0, *(min(cut, len(rows)) for cut in cuts), len(rows)})
    for begin, end in pairwise(ends):
        some = rows[begin:end]
        batch = {
            "rows": np.array([row[:2] for row in some], dtype=np.float32).reshape(-1, 2),
            "city": np.array([[row[2]] for row in some], dtype=object).reshape(-1, 1),
        }
        score = np.array([row[3] for row in some])
        counter.add(batch, np.column_stack([1 - score, score]))
    return counter.to_json()


def _counts(drift: dict[str, Any]) -> Counts:
    return read_counts([], "shop@1.0.0", None, drift)


@settings(max_examples=40)
@given(st.lists(rows, min_size=1, max_size=40), st.lists(st.integers(0, 40), max_size=4), st.integers(0, 40))
def test_the_sums_of_processes_are_those_of_one_however_requests_are_cut(
    some: list[tuple[float, float, str, float]], cuts: list[int], place: int
) -> None:
    one = _counts(_counted(some))
    assert _counts(_counted(some, cuts)) == one
    first, second = some[:place], some[place:]
    assert _counts(_counted(first)).plus(_counts(_counted(second))).to_json() == one.to_json()
    assert sum(one.fine) == one.rows == len(some), "a score that is no number is counted as missing, not left out"


@settings(max_examples=40)
@given(st.lists(st.integers(0, 1000), min_size=2, max_size=30), st.integers(1, 29), st.integers(0, 28))
def test_a_window_of_the_past_is_the_sum_of_its_buckets(requests: list[int], high: int, low: int) -> None:
    buckets = [Bucket(60 * place, 60, Counts(n=n, fine=(n, 0, 2 * n), latency={"7": n})) for place, n in enumerate(requests)]
    high = min(high, len(buckets))
    low = min(low, high)
    expected = Counts()
    for bucket in buckets[low:high]:
        expected = expected.plus(bucket.counts)
    assert _Sums(buckets).between(60 * low, 60 * high).to_json() == expected.to_json()


def test_ten_thousand_categories_are_counted_in_the_bins_of_the_baseline() -> None:
    counts = _counts(_counted([(0.0, 0.0, f"city {number}", 0.5) for number in range(10_000)]))
    assert len(counts.features["city"]) == CITIES.size
    assert sum(counts.features["city"]) == 10_000


def test_a_watch_of_days_keeps_hardly_more_than_one_of_a_day() -> None:
    """The marks of its windows are bounded by their ages, not by the number of looks."""
    windows, marks = Windows(), []
    for look in range(6_000):
        windows.add(Snapshot(60.0 * look, "one", {"shop@1.0.0": Counts(n=look)}, ("shop@1.0.0",)))
        if look in (1_600, 5_999):
            marks.append(len(windows._marks))
    assert marks[1] <= 1.05 * marks[0] < 500
    assert windows.window(3600).of(SERVICE).n == pytest.approx(60, abs=2)
