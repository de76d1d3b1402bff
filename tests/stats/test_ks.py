"""The distance of two histograms is that of the values, and its p-value is SciPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from gonogo.stats.ks import kolmogorov_survival, ks
from gonogo.stats.score_table import BINS, count_scores


@pytest.mark.parametrize("x", [0.0, 0.05, 0.2, 0.5, 0.99, 1.0, 1.36, 2.0, 5.0, 40.0])
def test_the_law_is_kolmogorov_s(x: float) -> None:
    assert kolmogorov_survival(x) == pytest.approx(special.kolmogorov(x), abs=1e-14)


@pytest.mark.parametrize("shift", [0.0, 0.1])
def test_distance_and_p_value_are_scipy_s(shift: float) -> None:
    generator = np.random.default_rng(0)
    a, b = (np.floor(generator.beta(2 + extra, 3, size=n) * BINS) / BINS for n, extra in ((4_000, 0.0), (1_500, shift)))
    theirs = stats.ks_2samp(a, b, method="asymp")
    distance, p_value = ks(count_scores(a)[:BINS], count_scores(b)[:BINS])
    assert distance == pytest.approx(theirs.statistic)
    assert p_value == pytest.approx(theirs.pvalue, rel=0.1)


def test_bins_hide_a_little_and_never_add() -> None:
    generator = np.random.default_rng(1)
    for _ in range(20):
        a, b = generator.uniform(size=700), generator.beta(1.1, 1, size=300)
        exact = stats.ks_2samp(a, b).statistic
        distance, _ = ks(count_scores(a)[:BINS], count_scores(b)[:BINS])
        assert exact - 0.02 < distance <= exact + 1e-12


def test_a_distance_by_hand() -> None:
    assert ks([2, 2, 0], [0, 2, 2])[0] == 0.5
    assert ks([5, 5], [50, 50]) == (0.0, 1.0)
    assert ks([10**12, 0], [0, 10**12]) == (1.0, 0.0)


@pytest.mark.parametrize(("a", "b", "said"), [([1], [1, 2], "other bins"), ([0, 0], [1, 2], "empty"), ([1, -1], [1, 2], "below zero")])
def test_what_has_no_distance_is_refused(a: Any, b: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ks(a, b)
