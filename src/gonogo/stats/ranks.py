"""Ranks, and whether two orders agree."""

from __future__ import annotations

from typing import Any

import numpy as np

from gonogo.stats.bins import Array


def midranks(values: Array) -> Array:
    """Ranks from 1, equal values sharing the middle of theirs, float64."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.concatenate(([0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1))
    ends = np.append(starts[1:], len(values))
    ranks = np.empty(len(values), dtype=np.float64)
    ranks[order] = np.repeat((starts + ends + 1) / 2, ends - starts)
    return ranks


def spearman(one: Any, other: Any) -> float | None:
    """Rank correlation of Spearman 1904, from -1 to 1, ties sharing their middle rank. None where one of the two has no order.

    Raises ValueError for other lengths, and for a value that is not finite.
    """
    first, second = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape or not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("two orders need as many finite values each")
    if len(first) < 2 or (first == first[0]).all() or (second == second[0]).all():
        return None
    return float(np.corrcoef(midranks(first), midranks(second))[0, 1])
