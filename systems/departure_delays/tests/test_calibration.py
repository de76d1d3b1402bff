"""Calibrators keep the order, bring scores to the share that comes true, and the figures say so."""

from __future__ import annotations

import numpy as np
import pytest

import calibration


def overconfident(rows: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are twice as sure as they should be and too high, and what came true."""
    rng = np.random.default_rng(5)
    logits = rng.normal(-1, 1, rows)
    return 2 * logits + 1, (rng.random(rows) < 1 / (1 + np.exp(-logits))).astype(int)


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_a_calibrator_mends_scores_that_are_too_sure_and_keeps_their_order(method):
    logits, y = overconfident()
    raw = calibration.scores(None, logits)
    made = calibration.scores(calibration.fit(method, logits[:10_000], y[:10_000]), logits)
    assert calibration.ece(y[10_000:], raw[10_000:]) > 0.08
    assert calibration.ece(y[10_000:], made[10_000:]) < 0.02
    order = np.argsort(logits)
    assert (np.diff(made[order]) >= 0).all()
    assert (made.min(), made.max()) >= (0, 0)
    assert made.max() <= 1


def test_the_calibration_error_of_two_bins_by_hand():
    y, p = np.array([0, 1, 1, 1]), np.array([0.2, 0.2, 0.9, 0.9])
    assert calibration.ece(y, p) == pytest.approx((2 * 0.3 + 2 * 0.1) / 4)


def test_equal_rows_have_no_psi_and_moved_ones_have():
    rng = np.random.default_rng(3)
    numbers, words = rng.normal(size=5000), rng.choice(np.array(["a", "b"], dtype=object), 5000)
    assert calibration.psi(numbers, numbers) == pytest.approx(0)
    assert calibration.psi(numbers, numbers + 1) > 0.25
    assert calibration.psi(words, words) == pytest.approx(0)
    assert calibration.psi(words, np.array(["a"] * 5000, dtype=object)) > 0.25
