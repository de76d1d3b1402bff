"""What a model is asked about one at a time, when it is asked what it relies on: a feature, or of a tensor (a window, an image) a channel.

A window of 105 bars by 11 channels is one feature; that it matters says nothing, and that one of its 1,155 numbers matters says as little.
So a channel is shuffled, masked or explained as a whole, over all rows of the table and all places of the window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gonogo.model.runtime import Array
from gonogo.model.schema import Feature, Schema
from gonogo.model.summaries import channel_names


@dataclass(frozen=True)
class Part:
    """`name` is that of the feature, or `window.close`; `columns` int64 are where it lies in the arrays [rows, width] of
    `feature.input`."""

    name: str
    feature: Feature
    columns: Array

    def put(self, into: Array, rows: Array, values: Array) -> None:
        """Set the part in some rows (positions) of an array [rows, width] of its input."""
        into[rows[:, None], self.columns] = values

    def of(self, array: Array, rows: Array) -> Array:
        """The part of some rows, [rows, columns]."""
        return np.asarray(array[rows[:, None], self.columns])


def parts(schema: Schema) -> tuple[Part, ...]:
    """The parts of all features, in their order."""
    return tuple(part for feature in schema.features for part in _of_feature(feature))


def lists_of_names(schema: Schema) -> tuple[tuple[str, ...], ...]:
    """How a project may list what its model takes: the features, their parts (`window.close`), or the channels alone (`close`)."""
    bare = tuple(name for feature in schema.features for name in ((feature.tensor.channels if feature.tensor else ()) or (feature.name,)))
    return tuple(dict.fromkeys((schema.feature_names, tuple(part.name for part in parts(schema)), bare)))


def nearest_list(schema: Schema, listed: Sequence[str]) -> tuple[str, ...]:
    """That of `lists_of_names` which has most in common with a list."""
    names = set(listed)
    return max(lists_of_names(schema), key=lambda wanted: (list(listed) == list(wanted), len(names & set(wanted))))


def _of_feature(feature: Feature) -> list[Part]:
    tensor = feature.tensor
    if tensor is None:
        return [Part(feature.name, feature, np.array([feature.column]))]
    places = np.arange(int(np.prod(tensor.shape))).reshape(tensor.shape)
    channels = [places] if tensor.axis is None else list(np.moveaxis(places, tensor.axis, 0))
    return [Part(name, feature, one.reshape(-1)) for name, one in zip(channel_names(feature), channels, strict=True)]
