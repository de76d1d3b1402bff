"""An interval for a quantile by order statistics covers it as often as it says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gonogo.stats.order import quantile_ranks


def at_most(n: int, p: float, k: int) -> float:
    """P(Binomial(n, p) <= k), added up."""
    return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))


@pytest.mark.parametrize(("n", "p"), [(10, 0.5), (100, 0.5), (60, 0.1), (500, 0.95), (1000, 0.99), (368, 0.99), (100, 0.99), (1, 0.5)])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
def test_the_ranks_cover_and_a_narrower_pair_on_either_side_does_not_leave_the_tail_that_is_allowed(n: int, p: float, level: float) -> None:
    low, high = quantile_ranks(n, p, level)
    tail = (1 - level) / 2
    assert 0 <= low < high <= n + 1
    assert low == 0 or at_most(n, p, low - 1) <= tail
    assert at_most(n, p, low) > tail
    assert high == n + 1 or at_most(n, p, high - 1) >= 1 - tail
    assert at_most(n, p, high - 2) < 1 - tail


def test_too_few_values_do_not_bound_a_high_quantile() -> None:
    assert quantile_ranks(100, 0.99)[1] == 101
    assert quantile_ranks(0, 0.5) == (0, 1)
    assert quantile_ranks(1, 0.5) == (0, 2)


def test_a_million_values_are_quick_and_close() -> None:
    low, high = quantile_ranks(1_000_000, 0.5)
    assert (low, high) == pytest.approx((499_020, 500_981), abs=3)


def test_the_interval_covers_the_true_quantile_of_samples() -> None:
    generator, truth = np.random.default_rng(3), -math.log(0.01)
    low, high = quantile_ranks(1000, 0.99)
    inside = 0
    for _ in range(1000):
        ordered = np.sort(generator.exponential(size=1000))
        inside += ordered[low - 1] <= truth <= ordered[high - 1]
    assert inside >= 0.93 * 1000


@pytest.mark.parametrize(("n", "p", "level"), [(-1, 0.5, 0.95), (10, 1.5, 0.95), (10, math.nan, 0.95), (10, 0.5, 1.0)])
def test_impossible_numbers_are_refused(n: int, p: float, level: float) -> None:
    with pytest.raises(ValueError, match="no"):
        quantile_ranks(n, p, level)
