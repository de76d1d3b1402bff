"""Slices: rows of which a feature has one declared value. Figures are told for each, so that a model that is good on the whole and bad for
some is seen.

Declared by feature, `{purpose: [car, house], new_customer: [1]}`, and called `purpose=car`. What is not declared is no slice: their number
is bounded by what a person wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gonogo.model.runtime import Array

MOST = 60  #: slices of a system
Slices = Mapping[str, Sequence[str]]  #: values as text, by feature


def slice_name(feature: str, value: str) -> str:
    return f"{feature}={value}"


def members(values: Any, value: str) -> Array:
    """Which rows of a feature's column (text, numbers or truth values; [n]) have the value, bool [n].

    Numbers are compared as numbers, in float32 as the model sees them: "1" is 1.0. A missing value is in no slice.
    """
    column = np.asarray(values)
    if column.dtype == object or column.dtype.kind in "US":
        return np.array([one == value for one in column.tolist()], dtype=bool)
    try:
        number = np.float32(value)
    except ValueError:
        return np.zeros(len(column), dtype=bool)
    return np.asarray(column.astype(np.float32) == number)
