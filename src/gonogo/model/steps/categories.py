"""Steps that turn categories into numbers. A category is a text, or a number of a feature of numbers.

A category that is not listed is refused, with the feature's name, unless the document says what it becomes: `"unknown": "other"`.
A missing value is a category like any other: the text "" when it is listed, else unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gonogo.model.runtime import Array
from gonogo.model.steps.frame import Columns, Frame, Index, Kind, index
from gonogo.model.steps.spec import Spec, is_finite

SHOWN = 20  #: categories that a message lists
LONGEST_SHOWN = 60


@dataclass(frozen=True)
class _Encoded:
    """One feature and its categories in their order."""

    name: str
    kind: Kind
    position: int
    codes: dict[Any, int]
    refuse: bool

    def of(self, frame: Frame) -> Array:
        """The code of each row, int64; -1 for a category that is not listed, which is refused unless it may be another."""
        column = (frame.numbers if self.kind == "number" else frame.texts)[:, self.position]
        find = self.codes.get
        codes = np.array([find(value, -1) for value in column.tolist()], dtype=np.int64)
        if self.refuse and len(codes) and codes.min() < 0:
            listed = ", ".join(map(_shown, list(self.codes)[:SHOWN])) + (", …" if len(self.codes) > SHOWN else "")
            refused = np.flatnonzero(codes < 0)
            frame.refuse(refused, self.name, "category", lambda row: f"must be one of {listed}, not {_shown(column[row])}")
        return codes


@dataclass(frozen=True)
class Ordinal:
    """Each feature becomes the position of its category, from 0, in place; with `"unknown": "other"`, others become the number `other`."""

    encoded: tuple[_Encoded, ...]
    to: tuple[int, ...]
    other: float

    @classmethod
    def read(cls, data: Any, place: str, columns: Columns) -> Ordinal:
        spec = Spec(data, place, known=("step", "features", "categories", "unknown", "other", "to"), required=("features", "categories"))
        encoded = _read(spec, columns)
        refuse = spec.choice("unknown", ("refuse", "other"), "refuse") == "refuse"
        if refuse == ("other" in spec.data):
            raise spec.error("other", 'is the number of all other categories: it goes with `"unknown": "other"`')
        names = spec.names("to") if "to" in spec.data else tuple(f"{one.name}#" for one in encoded)
        if len(names) != len(encoded):
            raise spec.error("to", f"has {len(names)} names for {len(encoded)} features")
        return cls(encoded, tuple(columns.add(name, "number") for name in names), np.nan if refuse else spec.number("other"))

    def apply(self, frame: Frame) -> None:
        for one, position in zip(self.encoded, self.to, strict=True):
            codes = one.of(frame)
            frame.numbers[:, position] = np.where(codes < 0, self.other, codes)


@dataclass(frozen=True)
class OneHot:
    """Each category becomes a column `feature=category` of 0 and 1; with `"unknown": "other"`, all others are 0 in every column."""

    encoded: tuple[_Encoded, ...]
    to: tuple[Index, ...]

    @classmethod
    def read(cls, data: Any, place: str, columns: Columns) -> OneHot:
        spec = Spec(data, place, known=("step", "features", "categories", "unknown"), required=("features", "categories"))
        encoded = _read(spec, columns)
        to = [index([columns.add(f"{one.name}={category_text(category)}", "number") for category in one.codes]) for one in encoded]
        return cls(encoded, tuple(to))

    def apply(self, frame: Frame) -> None:
        for one, at in zip(self.encoded, self.to, strict=True):
            frame.numbers[:, at] = one.of(frame)[:, None] == np.arange(len(one.codes))


def category_text(category: str | float) -> str:
    """A category as it stands in a column's name: whole numbers without a point."""
    return str(int(category)) if isinstance(category, float) and category.is_integer() else str(category)


def _read(spec: Spec, columns: Columns) -> tuple[_Encoded, ...]:
    names, lists = spec.names("features"), spec.items("categories")
    if len(names) != len(lists):
        raise spec.error("categories", f"has {len(lists)} lists for {len(names)} features")
    refuse = spec.choice("unknown", ("refuse", "other"), "refuse") == "refuse"
    found = []
    for number, name in enumerate(names):
        kind, position = columns.find(spec, f"features[{number}]", name)
        inner = Spec({"categories": lists[number]}, "", known=("categories",))
        codes: dict[Any, int] = {}
        for place, category in enumerate(inner.items("categories") if isinstance(lists[number], list) else [None]):
            if not (isinstance(category, str) if kind == "text" else is_finite(category)):
                what = "text" if kind == "text" else "finite number"
                raise spec.error(f"categories[{number}][{place}]", f"must be a {what}, as the feature {name!r} is")
            value = category if kind == "text" else float(category)
            if value in codes:
                raise spec.error(f"categories[{number}][{place}]", f"names {category!r} again")
            codes[value] = place
        found.append(_Encoded(name, kind, position, codes, refuse))
    return tuple(found)


def _shown(value: Any) -> str:
    text = category_text(value)
    if text in ("", "nan"):
        return "nothing"
    return repr(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…")
