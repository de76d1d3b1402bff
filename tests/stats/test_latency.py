"""Latencies: quantiles within 1.1 %, by addition only."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gonogo.stats.latency import LatencyHistogram


def sample(rows: int = 20_000, seed: int = 0) -> Any:
    return np.random.default_rng(seed).lognormal(8.0, 1.0, size=rows)


def filled(values: Any) -> LatencyHistogram:
    histogram = LatencyHistogram()
    for value in values:
        histogram.add(float(value))
    return histogram


@pytest.mark.parametrize("p", [0.0, 0.01, 0.5, 0.95, 0.99, 0.999, 1.0])
def test_quantiles_are_right_within_their_bucket(p: float) -> None:
    values = sample()
    truth = np.quantile(values, p, method="inverted_cdf")
    assert filled(values).quantile(p) == pytest.approx(truth, rel=0.011)


def test_adding_one_by_one_adding_an_array_and_merging_agree() -> None:
    values = np.concatenate([sample(3000), [0.0, 0.5, 1.0, 2.0**32, 2.0**40, np.nextafter(2.0**32, 0)]])
    one, many, merged = filled(values), LatencyHistogram(), filled(values[:1000])
    many.add_many(values)
    merged.merge(filled(values[1000:]))
    for histogram in (many, merged):
        assert histogram.to_json()["counts"] == one.to_json()["counts"]
        assert histogram.count == one.count == len(values)
        assert histogram.mean == pytest.approx(values.mean())


def test_a_histogram_survives_json() -> None:
    histogram = filled(sample(500))
    again = LatencyHistogram.from_json(histogram.to_json())
    assert again.to_json() == histogram.to_json()
    assert again.count == 500


@pytest.mark.parametrize("bad", [-1.0, math.nan, -math.inf])
def test_what_is_no_latency_is_refused(bad: float) -> None:
    histogram = LatencyHistogram()
    with pytest.raises(ValueError, match="latency"):
        histogram.add(bad)
    with pytest.raises(ValueError, match="latency"):
        histogram.add_many(np.array([1.0, bad]))
    assert histogram.count == 0


def test_what_is_longer_than_the_last_bucket_is_not_made_shorter() -> None:
    assert filled([1.0, 2.0**40]).quantile(1.0) == math.inf
    assert filled([1.0, math.inf]).quantile(1.0) == math.inf


def test_without_latencies_there_is_no_quantile() -> None:
    empty = LatencyHistogram()
    assert math.isnan(empty.quantile(0.5))
    assert math.isnan(empty.mean)
    assert all(math.isnan(bound) for bound in empty.interval(0.99))
    with pytest.raises(ValueError, match="no share"):
        empty.quantile(1.5)


def test_a_thousand_latencies_hardly_bound_the_99th_percentile() -> None:
    assert filled(sample(100)).interval(0.99)[1] == math.inf
    low, high = filled(sample(1000)).interval(0.99)
    assert high / low > 1.2
    low, high = filled(sample()).interval(0.5)
    assert high / low < 1.08


def test_the_interval_covers_the_true_quantile() -> None:
    truth, inside = math.exp(8.0 + 1.6448536), 0
    for seed in range(300):
        histogram = LatencyHistogram()
        histogram.add_many(sample(2000, seed))
        low, high = histogram.interval(0.95)
        inside += low * 0.989 <= truth <= high * 1.011
    assert inside >= 0.93 * 300


def document(counts: Any, total: Any = 1) -> dict[str, Any]:
    return {"format": "gonogo-latency/1", "counts": counts, "total_us": total}


@pytest.mark.parametrize(
    "data",
    [
        {}, document({}) | {"format": "other"}, document({"1024": 1}), document({"-1": 1}), document({"01": 1}), document({"1": 0}),
        document({"1": 1.5}), document({"1": True}), document({"1": 1}, "nan"), document({"1": 1}, -1), document([]),
    ],
)  # fmt: skip
def test_malformed_histograms_are_refused(data: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        LatencyHistogram.from_json(data)
