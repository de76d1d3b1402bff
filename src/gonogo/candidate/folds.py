"""Folds of a cross-validation that goes forward in time, and what chance alone would reach. Pure.

Decision U03: an expanding window. The rows, in the order of time, are cut into one block more than there are folds; fold i is tested on
block i + 1 and learns from what lies before it by at least the embargo. Rows of one moment are never parted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Rows = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Fold:
    """One fold. `train`, `validation` and `test` are positions of rows, int64, in the order of time; the ends are seconds, both included.

    `train_end` is the last moment that was learnt from, validation included.
    """

    train: Rows
    validation: Rows
    test: Rows
    train_start: float
    train_end: float
    test_start: float
    test_end: float


def expanding_folds(
    times: Rows, folds: int, *, embargo: float = 0.0, held_back: float = 0.0, groups: Rows | None = None
) -> tuple[Fold, ...]:
    """`folds` folds over rows at `times` (seconds [rows], any order).

    `held_back` is the share of what may be learnt from that is set aside for validation, its last part, again behind an embargo. With
    `groups` [rows], no group of a test is learnt from. Raises ValueError for times that are not finite and for a fold without rows.
    """
    if folds < 2 or not 0 <= held_back < 1 or embargo < 0:
        raise ValueError(f"{folds} folds with {embargo:g} s between them and {held_back:.0%} held back cannot be")
    if not np.isfinite(times).all():
        raise ValueError(f"{int((~np.isfinite(times)).sum())} rows have no time")
    if not len(times):
        raise ValueError("there are no rows")
    order = np.argsort(times, kind="stable").astype(np.int64)
    ordered = times[order]
    # A cut within one moment goes to its beginning: the moment belongs to the later block.
    cuts = [int(np.searchsorted(ordered, ordered[len(order) * i // (folds + 1)])) for i in range(1, folds + 1)]
    found = []
    for number, (start, end) in enumerate(zip(cuts, [*cuts[1:], len(order)], strict=True), 1):
        test = order[start:end]
        learnt = _before(order[:start], times, times[test[0]], embargo) if len(test) else test
        if groups is not None:
            learnt = learnt[~np.isin(groups[learnt], groups[test])]
        validation = learnt[len(learnt) - round(held_back * len(learnt)) :]
        train = _before(learnt[: len(learnt) - len(validation)], times, times[validation[0]], embargo) if len(validation) else learnt
        if not len(test) or not len(train) or (held_back and not len(validation)):
            raise ValueError(f"fold {number} of {folds} has no rows to {'learn from' if len(test) else 'be tested on'}")
        last = validation[-1] if len(validation) else train[-1]
        found.append(Fold(train, validation, test, *(float(times[row]) for row in (train[0], last, test[0], test[-1]))))
    return tuple(found)


def _before(rows: Rows, times: Rows, moment: float, embargo: float) -> Rows:
    return rows[(times[rows] < moment) & (times[rows] <= moment - embargo)]


def permutation_p(score: float, by_chance: Sequence[float]) -> float:
    """Chance of a score at least this high when labels mean nothing, from trainings on shuffled ones (Ojala & Garriga 2010, test 1).

    The score itself counts among them, so that p is never 0 (Phipson & Smyth 2010). Raises ValueError for what is no number.
    """
    if not by_chance or not np.isfinite([score, *by_chance]).all():
        raise ValueError("a score, or one by chance, is no number")
    return (1 + sum(one >= score for one in by_chance)) / (1 + len(by_chance))


def shuffled(rows: int, seed: int) -> Rows:
    """The order in which `rows` labels are dealt out again, int64 [rows]."""
    return np.random.default_rng(seed).permutation(rows)
