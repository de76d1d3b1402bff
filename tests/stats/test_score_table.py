"""The table of scores and outcomes: every row once, in its bin; what cannot be is refused; a document is read as it was written."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from gonogo.stats.score_table import BINS, MISSING, ONE, ScoreTable, count_scores, fixed_point, pooled, score_bin


def table_of(score: Any, outcome: Any) -> ScoreTable:
    table = ScoreTable()
    table.add(score, outcome)
    return table


def test_a_bin_holds_its_lower_edge_and_the_last_one_also_holds_one() -> None:
    below = np.nextafter(0.5, 0)
    assert score_bin([0.0, 1 / 1024, below, 0.5, 1.0]).tolist() == [0, 1, 511, 512, 1023]


def test_a_score_is_in_one_bin_whatever_its_precision() -> None:
    scores = np.random.default_rng(0).uniform(size=10_000).astype(np.float32)
    np.testing.assert_array_equal(score_bin(scores), score_bin(scores.astype(np.float64)))


def test_what_is_no_number_is_missing_and_what_is_outside_is_at_the_end() -> None:
    assert score_bin([np.nan, -0.1, 1.1, -np.inf, np.inf]).tolist() == [MISSING, 0, BINS - 1, 0, BINS - 1]
    counts = count_scores(np.array([np.nan, 0.5, 0.5, 1.0]))
    assert (counts[MISSING], counts[512], counts[1023], counts.sum()) == (1, 2, 1, 4)


def test_a_table_by_hand() -> None:
    table = table_of([0.25, 0.25, 0.75, 1.0], [0, 1, 1, 1])
    assert table.counts[256].tolist() == [1, 1]
    assert table.sums[256].tolist() == [ONE // 4, ONE // 4]
    assert (table.rows, table.positives, table.mean) == (4, 3, 0.5625)
    assert table.variance == pytest.approx(np.var([0.25, 0.25, 0.75, 1.0]))


def test_one_row_is_counted_as_many_are() -> None:
    one, many = ScoreTable(), table_of([0.1, 0.9, 0.9], [0, 1, 0])
    for score, outcome in ((0.9, 0), (0.1, False), (0.9, True)):
        one.add(score, outcome)
    assert one.to_json() == many.to_json()


def test_mean_and_variance_are_those_of_the_scores() -> None:
    scores = np.random.default_rng(1).beta(2, 5, size=50_000)
    table = table_of(scores, np.zeros(50_000))
    assert table.mean == pytest.approx(scores.mean(), abs=2**-30)
    assert table.variance == pytest.approx(scores.var(), abs=2.4e-7)


def test_rows_can_be_taken_out_again_but_not_those_that_never_were_in() -> None:
    first, second = table_of([0.2, 0.4], [0, 1]), table_of([0.4], [0])
    assert first.plus(second).plus(second, sign=-1).to_json() == first.to_json()
    with pytest.raises(ValueError, match="below zero"):
        first.plus(second, sign=-1)
    with pytest.raises(ValueError, match="not multiplied"):
        first.plus(second, sign=2)


@pytest.mark.parametrize(
    ("score", "outcome", "said"),
    [
        ([0.1, np.nan], [0, 1], "between 0 and 1"),
        ([1.0001], [0], "between 0 and 1"),
        ([-0.1], [0], "between 0 and 1"),
        ([0.1], [2], "neither 0 nor 1"),
        ([0.1], [0.5], "neither 0 nor 1"),
        ([0.1, 0.2], [0], "not as many"),
        ([[0.1]], [[0]], "not as many"),
    ],
)
def test_what_is_no_score_or_no_outcome_is_refused_and_nothing_is_counted(score: Any, outcome: Any, said: str) -> None:
    table = ScoreTable()
    with pytest.raises(ValueError, match=said):
        table.add(score, outcome)
    assert table.rows == 0


def test_a_document_is_read_as_it_was_written() -> None:
    generator = np.random.default_rng(2)
    table = table_of(generator.uniform(size=500), generator.integers(0, 2, size=500))
    again = ScoreTable.from_json(json.loads(json.dumps(table.to_json())))
    np.testing.assert_array_equal(again.counts, table.counts)
    np.testing.assert_array_equal(again.sums, table.sums)
    assert ScoreTable.from_json(ScoreTable().to_json()).rows == 0


GOOD = {"format": "gonogo-score-table/1", "bins": {"512": [1, 0, ONE // 2, 0]}}


@pytest.mark.parametrize(
    "bins",
    [
        {"512": [1, 0, ONE // 4, 0]},
        {"512": [1, 0, 0, ONE // 2]},
        {"512": [-1, 0, 0, 0]},
        {"512": [1, 0, ONE // 2]},
        {"512": [1.0, 0, ONE // 2, 0]},
        {"512": [True, 0, ONE // 2, 0]},
        {"512": [2**80, 0, 2**80, 0]},
        {"0512": [1, 0, ONE // 2, 0]},
        {"1024": [1, 0, ONE, 0]},
        {"a": [1, 0, ONE // 2, 0]},
        {"512": None},
        [],
        None,
    ],
    ids=str,
)
def test_a_document_that_cannot_be_is_refused(bins: Any) -> None:
    assert ScoreTable.from_json(GOOD).rows == 1
    with pytest.raises(ValueError, match=r"cannot|malformed|invalid literal|is none"):
        ScoreTable.from_json({**GOOD, "bins": bins})
    with pytest.raises(ValueError, match="not a gonogo-score-table/1"):
        ScoreTable.from_json({**GOOD, "format": "gonogo-score-table/2"})


def test_a_fixed_point_number_is_the_nearest() -> None:
    assert fixed_point([0.0, 0.5, 1.0, 2**-31 * 3]).tolist() == [0, ONE // 2, ONE, 2]


@pytest.mark.parametrize("rows", [0, 3, 5, 9, 40, 2_000])
@pytest.mark.parametrize("cut", [0, 512, 1000])
def test_in_a_pooled_table_every_bin_has_enough_rows_and_all_rows_are_there(rows: int, cut: int) -> None:
    generator = np.random.default_rng(rows)
    scores = generator.beta(1, 4, size=rows)
    table = table_of(scores, generator.uniform(size=rows) < scores)
    together = pooled(table, 5, cut)
    found = together.histogram[together.histogram > 0]
    assert (found >= min(rows, 5)).all()
    assert (together.rows, together.positives) == (table.rows, table.positives)
    assert ScoreTable.from_json(together.to_json()).rows == rows
    if rows:
        assert together.mean == pytest.approx(table.mean, abs=2**-30)
    if min(table.histogram[:cut].sum(), table.histogram[cut:].sum()) >= 5:
        np.testing.assert_array_equal(together.counts[:cut].sum(axis=0), table.counts[:cut].sum(axis=0))


def test_a_table_of_well_filled_bins_is_pooled_by_bin() -> None:
    table = table_of([0.25] * 5 + [0.75] * 7, [0] * 5 + [1] * 7)
    assert pooled(table, 5).to_json() == table.to_json()
