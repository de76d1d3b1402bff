"""Figures of a score table are those of scikit-learn on the rows, and of a hand; figures of nothing are no figures."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, brier_score_loss, precision_recall_fscore_support, roc_auc_score

from gonogo.stats import classification
from gonogo.stats.intervals import wilson
from gonogo.stats.score_calibration import (
    brier,
    calibration_p_value,
    ece,
    ece_by_chance,
    reliability,
)
from gonogo.stats.score_decisions import decisions
from gonogo.stats.score_ranking import pr_auc, roc_auc
from gonogo.stats.score_table import ScoreTable


def table_of(score: Any, outcome: Any) -> ScoreTable:
    table = ScoreTable()
    table.add(score, outcome)
    return table


def sample(rows: int, bend: float = 0.0, seed: int = 0, steps: int = 0) -> tuple[Any, Any]:
    """Scores and outcomes that come true `bend` more often than the scores say; scores at whole `steps`, when given."""
    generator = np.random.default_rng(seed)
    score = generator.beta(1.2, 2.5, size=rows)
    if steps:
        score = np.rint(score * steps) / steps
    return score, (generator.uniform(size=rows) < np.clip(score + bend, 0, 1)).astype(int)


@pytest.mark.parametrize("steps", [100, 500])
def test_areas_of_scores_that_no_bin_mixes_are_those_of_the_rows(steps: int) -> None:
    score, y = sample(3_000, steps=steps)
    table = table_of(score, y)
    assert roc_auc(table).value == pytest.approx(roc_auc_score(y, score), abs=1e-12)
    assert pr_auc(table).value == pytest.approx(average_precision_score(y, score), abs=1e-12)
    assert roc_auc(table)[:3] == pytest.approx(classification.roc_auc_delong(y, score))
    assert pr_auc(table)[:3] == pytest.approx(classification.pr_auc_interval(y, score))


def test_areas_of_scores_of_any_value_are_those_of_the_rows_within_a_thousandth() -> None:
    score, y = sample(200_000)
    table = table_of(score, y)
    assert roc_auc(table).value == pytest.approx(roc_auc_score(y, score), abs=1e-5)
    assert pr_auc(table).value == pytest.approx(average_precision_score(y, score), abs=1e-3)


def test_an_area_by_hand() -> None:
    table = table_of([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1])
    assert roc_auc(table).value == 3.5 / 4
    assert pr_auc(table).value == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_perfect_order_of_few_rows_is_no_certainty() -> None:
    area = roc_auc(table_of([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1]))
    assert (area.value, area.high) == (1.0, 1.0)
    assert area.low == pytest.approx(0.025**0.5)
    assert roc_auc(table_of([0.1, 0.8], [0, 1]))[:3] == (1.0, 0.0, 1.0)


@pytest.mark.parametrize("threshold", [0.25, 0.5, 0.3, 0.0, 1.0])
def test_figures_of_decisions_are_those_of_the_rows(threshold: float) -> None:
    score, y = sample(2_000, steps=100)
    found = decisions(table_of(score, y), threshold)
    said = (score >= threshold).astype(int)
    precision, recall, f1, _ = precision_recall_fscore_support(y, said, average="binary", zero_division=np.nan)
    assert found.recall().value == pytest.approx(recall)
    assert found.f1().value == pytest.approx(f1)
    assert found.accuracy() == (np.mean(said == y), *wilson(int((said == y).sum()), 2_000), 2_000)
    assert found.precision().n == said.sum()
    assert found.precision().value == pytest.approx(precision, nan_ok=True)
    assert found.precision().low <= found.precision().value <= found.precision().high or math.isnan(precision)


def test_a_ratio_of_nothing_is_no_number_and_may_be_anything() -> None:
    nothing = decisions(ScoreTable(), 0.5)
    for figure in (nothing.precision(), nothing.recall(), nothing.accuracy(), nothing.f1()):
        assert math.isnan(figure.value)
        assert figure[1:] == (0.0, 1.0, 0)
    with pytest.raises(ValueError, match="no threshold"):
        decisions(ScoreTable(), 1.5)


def test_a_calibration_by_hand() -> None:
    table = table_of([0.25, 0.25, 0.75, 0.75], [0, 1, 1, 1])
    assert [(b.n, b.mean_score, b.share) for b in reliability(table)] == [(2, 0.25, 0.5), (2, 0.75, 1.0)]
    assert ece(table).value == 0.25
    assert brier(table).value == pytest.approx((0.0625 + 0.5625 + 0.0625 + 0.0625) / 4)
    assert ece_by_chance(table) == pytest.approx(2 * math.sqrt(2 / math.pi * 2 * 0.1875) / 4)
    # Each bin has a variance of 0.375, so they are put together: 3 found where 2 were expected, with a variance of 0.75.
    assert calibration_p_value(table) == pytest.approx(chi2.sf(1 / 0.75, 1))


def test_reliability_and_brier_are_those_of_scikit_learn() -> None:
    score, y = sample(20_000, bend=0.05)
    table = table_of(score, y)
    share, mean = calibration_curve(y, score, n_bins=8, strategy="uniform")  # eighths are edges of 1024 bins, too
    found = reliability(table, bins=8)
    assert [b.share for b in found] == pytest.approx(share.tolist())
    assert [b.mean_score for b in found] == pytest.approx(mean.tolist(), abs=1e-9)
    assert brier(table).value == pytest.approx(brier_score_loss(y, score), abs=2.4e-7)
    tenths = np.minimum((score * 10).astype(int), 9)
    exact = sum(abs((y - score)[tenths == b].sum()) for b in range(10)) / len(y)
    assert ece(table).value == pytest.approx(exact, abs=1e-3)


def test_the_test_of_calibration_is_that_of_hosmer_and_lemeshow() -> None:
    score, y = sample(5_000, bend=0.01, seed=3)
    eighths = np.minimum((score * 8).astype(int), 7)
    statistic = sum(float((y - score)[eighths == b].sum() ** 2 / (score * (1 - score))[eighths == b].sum()) for b in range(8))
    assert calibration_p_value(table_of(score, y), bins=8) == pytest.approx(chi2.sf(statistic, 8), rel=1e-3)


def rates(figure: Callable[[ScoreTable], float], rows: int, bend: float, times: int = 400) -> Any:
    return np.array([figure(table_of(*sample(rows, bend, seed))) for seed in range(times)])


def test_a_calibrated_model_is_seldom_told_to_be_bent_and_a_bent_one_is_on_500_rows() -> None:
    assert (rates(calibration_p_value, 200, 0.0) < 0.05).mean() == pytest.approx(0.05, abs=0.03)
    assert (rates(calibration_p_value, 500, 0.1) < 1e-3).mean() > 0.9


def test_the_interval_of_the_calibration_error_covers_the_truth() -> None:
    for bend in (0.0, 0.1):
        figures = [ece(table_of(*sample(500, bend, seed))) for seed in range(400)]
        assert np.mean([figure.low <= bend <= figure.high for figure in figures]) > 0.92


def test_chance_explains_the_error_of_a_calibrated_model() -> None:
    tables = [table_of(*sample(500, 0.0, seed)) for seed in range(300)]
    assert np.mean([ece(table).value for table in tables]) == pytest.approx(ece_by_chance(tables[0]), rel=0.1)


def test_one_outcome_against_a_score_of_zero_is_no_proof() -> None:
    assert calibration_p_value(table_of(np.zeros(1_000), [1] + [0] * 999)) > 0.1


def test_what_has_no_figure_says_so() -> None:
    for figure in (reliability, ece, calibration_p_value, brier, ece_by_chance):
        with pytest.raises(ValueError, match="no rows"):
            figure(ScoreTable())
    for area in (roc_auc, pr_auc):
        with pytest.raises(ValueError, match="only one class"):
            area(table_of([0.1, 0.2], [0, 0]))
    with pytest.raises(ValueError, match="too few or too many"):
        ece(table_of([0.1], [0]), bins=0)
