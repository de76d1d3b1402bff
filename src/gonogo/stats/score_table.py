"""Scores against what came true, in one small table of whole numbers: 1024 equal bins of the score by outcome.

All that is asked of a labelled model (calibration, ranking, decisions, expectation without labels) is computed from this table, so
windows, workers and hosts are merged by adding, and a corrected label is taken out again by subtracting. Bin k holds
k/1024 <= score < (k+1)/1024, the last one also 1. For each bin and outcome: how many rows, and the sum of their scores in units of 2^-30,
rounded row by row. Whole numbers add to the same table in any order.

Score and outcome: of a binary task the score of the last class and whether the row is of that class; of a task with more classes the
highest score and whether it was right. A score lies in its bin whatever its precision: times 1024 is exact for floats.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from gonogo.stats.bins import BLOCK, Array, Counts

BINS = 1024
MISSING = BINS  #: the index that `score_bin` gives to what is no number
ONE = 1 << 30  #: a score of 1 in the units of the sums
MIDDLES: Array = (np.arange(BINS) + 0.5) / BINS  #: middle of each bin
FORMAT = "gonogo-score-table/1"
_LARGEST = 2**62  #: what a cell may hold; twice of it is still a 64 bit number


def score_bin(score: Any) -> Array:
    """The index of each score's bin, int64 of the same shape: 0 to 1023, and 1024 (`MISSING`) for NaN.

    What is below 0 or above 1 is in the end bins: a counter of live traffic must not stop at it.
    """
    values = np.asarray(score, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        index = np.clip(values * BINS, 0, BINS - 1).astype(np.int64)
    return np.asarray(np.where(np.isnan(values), MISSING, index), dtype=np.int64)


def count_scores(score: Array) -> Counts:
    """Histogram of scores, int64 [1025], the last count of missing ones."""
    return np.bincount(score_bin(score), minlength=BINS + 1).astype(np.int64)


def fixed_point(score: Any) -> Array:
    """Scores within [0, 1] as whole numbers of 2^-30, int64, rounded half to even: their sum does not depend on the order."""
    return np.asarray(np.rint(np.asarray(score, dtype=np.float64) * ONE).astype(np.int64))


def fourth_moment(histogram: Any, mean: float) -> float:
    """About the mean, of rows by bin [1024], each taken at its bin's middle. Raises ZeroDivisionError without rows."""
    rows = np.asarray(histogram)
    return float((rows * (MIDDLES - mean) ** 4).sum()) / int(rows.sum())


class ScoreTable:
    """`counts` int64 [1024, 2] rows by bin and outcome; `sums` int64 [1024, 2] of their scores in units of 2^-30."""

    __slots__ = ("counts", "sums")

    def __init__(self) -> None:
        self.counts: Counts = np.zeros((BINS, 2), dtype=np.int64)
        self.sums: Counts = np.zeros((BINS, 2), dtype=np.int64)

    def add(self, score: Any, outcome: Any) -> None:
        """Count rows: `score` float [n] within [0, 1], `outcome` [n] of 0 and 1; or one of each.

        Raises ValueError for anything else (NaN, other lengths, a score outside, a label that is none); then nothing was counted.
        """
        scores, outcomes = np.atleast_1d(np.asarray(score, dtype=np.float64)), np.atleast_1d(np.asarray(outcome))
        if scores.ndim != 1 or scores.shape != outcomes.shape:
            raise ValueError(f"scores {scores.shape} and outcomes {outcomes.shape} are not as many")
        if not ((scores >= 0) & (scores <= 1)).all():  # NaN compares false
            raise ValueError("a score is not a number between 0 and 1")
        if not ((outcomes == 0) | (outcomes == 1)).all():
            raise ValueError("an outcome is neither 0 nor 1")
        truths = outcomes.astype(np.int64)
        for start in range(0, len(scores), BLOCK):  # so few that sums of whole numbers are exact as floats
            block = scores[start : start + BLOCK]
            cell = score_bin(block) * 2 + truths[start : start + BLOCK]
            self.counts += np.bincount(cell, minlength=2 * BINS).reshape(BINS, 2)
            total = np.bincount(cell, weights=fixed_point(block), minlength=2 * BINS)
            self.sums += total.astype(np.int64).reshape(BINS, 2)

    def plus(self, other: ScoreTable, sign: int = 1) -> ScoreTable:
        """A new table with the rows of both, or with `sign=-1` without those of the other.

        Raises ValueError when the other has rows that this one does not have.
        """
        if sign not in (1, -1):
            raise ValueError(f"a table is added or taken away, not multiplied by {sign}")
        table = ScoreTable()
        table.counts, table.sums = self.counts + sign * other.counts, self.sums + sign * other.sums
        _check(table)
        return table

    @property
    def rows(self) -> int:
        return int(self.counts.sum())

    @property
    def positives(self) -> int:
        """Rows with outcome 1."""
        return int(self.counts[:, 1].sum())

    @property
    def histogram(self) -> Counts:
        """Rows by bin, int64 [1024], whatever came true."""
        return np.asarray(self.counts.sum(axis=1))

    @property
    def mean(self) -> float:
        """Mean score, exact but for 2^-31. Raises ValueError without rows."""
        return int(self.sums.sum()) / ONE / self._some_rows()

    @property
    def variance(self) -> float:
        """Variance of the score, of which the spread within a bin (less than 2.4e-7) is left out. Raises ValueError without rows."""
        n, total = self.histogram, self.sums.sum(axis=1) / ONE
        used = n > 0
        return max(0.0, float((total[used] ** 2 / n[used]).sum()) / self._some_rows() - self.mean**2)

    def _some_rows(self) -> int:
        if not self.rows:
            raise ValueError("there are no rows")
        return self.rows

    def to_json(self) -> dict[str, Any]:
        """Only the bins that have rows: number → [rows with outcome 0, with 1, sum of scores with 0, with 1]."""
        used = np.flatnonzero(self.histogram)
        cells = np.concatenate((self.counts[used], self.sums[used]), axis=1).tolist()
        return {"format": FORMAT, "bins": {str(index): cell for index, cell in zip(used.tolist(), cells, strict=True)}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ScoreTable:
        """Inverse of `to_json`. Raises ValueError for anything else, also for sums that scores of their bin cannot have."""
        table = cls()
        try:
            if data["format"] != FORMAT:
                raise ValueError(f"not a {FORMAT} document")
            for key, cell in data["bins"].items():
                index = int(key)
                if str(index) != key or not 0 <= index < BINS or len(cell) != 4 or not all(_whole(value) for value in cell):
                    raise ValueError(f"bin {key!r}: {cell!r} cannot be")
                table.counts[index], table.sums[index] = cell[:2], cell[2:]
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"malformed score table: {error}") from error
        _check(table)
        return table


def pooled(table: ScoreTable, least: int, cut: int = 0) -> ScoreTable:
    """The same rows, at least `least` of them in every bin that has any, so that none can be told from the others.

    Neighbouring bins are put together and stand at their mean score, whatever the outcome; the rows' number, outcomes and mean stay. Bins
    below `cut` are not mixed with those from there on, unless one side has too few. Fewer rows than `least` end up in one bin.
    """
    counts, ends, n = table.histogram.tolist(), [], 0
    for low, high in ((0, cut), (cut, BINS)):
        rest = sum(counts[low:high])
        for index in range(low, high):
            n, rest = n + counts[index], rest - counts[index]
            if n >= least and (rest >= least or index == high - 1):
                ends.append(index + 1)
                n = 0
    ends[-1 if ends and n else len(ends) :] = [BINS]  # what is left over joins the last group
    together = ScoreTable()
    for low, high in pairwise([0, *ends]):
        outcomes = table.counts[low:high].sum(axis=0)
        if rows := int(outcomes.sum()):
            mean = round(int(table.sums[low:high].sum()) / rows)
            index = min(mean * BINS // ONE, BINS - 1)
            together.counts[index] += outcomes
            together.sums[index] += outcomes * mean
    return together


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST


def _check(table: ScoreTable) -> None:
    """Raise ValueError unless every sum is one that so many scores of its bin can have."""
    edges = np.arange(BINS + 1, dtype=np.float64)[:, None]
    # In units of a bin's width, as floats: 2^53 is more than enough to tell a sum that is no sum, and nothing overflows.
    width = table.sums / (ONE // BINS)
    slack = 1e-9 * np.abs(width)
    if (table.counts < 0).any() or (width < table.counts * edges[:-1] - slack).any() or (width > table.counts * edges[1:] + slack).any():
        raise ValueError("a score table with counts below zero, or with sums that its bins cannot have, is none")
