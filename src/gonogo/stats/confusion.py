"""How good predictions of more than two classes are, from a confusion matrix [predicted, actual] of whole numbers.

Class by class a task of many classes is a task of two: this class, or another. The mean of such figures over the classes ("macro") counts a
rare class as much as a frequent one. A class without rows to take a share of has no figure, and no part in a mean: whoever compares two
means takes both over the classes that have a figure on both sides (`comparable`).

A matrix has at most classes² cells, and is kept sealed up to `MOST_CLASSES` classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from gonogo.stats.bins import Array
from gonogo.stats.intervals import Estimate, z_of
from gonogo.stats.score_decisions import Decisions

MOST_CLASSES = 100
Figure = Literal["precision", "recall", "f1"]
FIGURES: tuple[Figure, ...] = ("precision", "recall", "f1")


def one_against_rest(confusion: Array, place: int) -> Decisions:
    """The four counts of one class against all others."""
    hits = int(confusion[place, place])
    told, is_ = int(confusion[place].sum()), int(confusion[:, place].sum())
    return Decisions(hits, told - hits, is_ - hits, int(confusion.sum()) - told - is_ + hits)


def of_class(confusion: Array, place: int, figure: Figure, level: float = 0.95) -> Estimate:
    """Precision, recall or F1 of one class; of nothing (n 0) NaN between 0 and 1."""
    found: Estimate = getattr(one_against_rest(confusion, place), figure)(level)
    return found


def comparable(figure: Figure, *matrices: Array) -> list[int]:
    """The classes that have the figure in each of the matrices."""
    return [place for place in range(len(matrices[0])) if all(of_class(one, place, figure).n for one in matrices)]


def macro(confusion: Array, figure: Figure, places: Sequence[int] | None = None, level: float = 0.95) -> Estimate:
    """The mean of a figure over the classes at `places` (default: all that have it); `n` is the rows of the matrix.

    Precisions of several classes rest on different rows, and so do recalls: their errors add as squares (Zou & Donner 2008). F1s share
    rows, so theirs come from the delta method for a multinomial matrix (Takahashi et al. 2022) where that is wider; alone it would be
    certain of a matrix without a mistake. Raises ValueError when there is no class to take the mean of.
    """
    chosen = comparable(figure, confusion) if places is None else list(places)
    each = [of_class(confusion, place, figure, level) for place in chosen]
    if not each or not all(one.n for one in each):
        raise ValueError(f"no class has a {figure} on both sides" if places is not None else f"no class has a {figure}")
    value = sum(one.value for one in each) / len(each)
    below = math.hypot(*(one.value - one.low for one in each)) / len(each)
    above = math.hypot(*(one.high - one.value for one in each)) / len(each)
    if figure == "f1":
        error = z_of(level) * math.sqrt(_f1_variance(confusion, chosen))
        below, above = max(below, error), max(above, error)
    return Estimate(value, max(0.0, value - below), min(1.0, value + above), int(confusion.sum()))


def _f1_variance(confusion: Array, places: Sequence[int]) -> float:
    """Of the mean of 2·c_kk / (row k + column k): each row's influence on it, squared, over the number of rows."""
    total = float(confusion.sum())
    shares = confusion / total
    both = shares.sum(axis=0) + shares.sum(axis=1)
    diagonal = np.diag(shares)
    meant: Array = np.zeros(len(confusion))
    meant[list(places)] = 1.0 / len(places)
    gain = np.divide(2 * meant, both, out=np.zeros_like(meant), where=meant > 0)
    loss = gain * np.divide(diagonal, both, out=np.zeros_like(meant), where=meant > 0)
    influence = np.diag(gain) - loss[:, None] - loss[None, :]
    return float((shares * influence**2).sum()) / total
