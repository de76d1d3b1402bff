"""Steps on numbers: fill in what is missing, scale, limit, take logarithms. A missing value stays missing unless it is imputed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gonogo.model.runtime import Array
from gonogo.model.steps.frame import Columns, Frame, Index
from gonogo.model.steps.spec import Spec


@dataclass(frozen=True)
class Impute:
    """`values`: {feature: what stands for a missing value}, a number or a text as the feature is."""

    numbers: Index
    values: Array
    texts: tuple[tuple[int, str], ...]

    @classmethod
    def read(cls, data: Any, place: str, columns: Columns) -> Impute:
        spec = Spec(data, place, known=("step", "values"), required=("values",))
        inner = Spec(spec.data["values"], f"{place}.values", known=spec.data["values"])
        if not inner.data:
            raise spec.error("values", "names no feature")
        positions, values, texts = [], [], []
        for name in inner.data:
            kind, position = columns.find(inner, name, name)
            if kind == "number":
                positions.append(position)
                values.append(inner.number(name))
            elif isinstance(inner.data[name], str) and inner.data[name]:
                texts.append((position, inner.data[name]))
            else:
                raise inner.error(name, "must be a text that is not empty")
        return cls(np.array(positions, dtype=np.intp), np.array(values), tuple(texts))

    def apply(self, frame: Frame) -> None:
        part = frame.numbers[:, self.numbers]
        frame.numbers[:, self.numbers] = np.where(np.isnan(part), self.values, part)
        for position, value in self.texts:
            column = frame.texts[:, position]
            column[column == ""] = value


@dataclass(frozen=True)
class Standardize:
    """(x - mean) / scale, as scikit-learn's StandardScaler."""

    at: Index
    mean: Array
    scale: Array

    @classmethod
    def read(cls, data: Any, place: str, columns: Columns) -> Standardize:
        keys = ("features", "mean", "scale")
        spec = Spec(data, place, known=("step", *keys), required=keys)
        names, at = columns.numbers(spec)
        scale = spec.numbers("scale", len(names))
        _positive(spec, "scale", scale)
        return cls(at, spec.numbers("mean", len(names)), scale)

    def apply(self, frame: Frame) -> None:
        frame.numbers[:, self.at] = (frame.numbers[:, self.at] - self.mean) / self.scale


@dataclass(frozen=True)
class MinMax:
    """What lies between `low` and `high` comes to lie between the two numbers of `to`, as scikit-learn's MinMaxScaler; values outside
    come to lie outside."""

    at: Index
    low: Array
    factor: Array
    start: float

    @classmethod
    def read(cls, data: Any, place: str, columns: Columns) -> MinMax:
        spec = Spec(data, place, known=("step", "features", "low", "high", "to"), required=("features", "low", "high"))
        names, at = columns.numbers(spec)
        low, high = _bounds(spec, len(names))
        _positive(spec, "high", high - low, "must be more than the number in low")
        start, end = spec.numbers("to", 2).tolist() if "to" in spec.data else (0.0, 1.0)
        if not start < end:
            raise spec.error("to", "must rise")
        factor = (end - start) / (high - low)
        if not np.isfinite(factor).all():  # low itself would become NaN, which is a missing value
            raise spec.error("high", f"lies so near to low that the range {start:g} to {end:g} cannot be made of it")
        return cls(at, low, factor, start)

    def apply(self, frame: Frame) -> None:
        frame.numbers[:, self.at] = (frame.numbers[:, self.at] - self.low) * self.factor + self.start


@dataclass(frozen=True)
class Clip:
    """What is less than `low` becomes `low`, what is more than `high` becomes `high`."""

    at: Index
    low: Array
    high: Array

    @classmethod
    def read(cls, data: Any, place: str, columns: Columns) -> Clip:
        keys = ("features", "low", "high")
        spec = Spec(data, place, known=("step", *keys), required=keys)
        names, at = columns.numbers(spec)
        low, high = _bounds(spec, len(names))
        return cls(at, low, high)

    def apply(self, frame: Frame) -> None:
        frame.numbers[:, self.at] = np.clip(frame.numbers[:, self.at], self.low, self.high)


@dataclass(frozen=True)
class Log1p:
    """log(1 + x). A value of -1 or less is refused: it has no logarithm."""

    names: tuple[str, ...]
    at: Index

    @classmethod
    def read(cls, data: Any, place: str, columns: Columns) -> Log1p:
        spec = Spec(data, place, known=("step", "features"), required=("features",))
        return cls(*columns.numbers(spec))

    def apply(self, frame: Frame) -> None:
        part = frame.numbers[:, self.at]
        bad = part <= -1.0
        if bad.any():
            for column, name in enumerate(self.names):
                frame.refuse(np.flatnonzero(bad[:, column]), name, "range", lambda _: "must be more than -1")
            part = np.where(bad, np.nan, part)
        frame.numbers[:, self.at] = np.log1p(part)


def _bounds(spec: Spec, length: int) -> tuple[Array, Array]:
    low, high = spec.numbers("low", length), spec.numbers("high", length)
    wrong = np.flatnonzero(low > high)
    if len(wrong):
        raise spec.error(f"high[{wrong[0]}]", "must not be less than the number in low")
    return low, high


def _positive(spec: Spec, key: str, values: Array, problem: str = "must be more than 0") -> None:
    wrong = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if len(wrong):
        raise spec.error(f"{key}[{wrong[0]}]", problem)
