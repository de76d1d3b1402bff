"""Shapley values by sampling orders: what each feature contributes to a score, compared with what it would be for other rows.

Strumbelj & Kononenko 2014 (after Castro, Gómez & Tejada 2009): a background row is turned into the explained row one feature after
another, in a random order, and each feature is credited with what the score gains when it comes in; the credits of several orders are
averaged. They are what the library SHAP estimates. Of each order the credits add up to the score minus the background's score exactly, so
the averages do too, up to rounding. With one background row these are the "baseline Shapley" values of Sundararajan & Najmi 2020.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gonogo.model.parts import Part

Array = np.ndarray[Any, np.dtype[Any]]
Batch = Mapping[str, Array]


class Contributions(NamedTuple):
    """Of some rows: `values` float64 [rows, parts], `base` [rows] (the mean score of a row's backgrounds), `score` [rows] (what is
    explained), `of` [rows] (the class whose score that is, as its index). `values.sum(axis=1) + base` is `score` up to rounding."""

    values: Array
    base: Array
    score: Array
    of: Array


def contributions(
    score: Callable[[dict[str, Array]], Array],
    parts: Sequence[Part],
    batch: Batch,
    rows: Array,
    background: Batch,
    *,
    orders: int,
    generator: np.random.Generator,
    cells: int,
) -> Iterator[Contributions]:
    """The contributions of the given `rows` (indices) of `batch`, as many rows at a time as `cells` values can be scored for together.

    `score` computes float64 [rows, classes] from a batch; `parts` are what is credited: features, and the channels of tensors; `background`
    holds the rows that are compared with, one drawn for each order. Where a row is very wide, there are fewer orders than asked for, and
    always one. Raises ValueError when a score is not finite.
    """
    d, width = len(parts), sum(array.shape[1] for array in batch.values())
    orders = max(1, min(orders, cells // (width * (d + 1))))
    at_once = max(1, cells // (orders * (d + 1) * width))
    others = len(next(iter(background.values())))
    for start in range(0, len(rows), at_once):
        own = np.repeat(rows[start : start + at_once], orders)
        drawn = generator.integers(0, others, size=len(own))
        ranks = generator.permuted(np.tile(np.arange(d), (len(own), 1)), axis=1)
        scores = score(_turned(parts, batch, own, background, drawn, ranks))
        if not np.isfinite(scores).all():
            raise ValueError("the model gives scores that are NaN or infinite")
        path, of = _explained(scores.reshape(len(own), d + 1, -1))
        steps = np.take_along_axis(np.diff(path, axis=1), ranks, axis=1)  # what the score gained when each feature came in
        yield Contributions(
            steps.reshape(-1, orders, d).mean(axis=1),
            path[:, 0].reshape(-1, orders).mean(axis=1),
            path[:, -1].reshape(-1, orders).mean(axis=1),
            of[::orders],
        )


def _turned(parts: Sequence[Part], batch: Batch, own: Array, background: Batch, drawn: Array, ranks: Array) -> dict[str, Array]:
    """For each row d + 1 rows: the background's, then with the row's own parts coming in one after another by rank."""
    steps = np.arange(len(parts) + 1)
    turned = {name: np.repeat(array[drawn], len(steps), axis=0) for name, array in background.items()}
    source = np.repeat(own, len(steps))
    for position, part in enumerate(parts):
        come = np.flatnonzero(ranks[:, position, None] < steps[None, :])
        part.put(turned[part.feature.input], come, part.of(batch[part.feature.input], source[come]))
    return turned


def _explained(scores: Array) -> tuple[Array, Array]:
    """The score that is explained, [rows, steps], and its class: the last one of a binary task, else the one that the row is given."""
    if scores.shape[2] == 2:
        return scores[:, :, 1], np.ones(len(scores), dtype=np.int64)
    given = scores[:, -1].argmax(axis=1)
    return np.asarray(np.take_along_axis(scores, given[:, None, None], axis=2)[:, :, 0]), given
