"""Figures of classifiers from what they said of each example, with intervals, and two classifiers compared on the same examples.

Examples with the same true class and the same answers are one cell with a count. A bootstrap sample of examples is then a multinomial
draw of counts, so that resampling costs as much for a million examples as for a hundred.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gonogo.stats.bins import Array
from gonogo.stats.intervals import Estimate, wilson

NAMES = ("accuracy", "f1_macro", "precision", "recall", "minority_recall")
RESAMPLES = 2000


class Gain(NamedTuple):
    """How much the first is better than the second, with its interval; `p` is McNemar's, for accuracy alone, else NaN."""

    value: float
    low: float
    high: float
    p: float
    n: int

    @property
    def within_noise(self) -> bool:
        """Whether the two may be equally good: the interval holds 0, or McNemar's p is 5 % or more. NaN says yes."""
        return not (self.low > 0 or self.high < 0) or self.p >= 0.05


@dataclass(frozen=True)
class Answers:
    """Cells of examples: class codes `label` [cells] and `said` [classifiers, cells], and how many examples each has."""

    classes: tuple[str, ...]
    label: Array
    said: Array
    counts: Array

    @classmethod
    def of(cls, label: Sequence[str], *said: Sequence[str]) -> Answers:
        """From texts by example. Raises ValueError for columns of other lengths or without examples."""
        if not len(label) or any(len(column) != len(label) for column in said):
            raise ValueError("no examples, or columns of other lengths, cannot be compared")
        columns = np.asarray([list(label), *(list(column) for column in said)], dtype=str)
        classes, codes = np.unique(columns, return_inverse=True)
        cells, counts = np.unique(codes.reshape(columns.shape), axis=1, return_counts=True)
        return cls(tuple(map(str, classes)), cells[0], cells[1:], counts)

    @property
    def n(self) -> int:
        return int(self.counts.sum())

    def figures(self, weights: Array, which: int = 0, positive: str | None = None) -> Mapping[str, Array]:
        """`NAMES` of one classifier for rows of weights [samples, cells]. With two classes, precision and recall are those of `positive`
        (default: the last), with more the means over the classes; the minority is the rarest true class. What does not exist is NaN."""
        said, present = self.said[which], np.unique(self.label)
        hit, sums = self.label == said, {}
        with np.errstate(invalid="ignore", divide="ignore"):
            for code in range(len(self.classes)):
                hits = weights[:, hit & (self.label == code)].sum(axis=1)
                true, told = weights[:, self.label == code].sum(axis=1), weights[:, said == code].sum(axis=1)
                sums[code] = (hits / told, hits / true, 2 * hits / (true + told))
            counts = [self.counts[self.label == code].sum() for code in present]
            minority = int(present[int(np.argmin(counts))])
            share = weights[:, hit].sum(axis=1) / weights.sum(axis=1)
        if len(self.classes) == 2:
            chosen = self.classes.index(positive) if positive in self.classes else 1
            precision, recall = sums[chosen][0], sums[chosen][1]
        else:
            precision, recall = (np.mean([sums[code][part] for code in present], axis=0) for part in (0, 1))
        f1_macro = np.mean([sums[code][2] for code in range(len(self.classes))], axis=0)
        return dict(zip(NAMES, (share, f1_macro, precision, recall, sums[minority][1]), strict=True))

    def estimates(self, *, level: float = 0.95, seed: int = 0, positive: str | None = None) -> dict[str, Estimate]:
        """`NAMES` of the first classifier with intervals: Wilson's for the accuracy, percentiles of a bootstrap for the others. One that
        does not exist, or whose interval does not, is left out."""
        exact = self.figures(self.counts[None, :].astype(np.float64), positive=positive)
        drawn = self.figures(self._draws(seed), positive=positive)
        found = {}
        for name in NAMES:
            value = float(exact[name][0])
            finite = drawn[name][np.isfinite(drawn[name])]
            if not math.isfinite(value) or len(finite) < 0.95 * RESAMPLES:
                continue
            low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
            if name == "accuracy":
                low, high = wilson(round(value * self.n), self.n, level)
            found[name] = Estimate(value, min(value, float(low)), max(value, float(high)), self.n)
        return found

    def gain(self, name: str, *, level: float = 0.95, seed: int = 0, positive: str | None = None) -> Gain:
        """The first against the second classifier in one of `NAMES`: paired bootstrap, and McNemar's exact test for the accuracy.

        Raises ValueError when the figure does not exist in the sample, or in too many of its resamples.
        """
        weights = np.concatenate([self.counts[None, :].astype(np.float64), self._draws(seed)])
        one, other = (self.figures(weights, which, positive)[name] for which in (0, 1))
        apart = one - other
        finite = apart[1:][np.isfinite(apart[1:])]
        if not np.isfinite(apart[0]) or len(finite) < 0.95 * RESAMPLES:
            raise ValueError(f"there are too few examples to compare {name}")
        low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
        p = math.nan
        if name == "accuracy":
            right = self.said == self.label
            p = mcnemar(int(self.counts[right[0] & ~right[1]].sum()), int(self.counts[right[1] & ~right[0]].sum()))
        value = float(apart[0])
        return Gain(value, min(value, float(low)), max(value, float(high)), p, self.n)

    def _draws(self, seed: int) -> Array:
        shares = self.counts / self.counts.sum()
        return np.random.default_rng(seed).multinomial(self.n, shares, size=RESAMPLES).astype(np.float64)


def mcnemar(only_one: int, only_other: int) -> float:
    """Two-sided exact p that two classifiers are equally often right, from the examples that only one of them got right (McNemar 1947;
    binomial, Edwards 1948). Raises ValueError for negative counts."""
    n, least = only_one + only_other, min(only_one, only_other)
    if least < 0:
        raise ValueError("a count is negative")
    whole = math.lgamma(n + 1) - n * math.log(2)
    tail = math.fsum(math.exp(whole - math.lgamma(k + 1) - math.lgamma(n - k + 1)) for k in range(least + 1))
    return min(1.0, 2 * tail)
