"""Steps after the model: from what it gives to probabilities. Shapes: float64 [rows, columns].

A binary task has one column (the last class's) or two; a calibrator takes the last class's column and gives one. With one parameter a
class, each column is calibrated alone and each row divided by its sum, as scikit-learn's CalibratedClassifierCV does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gonogo.errors import ModelError
from gonogo.model.runtime import Array
from gonogo.model.steps.spec import Spec

SLACK = 1e-6  #: float32 sums of probabilities end a little outside [0, 1]
EDGE = 1e-15  #: a probability nearer to 0 or 1 has no logit that differs


@dataclass(frozen=True)
class Sigmoid:
    """1 / (1 + exp(-x)) of every number."""

    @classmethod
    def read(cls, data: Any, place: str) -> Sigmoid:
        Spec(data, place, known=("step",))
        return cls()

    def width(self, columns: int) -> int:
        return columns

    def apply(self, scores: Array) -> Array:
        return sigmoid(scores)


@dataclass(frozen=True)
class Logit:
    """log(p / (1 - p)) of every probability; NaN for a number that is none, so that nobody takes it for a certainty."""

    @classmethod
    def read(cls, data: Any, place: str) -> Logit:
        Spec(data, place, known=("step",))
        return cls()

    def width(self, columns: int) -> int:
        return columns

    def apply(self, scores: Array) -> Array:
        kept = np.clip(np.where((scores < -SLACK) | (scores > 1 + SLACK), np.nan, scores), EDGE, 1 - EDGE)
        return np.asarray(np.log(kept) - np.log1p(-kept))


@dataclass(frozen=True)
class Softmax:
    """exp(x) divided by the sum of its row."""

    @classmethod
    def read(cls, data: Any, place: str) -> Softmax:
        Spec(data, place, known=("step",))
        return cls()

    def width(self, columns: int) -> int:
        if columns < 2:
            raise ModelError("softmax needs a column for each class; the model gives one.", hint="Use sigmoid.")
        return columns

    def apply(self, scores: Array) -> Array:
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Temperature:
    """Every number divided by `temperature` (Guo et al. 2017); for logits, before sigmoid or softmax."""

    temperature: float

    @classmethod
    def read(cls, data: Any, place: str) -> Temperature:
        spec = Spec(data, place, known=("step", "temperature"), required=("temperature",))
        if not spec.number("temperature") > 0:
            raise spec.error("temperature", "must be more than 0")
        return cls(spec.number("temperature"))

    def width(self, columns: int) -> int:
        return columns

    def apply(self, scores: Array) -> Array:
        return np.asarray(scores / self.temperature)


@dataclass(frozen=True)
class Platt:
    """sigmoid(slope * x + intercept) (Platt 1999)."""

    slope: Array
    intercept: Array

    @classmethod
    def read(cls, data: Any, place: str) -> Platt:
        spec = Spec(data, place, known=("step", "slope", "intercept"), required=("slope", "intercept"))
        slope = spec.numbers("slope")
        return cls(slope, spec.numbers("intercept", len(slope)))

    def width(self, columns: int) -> int:
        return _calibrated(columns, len(self.slope), "platt")

    def apply(self, scores: Array) -> Array:
        return _shares(sigmoid(_calibrated_columns(scores, len(self.slope)) * self.slope + self.intercept))


@dataclass(frozen=True)
class Isotonic:
    """A rising line through the points (x, y), one `curves` entry for a binary task or one a class; flat beyond its ends."""

    curves: tuple[tuple[Array, Array], ...]

    @classmethod
    def read(cls, data: Any, place: str) -> Isotonic:
        spec = Spec(data, place, known=("step", "curves"), required=("curves",))
        spec.items("curves")
        curves = []
        for inner, value in spec.objects("curves"):
            curve = Spec(value, inner, known=("x", "y"), required=("x", "y"))
            x = curve.numbers("x")
            y = curve.numbers("y", len(x))
            if (np.diff(x) <= 0).any():
                raise curve.error(f"x[{int(np.argmax(np.diff(x) <= 0)) + 1}]", "must be more than the number before it")
            if (np.diff(y) < 0).any():
                raise curve.error(f"y[{int(np.argmax(np.diff(y) < 0)) + 1}]", "must not be less than the number before it")
            if y[0] < 0 or y[-1] > 1:
                raise curve.error("y", "must lie between 0 and 1")
            curves.append((x, y))
        return cls(tuple(curves))

    def width(self, columns: int) -> int:
        return _calibrated(columns, len(self.curves), "isotonic")

    def apply(self, scores: Array) -> Array:
        columns = _calibrated_columns(scores, len(self.curves))
        made = [np.interp(columns[:, index], x, y) for index, (x, y) in enumerate(self.curves)]
        return _shares(np.stack(made, axis=1))


@dataclass(frozen=True)
class Order:
    """The columns in another order: `columns` are positions, from 0."""

    columns: tuple[int, ...]

    @classmethod
    def read(cls, data: Any, place: str) -> Order:
        spec = Spec(data, place, known=("step", "columns"), required=("columns",))
        columns = spec.items("columns")
        if any(isinstance(one, bool) or not isinstance(one, int) for one in columns) or sorted(columns) != list(range(len(columns))):
            raise spec.error("columns", f"must hold each of the positions 0 to {len(columns) - 1} once")
        return cls(tuple(columns))

    def width(self, columns: int) -> int:
        if columns != len(self.columns):
            raise ModelError(f"order names {len(self.columns)} columns; the model gives {columns}.")
        return columns

    def apply(self, scores: Array) -> Array:
        return scores[:, self.columns]


def sigmoid(values: Array) -> Array:
    """1 / (1 + exp(-x)), which is 0 where exp overflows."""
    with np.errstate(over="ignore"):
        return np.asarray(1.0 / (1.0 + np.exp(-values)))


def _calibrated(columns: int, parameters: int, step: str) -> int:
    if (parameters == 1 and columns > 2) or (parameters > 1 and columns != parameters) or parameters == 2:
        raise ModelError(
            f"{step} has parameters for {parameters} classes; the model gives {columns} columns.",
            hint="A binary task needs one set of parameters, a task of more classes one a class.",
        )
    return parameters


def _calibrated_columns(scores: Array, parameters: int) -> Array:
    return scores[:, -1:] if parameters == 1 else scores


def _shares(values: Array) -> Array:
    """Each row divided by its sum; a row of zeros becomes equal shares. One column is a probability as it is."""
    if values.shape[1] == 1:
        return values
    sums = values.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(sums == 0, 1.0 / values.shape[1], values / sums))
