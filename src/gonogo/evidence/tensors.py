"""What the tensors of a table hold, channel by channel, and tensors as columns that can be asked in SQL.

A tensor column is read a part of the rows at a time, so memory stays below a bound whatever the size of the table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gonogo.base.table import TableFiles
from gonogo.errors import DataError
from gonogo.evidence.inputs import Numbers
from gonogo.model.schema import Feature
from gonogo.model.summaries import channel_elements, channel_names

MOST_CELLS = 4_000_000  #: elements that are read at once
PROJECTIONS = 8
SEED = 17


@dataclass(frozen=True)
class Channel:
    """One channel of a tensor in all rows of a table: its elements, those that are there, the infinite ones among them, the lowest and the
    highest finite one (NaN without any), those that are not whole, and those outside of a range that is known from elsewhere."""

    name: str
    elements: int
    present: int
    infinite: int
    low: float
    high: float
    fractions: int
    outside: int

    @property
    def missing(self) -> float:
        return 1 - self.present / self.elements

    @property
    def constant(self) -> bool:
        return self.present == 0 or self.low == self.high


def channels(tables: TableFiles, table: str, feature: Feature, known: Sequence[Channel] = ()) -> tuple[Channel, ...]:
    """Every channel of a tensor feature. `known`: the same channels of the table whose ranges count. Raises DataError when a row has no
    tensor of the feature's shape."""
    assert feature.tensor is not None
    names = channel_names(feature)
    low = np.array([one.low for one in known] or [math.nan] * len(names))
    high = np.array([one.high for one in known] or [math.nan] * len(names))
    counts = np.zeros((5, len(names)), dtype=np.int64)
    lows, highs = np.full(len(names), math.inf), np.full(len(names), -math.inf)
    for values in tensor_parts(tables, table, feature):
        parts = channel_elements(feature.tensor, values)
        present, finite = ~np.isnan(parts), np.isfinite(parts)
        lows = np.minimum(lows, np.where(finite, parts, math.inf).min(axis=(0, 2)))
        highs = np.maximum(highs, np.where(finite, parts, -math.inf).max(axis=(0, 2)))
        beyond = present & ~((parts >= low[:, None]) & (parts <= high[:, None]))
        seen = (np.ones_like(present), present, present & ~finite, finite & (parts != np.floor(parts)), beyond)
        counts += np.array([each.sum(axis=(0, 2)) for each in seen])
    none = lows > highs
    ends = np.where(none, math.nan, lows).tolist(), np.where(none, math.nan, highs).tolist()
    each = zip(names, *counts[:3].tolist(), *ends, *counts[3:].tolist(), strict=True)
    return tuple(Channel(*one) for one in each)


def tensor_parts(tables: TableFiles, table: str, feature: Feature) -> Iterator[Numbers]:
    """The tensors of a table, float32 [rows, width], some rows at a time. Raises DataError for a row without one of the feature's size."""
    assert feature.tensor is not None
    width = math.prod(feature.tensor.shape)
    for part in tables.parts(table, [feature.name], max(1, MOST_CELLS // width)):
        values = part.column(feature.name)
        if values.ndim != 2 or values.shape[1] != width:
            raise DataError(f"{table}: column {feature.name!r} holds no tensors of the shape {list(feature.tensor.shape)}.")
        yield values


def add_projections(tables: TableFiles, feature: Feature) -> tuple[str, ...]:
    """Give every table columns that stand for a tensor: its elements, a missing one as 0, projected on `PROJECTIONS` random directions
    (seeded), so that near tensors have near values in all of them and others have not. The columns' names."""
    assert feature.tensor is not None
    width = math.prod(feature.tensor.shape)
    directions = np.random.default_rng(SEED).normal(size=(width, PROJECTIONS)) / math.sqrt(width)
    names = tuple(f"{feature.name} on direction {number}" for number in range(PROJECTIONS))
    for table in tables.files:
        parts = tensor_parts(tables, table, feature)
        tables.extend(table, names, (np.nan_to_num(part.astype(np.float64)) @ directions for part in parts))
    return names
