"""What is counted of a tensor: for each channel its mean, its spread, its ends, or the share of its elements that are missing.

A window of 105 bars by 11 channels has 1,155 numbers; whether the windows of today are like those of the training is asked of a few
figures for each channel. A feature that is a single value is its own summary, so whoever counts or compares inputs asks for
`Schema.measured` and the columns from here, and need not know of tensors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from gonogo.model.runtime import Array
from gonogo.model.schema import Schema, Summary, Tensor


def measured_columns(schema: Schema, batch: Mapping[str, Array]) -> dict[str, Array]:
    """The columns of `Schema.measured`, each [rows], from the arrays [rows, width] of the graph's inputs.

    A summary of a channel without any finite element is NaN; its `missing` is 1.
    """
    columns: dict[str, Array] = {}
    channels: dict[tuple[str, Summary], Array] = {}
    for item in schema.measured:
        feature = item.feature
        if feature.tensor is None or not item.summary:
            columns[item.name] = batch[feature.input][:, feature.column]
            continue
        key = (feature.name, item.summary)
        if key not in channels:
            channels[key] = summarise(feature.tensor, batch[feature.input], item.summary)
        columns[item.name] = channels[key][:, item.channel]
    return columns


def summarise(tensor: Tensor, values: Array, summary: Summary) -> Array:
    """One summary of every channel, float64 [rows, channels] (one column without channels), of tensors laid flat [rows, width]."""
    rows = len(values)
    shaped = values.reshape(rows, *tensor.shape)
    moved = shaped.reshape(rows, 1, -1) if tensor.axis is None else np.moveaxis(shaped, 1 + tensor.axis, 1)
    parts = moved.reshape(rows, moved.shape[1], -1).astype(np.float64)
    known = np.isfinite(parts)
    count = known.sum(axis=2)
    if summary == "missing":
        return np.asarray(1.0 - count / parts.shape[2])
    none = count == 0
    if summary in ("low", "high"):
        end = math.inf if summary == "low" else -math.inf
        held = np.where(known, parts, end)
        found = held.min(axis=2) if summary == "low" else held.max(axis=2)
        return np.where(none, np.nan, found)
    held = np.where(known, parts, 0.0)
    size = np.maximum(count, 1)
    mean = held.sum(axis=2) / size
    if summary == "mean":
        return np.where(none, np.nan, mean)
    apart = np.where(known, parts - mean[:, :, None], 0.0)
    return np.where(none, np.nan, np.sqrt((apart * apart).sum(axis=2) / size))
