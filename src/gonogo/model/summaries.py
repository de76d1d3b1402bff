"""What is counted of a tensor: for each channel its mean, its spread, its ends, or the share of its elements that are missing.

A window of 105 bars by 11 channels has 1,155 numbers; whether the windows of today are like those of the training is asked of a few
figures for each channel. A feature that is a single value is its own summary, so whoever counts or compares inputs asks for
`Schema.measured` and the columns from here, and need not know of tensors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from gonogo.base.table import Column, Table
from gonogo.errors import DataError
from gonogo.model.runtime import Array
from gonogo.model.schema import Feature, Schema, Summary, Tensor

AT_ONCE = 4_000_000  #: elements that are summed up together: a few times 32 MB


def measured_table(schema: Schema, table: Table) -> Table:
    """The columns of `Schema.measured`, in that order, from a table of features; other columns are left out.

    Plain columns are those of the table, untouched. Raises DataError for a column that is missing, one that is no tensor of its size, and
    two measured columns of one name.
    """
    columns: dict[str, Column] = {}
    for feature in schema.features:
        found = (
            {feature.name: table.column(feature.name)} if feature.tensor is None else summary_columns(feature, table.column(feature.name))
        )
        if twice := sorted(columns.keys() & found.keys()):
            raise DataError(f"{', '.join(twice)} would be measured twice.", hint="Give the feature or the channel another name.")
        columns |= found
    return Table(columns, table.rows)


def summary_columns(feature: Feature, column: Column) -> dict[str, Column]:
    """The measured columns of a tensor feature by name, each float64 [rows], from its column [rows, width]. Raises DataError for a column
    of another width, or of single values."""
    assert feature.tensor is not None
    size = math.prod(feature.tensor.shape)
    if column.ndim != 2 or column.shape[1] != size:
        raise DataError(f"column {feature.name!r} holds no tensors of {size} numbers.", hint=f"Its shape is {list(feature.tensor.shape)}.")
    made = summaries(feature.tensor, column)
    return {name: made[:, place] for place, name in enumerate(measured_names(feature))}


def measured_batch(schema: Schema, batch: Mapping[str, Array]) -> Mapping[str, Array]:
    """The arrays [rows, width] of the graph's inputs, a tensor's replaced by its summaries [rows, channels · summaries]; `measured_places`
    says what is where. Without tensors it is the batch itself."""
    tensors = {feature.input: feature.tensor for feature in schema.features if feature.tensor is not None}
    return {**batch, **{name: summaries(tensor, batch[name]) for name, tensor in tensors.items()}} if tensors else batch


def measured_places(schema: Schema) -> dict[str, tuple[str, int]]:
    """Where each measured column lies in a `measured_batch`: (graph input, column) by name."""
    return {
        name: (feature.input, feature.column + place) for feature in schema.features for place, name in enumerate(measured_names(feature))
    }


def measured_names(feature: Feature) -> tuple[str, ...]:
    """What is measured of one feature, by name."""
    if feature.tensor is None:
        return (feature.name,)
    return tuple(f"{stem}.{summary}" for stem in channel_names(feature) for summary in feature.tensor.summaries)


def summaries(tensor: Tensor, values: Array) -> Array:
    """The declared summaries of every channel, float64 [rows, channels · summaries], of tensors laid flat [rows, width]: of the first
    channel all summaries, then of the second.

    Only finite elements count. A summary of a channel without any is NaN; its `missing` is 1.
    """
    names = tensor.summaries
    made = np.empty((len(values), len(tensor.channels or ("",)) * len(names)))
    step = max(1, AT_ONCE // math.prod(tensor.shape))
    for start in range(0, len(values), step):
        parts = channel_elements(tensor, values[start : start + step])
        found = _summarised(parts, names)
        for place, name in enumerate(names):
            made[start : start + step, place :: len(names)] = found[name]
    return made


def channel_elements(tensor: Tensor, values: Array) -> Array:
    """The elements of every channel, float64 [rows, channels (1 without any), elements], of tensors laid flat [rows, width]."""
    shaped = values.reshape(len(values), *tensor.shape)
    moved = shaped[:, None] if tensor.axis is None else np.moveaxis(shaped, 1 + tensor.axis, 1)
    return moved.reshape(len(values), moved.shape[1], -1).astype(np.float64)


def channel_names(feature: Feature) -> tuple[str, ...]:
    """`window.close` for each channel of a tensor; without channels, and of a single value, the feature's own name."""
    channels = feature.tensor.channels if feature.tensor is not None else ()
    return tuple(f"{feature.name}.{channel}" for channel in channels) or (feature.name,)


def _summarised(parts: Array, names: Sequence[Summary]) -> dict[str, Array]:
    """[rows, channels] by summary, of elements [rows, channels, elements]."""
    known = np.isfinite(parts)
    count = known.sum(axis=2)
    none, size = count == 0, np.maximum(count, 1)
    found: dict[str, Array] = {}
    if "missing" in names:
        found["missing"] = np.asarray(1.0 - count / parts.shape[2])
    if "low" in names:
        found["low"] = np.where(none, np.nan, np.where(known, parts, math.inf).min(axis=2))
    if "high" in names:
        found["high"] = np.where(none, np.nan, np.where(known, parts, -math.inf).max(axis=2))
    if "mean" in names or "spread" in names:
        mean = np.where(known, parts, 0.0).sum(axis=2) / size
        found["mean"] = np.where(none, np.nan, mean)
    if "spread" in names:
        apart = np.where(known, parts - mean[:, :, None], 0.0)
        found["spread"] = np.where(none, np.nan, np.sqrt((apart * apart).sum(axis=2) / size))
    return found
