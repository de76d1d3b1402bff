"""Trends: SciPy's figures, a hand's figures, and quiet series that are seldom told to rise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gonogo.stats.trend import mann_kendall, theil_sen


@pytest.mark.parametrize("rounded", [False, True])
def test_the_slope_is_scipy_s_and_the_sign_of_z_is_that_of_kendall_s_tau(rounded: bool) -> None:
    generator = np.random.default_rng(0)
    times = np.sort(generator.uniform(0, 24, size=60))
    values = 0.01 * times + generator.normal(size=60) * 0.1
    values = np.round(values, 1) if rounded else values
    assert theil_sen(times, values) == pytest.approx(stats.theilslopes(values, times).slope)
    tau = stats.kendalltau(times, values)
    assert math.copysign(1, mann_kendall(values)) == math.copysign(1, tau.statistic)
    assert 2 * stats.norm.sf(abs(mann_kendall(values))) == pytest.approx(tau.pvalue, abs=0.02)  # SciPy does without the step of one


def test_a_trend_by_hand() -> None:
    assert mann_kendall([1, 2, 3, 4]) == pytest.approx((6 - 1) / math.sqrt(4 * 3 * 13 / 18))
    assert mann_kendall([1, 2, 2, 3]) == pytest.approx((5 - 1) / math.sqrt((4 * 3 * 13 - 2 * 1 * 9) / 18))
    assert mann_kendall([4, 3, 2, 1]) == -mann_kendall([1, 2, 3, 4])
    assert mann_kendall([5, 5, 5]) == 0.0
    assert theil_sen([0, 1, 2, 10], [0.0, 1.0, 2.0, 10.0]) == 1.0
    assert theil_sen([0, 0, 1], [0.0, 5.0, 1.0]) == -1.5


def test_a_quiet_series_is_seldom_rising_and_a_rising_one_is() -> None:
    generator = np.random.default_rng(1)
    hours = np.arange(24)
    quiet = [mann_kendall(generator.normal(size=24)) > 2.33 for _ in range(1000)]
    rising = [mann_kendall(0.1 * hours + generator.normal(size=24)) > 2.33 for _ in range(200)]
    assert np.mean(quiet) < 0.02
    assert np.mean(rising) > 0.7


def test_one_wild_value_does_not_make_a_slope() -> None:
    values = np.append(np.arange(20) * 0.5, 1e9)
    assert theil_sen(np.arange(21), values) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("values", [[1, 2], [], [1, 2, math.nan], [1, 2, math.inf], [[1, 2, 3]], [1] * 2001])
def test_what_has_no_trend_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"trend needs|not finite"):
        mann_kendall(values)
    with pytest.raises(ValueError, match=r"trend needs|not finite"):
        theil_sen(values, values)


def test_moments_and_values_are_as_many_and_not_all_at_once() -> None:
    with pytest.raises(ValueError, match="3 times and 4 values"):
        theil_sen([1, 2, 3], [1, 2, 3, 4])
    with pytest.raises(ValueError, match="one moment"):
        theil_sen([1, 1, 1], [1, 2, 3])
