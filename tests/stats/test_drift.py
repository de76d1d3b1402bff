"""Drift: the value, its null law, its interval, and the two keys; chi-square against SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gonogo.stats.bins import fit_numeric
from gonogo.stats.drift import (
    chi2_survival,
    psi,
    psi_interval,
    psi_p_value,
)

TEN = np.full(10, 0.1)


@pytest.mark.parametrize("degrees", [1, 2, 3, 9, 10, 19, 50, 300])
def test_chi_square_is_the_one_of_scipy(degrees: int) -> None:
    for x in [1e-6, 0.01, 0.5, 1, degrees * 0.5, degrees, degrees + 2, 2 * degrees, 5 * degrees + 40]:
        assert chi2_survival(x, degrees) == pytest.approx(stats.chi2.sf(x, degrees), rel=1e-9, abs=1e-300)


def test_chi_square_at_its_ends() -> None:
    assert chi2_survival(0, 3) == chi2_survival(-1, 3) == 1.0
    assert chi2_survival(math.inf, 3) == 0.0
    for call in (lambda: chi2_survival(math.nan, 3), lambda: chi2_survival(1, 0)):
        with pytest.raises(ValueError, match="no "):
            call()


def test_psi_by_hand() -> None:
    reference, current = np.array([10, 30]), np.array([25, 15])
    q, p = (reference + 0.5) / 41, (current + 0.5) / 41
    assert psi(reference, current) == pytest.approx(sum((p - q) * np.log(p / q)))
    assert psi(reference, reference) == 0.0
    assert psi(reference, current) == pytest.approx(psi(current, reference))


def test_bins_that_are_empty_on_both_sides_do_not_count() -> None:
    assert psi(np.array([10, 30, 0]), np.array([25, 15, 0])) == pytest.approx(psi(np.array([10, 30]), np.array([25, 15])))


def test_without_drift_psi_follows_its_null_law() -> None:
    generator = np.random.default_rng(4)
    n, m = 1000, 20_000
    values = [psi(generator.multinomial(m, TEN), generator.multinomial(n, TEN)) for _ in range(2000)]
    assert np.mean(values) == pytest.approx(9 * (1 / n + 1 / m), rel=0.05)
    share = np.mean([psi_p_value(value, n, m, 10) < 0.05 for value in values])
    assert 0.035 <= share <= 0.065


def test_a_fixed_limit_on_few_rows_is_a_false_alarm_and_the_second_key_is_not() -> None:
    generator = np.random.default_rng(5)
    values = [psi(generator.multinomial(50_000, TEN), generator.multinomial(100, TEN)) for _ in range(1000)]
    assert sum(value > 0.1 for value in values) > 250
    assert sum(value > 0.1 and psi_p_value(value, 100, 50_000, 10) < 1e-3 for value in values) <= 5


def test_a_true_shift_turns_both_keys() -> None:
    generator = np.random.default_rng(6)
    reference = generator.normal(size=50_000)
    bins = fit_numeric(reference)
    before, now = bins.count(reference), bins.count(generator.normal(0.6, size=1000))
    assert psi_interval(before, now)[0] > 0.1
    assert psi_p_value(psi(before, now), 1000, 50_000, 10) < 1e-6


def test_a_sure_but_small_shift_turns_only_one_key() -> None:
    generator = np.random.default_rng(7)
    reference = generator.normal(size=500_000)
    bins = fit_numeric(reference)
    value = psi(bins.count(reference), bins.count(generator.normal(0.1, size=100_000)))
    assert psi_p_value(value, 100_000, 500_000, 10) < 1e-9
    assert value < 0.1


def test_the_interval_covers_the_true_value() -> None:
    generator = np.random.default_rng(8)
    p = np.array([0.05, 0.08, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.12, 0.15])
    truth = float(((p - TEN) * np.log(p / TEN)).sum())
    inside = 0
    for _ in range(1000):
        low, high = psi_interval(generator.multinomial(100_000, TEN), generator.multinomial(5_000, p))
        inside += low <= truth <= high
    assert 920 <= inside <= 975


def test_one_bin_never_drifts() -> None:
    assert psi_p_value(3.0, 10, 10, 1) == 1.0
    assert psi(np.array([5, 0]), np.array([7, 0])) == 0.0


@pytest.mark.parametrize(
    ("reference", "current"), [([0, 0], [1, 2]), ([1, 2], [0, 0]), ([1, 2], [1, 2, 3]), ([1, -1, 5], [1, 1, 1]), ([], [])]
)
def test_histograms_that_say_nothing_are_refused(reference: list[int], current: list[int]) -> None:
    with pytest.raises(ValueError, match=r"."):
        psi(np.array(reference), np.array(current))
