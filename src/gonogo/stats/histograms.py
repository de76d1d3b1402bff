"""Two histograms that are to be compared: whether they can be."""

from __future__ import annotations

import numpy as np

from gonogo.stats.bins import Array


def compared(reference: Array, current: Array) -> tuple[Array, Array]:
    """Both as int64 [bins]. Raises ValueError when one is empty, when their bins differ, and for a count below zero."""
    a, b = np.asarray(reference, dtype=np.int64), np.asarray(current, dtype=np.int64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"histograms over other bins: {a.shape} and {b.shape}")
    if (a < 0).any() or (b < 0).any():
        raise ValueError("a count below zero cannot be")
    if a.sum() == 0 or b.sum() == 0:
        raise ValueError("an empty histogram has no shares")
    return a, b
