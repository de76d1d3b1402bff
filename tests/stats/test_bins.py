"""Bins: frozen at the reference, every value counted exactly once, missing values apart."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from typing import Any

import numpy as np
import pytest

from gonogo.stats.bins import BinEdges, fit_categorical, fit_numeric, uniform
from gonogo.stats.counters import FeatureCounter


def text(*values: Any) -> Any:
    return np.array(values, dtype=object)


def test_quantile_bins_hold_equal_shares_of_the_reference() -> None:
    values = np.random.default_rng(0).normal(size=100_000)
    bins = fit_numeric(values)
    counts = bins.count(values)
    assert bins.size == 11
    assert counts[-1] == 0
    assert counts[:-1].min() > 9_900
    assert counts[:-1].max() < 10_100


def test_each_value_has_one_bin() -> None:
    bins = BinEdges("numeric", (0.0, 1.0))
    values = np.array([-np.inf, -1, 0, 0.5, 1, 2, np.inf, np.nan, np.nan])
    assert bins.count(values).tolist() == [3, 2, 2, 2]
    assert bins.labels() == ["up to 0", "0 to 1", "over 1", "missing"]


def test_ties_are_merged_and_no_bin_of_the_reference_is_empty() -> None:
    values = np.array([0.0] * 900 + list(range(1, 101)))
    bins = fit_numeric(values)
    assert bins.size < 11
    assert bins.count(values)[:-1].min() > 0


def test_few_values_get_a_bin_each() -> None:
    bins = fit_numeric(np.array([0.0, 1.0, 1.0, 3.0, np.nan]))
    assert bins.edges == (0.0, 1.0)
    assert bins.count(np.array([0.0, 1.0, 3.0, 7.0, np.nan])).tolist() == [1, 1, 2, 1]


def test_leaving_a_constant_is_seen() -> None:
    bins = fit_numeric(np.full(50, 3.0))
    assert bins.count(np.full(50, 3.0)).tolist() == [0, 50, 0, 0]
    assert bins.count(np.array([2.9999, 3.0, 3.0001])).tolist() == [1, 1, 1, 0]


def test_a_column_without_values_has_one_bin() -> None:
    bins = fit_numeric(np.full(5, np.nan))
    assert bins.count(np.array([np.nan, 1.0])).tolist() == [1, 1]
    assert bins.labels() == ["any", "missing"]


def test_the_reference_in_64_bits_and_production_in_32_agree() -> None:
    values = np.round(np.random.default_rng(1).uniform(size=5000), 1)
    bins = fit_numeric(values)
    np.testing.assert_array_equal(bins.count(values), bins.count(values.astype(np.float32)))


@pytest.mark.filterwarnings("error")
def test_what_no_float32_can_hold_falls_into_the_end_bins() -> None:
    bins = fit_numeric(np.array([1.0, 2.0, 3.0, 1e300, -1e300]))
    assert bins.count(np.array([1e300, -1e300])).sum() == 2


def test_whole_numbers_and_booleans_are_counted() -> None:
    bins = fit_numeric(np.array([0, 1, 1], dtype=np.int64))
    assert bins.count(np.array([True, False, True])).tolist() == [1, 2, 0]


def test_categories_are_ranked_and_rare_ones_are_nobodys() -> None:
    values = text(*["a"] * 9, *["b"] * 9, *["c"] * 20, *["once"], None, "")
    bins = fit_categorical(values)
    assert bins.categories == ("c", "a", "b")
    assert bins.count(values).tolist() == [20, 9, 9, 1, 2]
    assert fit_categorical(values, top=1).categories == ("c",)
    assert bins.count(text(float("nan"), "new")).tolist() == [0, 0, 0, 1, 1]
    assert bins.labels() == ["c", "a", "b", "other", "missing"]


@pytest.mark.parametrize("bins", [uniform(), fit_numeric(np.arange(100.0)), BinEdges("categorical", categories=("x", "é"))])
def test_bins_survive_json(bins: BinEdges) -> None:
    assert BinEdges.from_json(bins.to_json()) == bins


@pytest.mark.parametrize(
    "data",
    [
        {}, {"kind": "numeric"}, {"kind": "numeric", "edges": [1, 0]}, {"kind": "numeric", "edges": [0, 0]},
        {"kind": "numeric", "edges": [float("nan")]}, {"kind": "numeric", "edges": [True]}, {"kind": "numeric", "edges": ["1"]},
        {"kind": "numeric", "edges": list(range(5000))}, {"kind": "tree", "edges": []}, {"kind": "categorical", "categories": ["a", "a"]},
        {"kind": "categorical", "categories": [1]},
    ],
)  # fmt: skip
def test_malformed_bins_are_refused(data: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        BinEdges.from_json(data)


def test_no_rows_have_no_bins() -> None:
    with pytest.raises(ValueError, match="no rows"):
        fit_numeric(np.array([]))
    with pytest.raises(ValueError, match="no rows"):
        fit_categorical(text())


def counter() -> FeatureCounter:
    edges = {
        "a": fit_numeric(np.arange(1000.0)),
        "b": BinEdges("numeric", (0.5,)),
        "n": BinEdges("numeric", (1.0, 2.0)),
        "city": BinEdges("categorical", categories=("x", "y")),
    }
    return FeatureCounter(edges, {"b": ("f", 1), "a": ("f", 0), "n": ("i", 0), "city": ("s", 0)})


def batch(rows: int, seed: int = 0) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    floats = generator.uniform(-10, 1010, size=(rows, 2)).astype(np.float32)
    floats[generator.random(size=floats.shape) < 0.1] = np.nan
    cities = np.array([["x", "y", "z", ""][i] for i in generator.integers(0, 4, size=rows)], dtype=object).reshape(rows, 1)
    return {"f": floats, "i": generator.integers(0, 5, size=(rows, 1)), "s": cities}


@pytest.mark.parametrize("rows", [1, 7, 512, 513, 40_000])
def test_counting_together_is_counting_one_by_one(rows: int) -> None:
    together, data = counter(), batch(rows)
    together.add(data)
    for name, (source, column) in together.places.items():
        np.testing.assert_array_equal(together.counts[name], together.edges[name].count(data[source][:, column]))
        assert together.counts[name].sum() == rows == together.rows


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (100, 40), (17_000, 3), (17_000, 12)])
def test_many_columns_are_counted_as_bisection_counts_each(rows: int, columns: int) -> None:
    random = np.random.default_rng(rows)
    values = random.choice(np.array([-np.inf, -1, 0, 0.5, 1, 2, 3, np.inf, np.nan]), size=(rows, columns))
    edges = [sorted(random.choice(np.linspace(-2, 4, 25), size=1 + place % 9, replace=False).tolist()) for place in range(columns)]
    counting = FeatureCounter(
        {str(place): BinEdges("numeric", tuple(one)) for place, one in enumerate(edges)},
        {str(place): ("f", place) for place in range(columns)},
    )
    counting.add({"f": values})
    for place, one in enumerate(edges):
        column = values[:, place].tolist()
        bins = Counter(len(one) + 1 if math.isnan(value) else bisect_left(one, value) for value in column)
        assert counting.counts[str(place)].tolist() == [bins[index] for index in range(len(one) + 2)]


def test_counters_add() -> None:
    whole, left, right = counter(), counter(), counter()
    first, second = batch(300, 1), batch(2000, 2)
    for data in (first, second):
        whole.add(data)
    left.add(first)
    right.add(second)
    left.merge(right.to_json())
    for name, counts in whole.counts.items():
        np.testing.assert_array_equal(left.counts[name], counts)


@pytest.mark.parametrize("bad", [{}, {"a": [1]}, {"a": [0] * 11, "b": [0] * 3, "n": [-1, 0, 0, 0], "city": [0] * 4}])
def test_counts_over_other_bins_are_not_added(bad: Any) -> None:
    mine = counter()
    with pytest.raises(ValueError, match=r"other features|do not fit"):
        mine.merge(bad)
    assert all(values.sum() == 0 for values in mine.counts.values())
    assert mine.rows == 0


def test_a_batch_that_does_not_fit_is_not_counted() -> None:
    mine, good = counter(), batch(5)
    for bad in ({"f": good["f"], "i": good["i"]}, good | {"i": good["i"][:3]}, {}):
        with pytest.raises((KeyError, ValueError)):
            mine.add(bad)
    assert all(values.sum() == 0 for values in mine.counts.values())
    assert mine.rows == 0
