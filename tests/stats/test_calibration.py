"""Calibration: the bins and the error are those of the definition; a bent model errs more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gonogo.stats.calibration import ece, reliability


def sample(rows: int, bend: float = 0.0, seed: int = 0) -> tuple[Any, Any]:
    generator = np.random.default_rng(seed)
    score = generator.uniform(0.02, 0.98, size=rows)
    return (generator.uniform(size=rows) < np.clip(score + bend, 0, 1)).astype(int), score


def test_a_calibration_error_by_hand() -> None:
    y, score = np.array([0, 1, 1, 1]), np.array([0.1, 0.1, 0.8, 0.8])
    bins = reliability(y, score, bins=2)
    assert [(b.n, b.mean_score, b.share) for b in bins] == [(2, pytest.approx(0.1), 0.5), (2, pytest.approx(0.8), 1.0)]
    assert ece(bins) == pytest.approx(0.3)


def test_a_bent_model_errs_by_its_bend() -> None:
    straight, bent = (ece(reliability(*sample(20_000, bend=bend))) for bend in (0.0, 0.1))
    assert straight < 0.03
    assert bent == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize("equal_mass", [True, False])
def test_every_row_is_in_one_bin(equal_mass: bool) -> None:
    y, score = sample(1003)
    bins = reliability(y, np.append(score[:-2], [0.0, 1.0]), equal_mass=equal_mass)
    assert sum(b.n for b in bins) == 1003
    assert len(bins) == 10


def test_equal_scores_stay_together() -> None:
    bins = reliability(np.array([0, 1] * 50), np.full(100, 0.5))
    assert [b.n for b in bins] == [100]


@pytest.mark.parametrize(
    ("y", "score", "said"), [([0, 1], [0.1, 1.2], "between 0 and 1"), ([0, 0], [0.1, 0.2], "one class"), ([], [], "no rows")]
)
def test_what_has_no_calibration_is_refused(y: list[int], score: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        reliability(np.array(y), np.array(score))
    with pytest.raises(ValueError, match="no rows"):
        ece([])
