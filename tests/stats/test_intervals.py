"""Intervals: honest at the ends, reproducible, and the n they would need."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gonogo.stats.classification import roc_auc
from gonogo.stats.intervals import bootstrap, wilson


def test_wilson_by_the_book() -> None:
    low, high = wilson(81, 263)
    assert (low, high) == (pytest.approx(0.2553, abs=1e-4), pytest.approx(0.3662, abs=1e-4))  # Newcombe 1998, table I


def test_nothing_wrong_in_ten_is_no_certainty() -> None:
    assert wilson(10, 10)[1] == 1.0
    assert wilson(10, 10)[0] == pytest.approx(0.7225, abs=1e-4)
    assert wilson(0, 10)[0] == 0.0


@pytest.mark.parametrize(("k", "n", "level"), [(1, 0, 0.95), (-1, 5, 0.95), (6, 5, 0.95), (math.nan, 5, 0.95), (1, 5, 0.0), (1, 5, 1.0)])
def test_what_is_no_share_is_refused(k: float, n: float, level: float) -> None:
    with pytest.raises(ValueError, match="no "):
        wilson(k, n, level)


def test_wilson_covers_on_average_as_it_says_and_never_fails_badly() -> None:
    n = 200
    bounds = [wilson(k, n) for k in range(n + 1)]
    chosen = np.linspace(0.01, 0.99, 197)
    coverage = [sum(stats.binom.pmf(k, n, p) for k, (low, high) in enumerate(bounds) if low <= p <= high) for p in chosen]
    assert 0.945 <= np.mean(coverage) <= 0.955
    assert min(coverage) > 0.90


def test_a_bootstrap_is_reproducible_and_covers_a_mean() -> None:
    values = np.random.default_rng(1).normal(5.0, 1.0, size=400)
    first = bootstrap(lambda x: float(x.mean()), [values], seed=3)
    assert first == bootstrap(lambda x: float(x.mean()), [values], seed=3)
    assert first != bootstrap(lambda x: float(x.mean()), [values], seed=4)
    assert first[0] == pytest.approx(values.mean() - 1.96 * 0.05, abs=0.015)
    assert first[1] == pytest.approx(values.mean() + 1.96 * 0.05, abs=0.015)


def test_columns_are_resampled_together() -> None:
    y = np.tile([0, 1], 100)
    low, high = bootstrap(roc_auc, [y, y + 0.5], resamples=50)
    assert (low, high) == (1.0, 1.0)


def test_a_statistic_that_mostly_does_not_exist_has_no_interval() -> None:
    y = np.array([0] * 30 + [1])
    with pytest.raises(ValueError, match="too few rows"):
        bootstrap(roc_auc, [y, np.arange(31.0)], resamples=200)
    with pytest.raises(ValueError, match="no rows"):
        bootstrap(lambda x: float(x.mean()), [np.array([])])
