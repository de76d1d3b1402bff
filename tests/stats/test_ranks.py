"""Two orders agree as SciPy says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from gonogo.stats.ranks import midranks, spearman


def test_ranks_and_their_correlation_are_scipy_s_with_ties() -> None:
    generator = np.random.default_rng(1)
    for _ in range(20):
        one, other = generator.integers(0, 6, 12).astype(float), generator.integers(0, 6, 12).astype(float)
        np.testing.assert_array_equal(midranks(one), rankdata(one))
        assert spearman(one, other) == pytest.approx(spearmanr(one, other).statistic)


def test_what_has_no_order_agrees_with_nothing() -> None:
    assert spearman([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]) is None
    assert spearman([1.0], [2.0]) is None


@pytest.mark.parametrize(("one", "other"), [([1.0, 2.0], [1.0]), ([1.0, float("nan")], [1.0, 2.0])])
def test_orders_that_cannot_be_compared_are_an_error(one: list[float], other: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        spearman(one, other)
