"""The interval of a number of events: against tabulated values, and by its own definition."""

from __future__ import annotations

import math

import pytest

from gonogo.stats.rates import poisson_interval


@pytest.mark.parametrize(("k", "low", "high"), [(0, 0.0, 3.6889), (1, 0.0253, 5.5716), (10, 4.7954, 18.3904), (100, 81.3639, 121.6270)])
def test_the_interval_is_that_of_the_tables(k: int, low: float, high: float) -> None:
    assert poisson_interval(k) == pytest.approx((low, high), abs=1e-3)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_so_few_are_as_unlikely_at_the_upper_end_as_so_many_at_the_lower(level: float) -> None:
    k = 7
    low, high = poisson_interval(k, level)
    at_most = sum(math.exp(-high) * high**i / math.factorial(i) for i in range(k + 1))
    at_least = 1 - sum(math.exp(-low) * low**i / math.factorial(i) for i in range(k))
    assert (at_most, at_least) == pytest.approx(((1 - level) / 2, (1 - level) / 2))


@pytest.mark.parametrize(("k", "level"), [(-1, 0.95), (1, 1.0), (1, 0.0)])
def test_what_cannot_be_has_no_interval(k: int, level: float) -> None:
    with pytest.raises(ValueError, match="no interval"):
        poisson_interval(k, level)
