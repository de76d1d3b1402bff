"""The simplest models that a real one must beat: always the same, one feature, a straight line.

`x` is float64 [rows, columns] without NaN, `y` class indices int64 [rows]. Each returns a function from [rows, columns] to scores
float64 [rows, classes] that add up to 1. Nothing is drawn at random.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gonogo.stats.bins import Array

Predict = Callable[[Array], Array]
RIDGE = 1e-3  #: per row; keeps separable data from running away
STEPS = 25
BINS = 10


def majority(x: Array, y: Array, classes: int) -> Predict:
    """Every row gets the shares of the classes in training."""
    shares = _smoothed(np.bincount(y, minlength=classes))
    return lambda rows: np.tile(shares, (len(rows), 1))


def one_rule(x: Array, y: Array, classes: int) -> Predict:
    """The one column whose tenths tell the classes apart best (Holte 1993, by log-likelihood); each tenth gets its shares."""
    best: tuple[float, int, Array, Array] | None = None
    for column in range(x.shape[1]):
        edges = np.unique(np.quantile(x[:, column], np.arange(1, BINS) / BINS))
        index = np.searchsorted(edges, x[:, column], side="left")
        counts = np.zeros((len(edges) + 1, classes))
        np.add.at(counts, (index, y), 1)
        shares = _smoothed(counts)
        likelihood = float(np.log(shares[index, y]).sum())
        if best is None or likelihood > best[0]:
            best = (likelihood, column, edges, shares)
    if best is None:
        raise ValueError("there are no columns")
    _, column, edges, shares = best
    return lambda rows: shares[np.searchsorted(edges, rows[:, column], side="left")]


def logistic(x: Array, y: Array, classes: int) -> Predict:
    """Logistic regression by Newton's method with a small ridge on standardised columns; one against the rest for more classes."""
    middle, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)

    def design(rows: Array) -> Array:
        return np.column_stack([np.ones(len(rows)), np.clip((rows - middle) / scale, -10, 10)])

    matrix = design(x)
    wanted = range(classes) if classes > 2 else (1,)
    weights = np.stack([_newton(matrix, (y == index).astype(np.float64)) for index in wanted], axis=1)

    def predict(rows: Array) -> Array:
        raw = _sigmoid(design(rows) @ weights)
        if classes == 2:
            return np.column_stack([1 - raw[:, 0], raw[:, 0]])
        raw = np.maximum(raw, 1e-12)
        return np.asarray(raw / raw.sum(axis=1, keepdims=True))

    return predict


def _newton(matrix: Array, truth: Array) -> Array:
    weights = np.zeros(matrix.shape[1])
    ridge = RIDGE * len(matrix) * np.eye(matrix.shape[1])
    ridge[0, 0] = 1e-9
    for _ in range(STEPS):
        said = _sigmoid(matrix @ weights)
        slope = matrix.T @ (truth - said) - ridge @ weights
        curve = (matrix * np.maximum(said * (1 - said), 1e-9)[:, None]).T @ matrix + ridge
        step = np.linalg.solve(curve, slope)
        weights = weights + np.clip(step, -5, 5)
        if float(np.abs(step).max()) < 1e-8:
            break
    return weights


def _sigmoid(values: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -35, 35))))


def _smoothed(counts: Array) -> Array:
    """Shares with one row added to every class (Laplace), so that none is 0."""
    added = np.asarray(counts, dtype=np.float64) + 1
    return np.asarray(added / added.sum(axis=-1, keepdims=True))
