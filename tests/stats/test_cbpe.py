"""Quality without labels: isotonic as scikit-learn's, right when only the inputs change, blind when their meaning does."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import accuracy_score, precision_score, recall_score, roc_auc_score

from gonogo.stats.cbpe import calibration_map, expected, expected_auc
from gonogo.stats.score_decisions import decisions
from gonogo.stats.score_ranking import roc_auc
from gonogo.stats.score_table import MIDDLES, ScoreTable


def table_of(score: Any, outcome: Any) -> ScoreTable:
    table = ScoreTable()
    table.add(score, outcome)
    return table


def rows(n: int, a: float, b: float, seed: int, bend: float = 1.0) -> tuple[Any, Any]:
    """Scores, and outcomes that come true with the chance score^bend."""
    generator = np.random.default_rng(seed)
    score = generator.beta(a, b, size=n)
    return score, (generator.uniform(size=n) < score**bend).astype(int)


def test_the_chances_are_scikit_learn_s_isotonic_regression_of_the_bins() -> None:
    table = table_of(*rows(3_000, 2, 3, seed=0))
    used = table.histogram > 0
    reference = IsotonicRegression(out_of_bounds="clip")
    reference.fit(MIDDLES[used], table.counts[used, 1] / table.histogram[used], sample_weight=table.histogram[used])
    np.testing.assert_allclose(calibration_map(table), reference.predict(MIDDLES), atol=1e-12)


def test_chances_by_hand() -> None:
    chance = calibration_map(table_of([0.1, 0.1, 0.5, 0.5, 0.9], [0, 1, 0, 0, 1]))
    assert chance[0] == chance[102] == chance[512] == pytest.approx(0.25)  # a fall is pooled
    assert chance[921] == chance[1023] == 1.0
    assert 0.25 < chance[700] < 1.0


def test_a_bent_model_is_straightened_and_a_shift_of_its_inputs_is_foreseen() -> None:
    chance = calibration_map(table_of(*rows(100_000, 2, 3, seed=1, bend=2.0)))
    score, y = rows(100_000, 3, 2, seed=2, bend=2.0)
    found = expected(chance, table_of(score, y).histogram, 0.5)
    said = score >= 0.5
    assert found.n == 100_000
    assert found.roc_auc == pytest.approx(roc_auc_score(y, score), abs=0.01)
    assert found.precision == pytest.approx(precision_score(y, said), abs=0.01)
    assert found.recall == pytest.approx(recall_score(y, said), abs=0.01)
    assert found.accuracy == pytest.approx(accuracy_score(y, said), abs=0.01)
    assert found.positives == pytest.approx(y.mean(), abs=0.01)


def test_a_change_of_meaning_is_not_foreseen_and_shows_as_a_gap() -> None:
    chance = calibration_map(table_of(*rows(50_000, 2, 3, seed=1)))
    score, _ = rows(50_000, 2, 3, seed=2)
    shuffled = np.random.default_rng(3).permutation(rows(50_000, 2, 3, seed=2)[1])
    foreseen = expected(chance, table_of(score, shuffled).histogram, 0.5).roc_auc
    assert foreseen - roc_auc(table_of(score, shuffled)).value > 0.2


def test_on_its_own_reference_what_is_expected_is_what_was_found() -> None:
    table = table_of(*rows(20_000, 2, 3, seed=4))
    found, counted = expected(calibration_map(table), table.histogram, 0.5), decisions(table, 0.5)
    assert found.roc_auc == pytest.approx(roc_auc(table).value, abs=0.01)
    assert found.precision == pytest.approx(counted.precision().value, abs=0.01)
    assert found.positives == pytest.approx(table.positives / table.rows)


def test_nothing_is_expected_of_nothing() -> None:
    with pytest.raises(ValueError, match="no rows"):
        calibration_map(ScoreTable())
    chance = calibration_map(table_of([0.5], [1]))
    assert math.isnan(expected(chance, np.zeros(1024), 0.5).precision)
    certain = table_of([0.9] * 4, [1] * 4)
    assert math.isnan(expected(calibration_map(certain), certain.histogram, 0.5).roc_auc)
    for wrong in (np.zeros(1025), np.full(1024, -1)):
        with pytest.raises(ValueError, match="no histogram"):
            expected(chance, wrong, 0.5)


def test_the_interval_of_the_expected_area_covers_it_and_its_value_is_that_of_expected() -> None:
    chance = calibration_map(table_of(*rows(20_000, 2, 5, seed=3)))
    truth = expected_auc(chance, table_of(*rows(1_000_000, 2, 5, seed=4)).histogram).value
    found = [expected_auc(chance, table_of(*rows(300, 2, 5, seed=seed)).histogram) for seed in range(100, 500)]
    assert 0.92 < np.mean([one.low <= truth <= one.high for one in found]) < 0.98
    histogram = table_of(*rows(300, 2, 5, seed=100)).histogram
    assert found[0].value == pytest.approx(expected(chance, histogram, 0.5).roc_auc, abs=1e-12)
    assert found[0].n == 300


@pytest.mark.parametrize("histogram", [np.zeros(1024), np.eye(1024)[0]])
def test_of_no_rows_or_one_class_no_area_is_expected(histogram: Any) -> None:
    chance = calibration_map(table_of([0.0, 0.5, 1.0], [0, 0, 1]))
    with pytest.raises(ValueError, match="one class"):
        expected_auc(chance, histogram)
