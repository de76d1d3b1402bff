"""How far a figure fell: the published interval of two shares, and a chance that is what it says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gonogo.stats.fall import fall
from gonogo.stats.intervals import Estimate, share
from gonogo.stats.score_ranking import roc_auc
from gonogo.stats.score_table import ScoreTable


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),  # the examples of Newcombe 1998, table II, method 10
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((0, 10), (0, 10), -0.2775, 0.2775),
    ],
)
def test_of_two_shares_it_is_newcombe_s_interval(one: tuple[int, int], other: tuple[int, int], low: float, high: float) -> None:
    found = fall(share(*one), share(*other))
    assert found.value == pytest.approx(one[0] / one[1] - other[0] / other[1])
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_a_rise_is_below_zero_and_no_surprise() -> None:
    found = fall(share(50, 100), share(80, 100))
    assert found.value == pytest.approx(-0.3)
    assert found.p_value > 0.999


def test_of_nothing_nothing_has_fallen() -> None:
    for one, other in ((share(0, 0), share(1, 2)), (share(1, 2), Estimate(math.nan, 0.0, 1.0, 5))):
        with pytest.raises(ValueError, match="of nothing"):
            fall(one, other)


def test_certain_figures_differ_or_do_not() -> None:
    sure = Estimate(0.5, 0.5, 0.5, 10)
    assert fall(sure, sure).p_value == 1.0
    assert fall(Estimate(0.6, 0.6, 0.6, 10), sure).p_value == 0.0


def test_the_chance_of_a_fall_of_the_area_when_nothing_fell_is_what_it_says() -> None:
    generator = np.random.default_rng(7)

    def area(n: int) -> Estimate:
        score = generator.beta(2, 3, size=n)
        table = ScoreTable()
        table.add(score, generator.uniform(size=n) < score)
        return roc_auc(table)

    chances = np.array([fall(area(1000), area(400)).p_value for _ in range(800)])
    assert 0.03 < (chances < 0.05).mean() < 0.07
    assert (chances < 0.001).mean() < 0.005
