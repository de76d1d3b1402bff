"""Live values counted into the frozen bins of the release's own baseline, off the request's path.

Only counts are kept, never a value: the counter holds nothing personal and is a few kilobytes at any traffic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gonogo.model.runtime import Array
from gonogo.model.schema import Schema
from gonogo.stats.bins import BinEdges
from gonogo.stats.counters import FeatureCounter


class DriftCounter:
    """Counts of every feature and of the score in the baseline's bins. The score is that of the last class of a binary task, else
    the highest of the row, as in the baseline. Raises ValueError when the baseline lacks a feature or its bins are malformed."""

    def __init__(self, schema: Schema, baseline: Mapping[str, Any]) -> None:
        try:
            bins = {feature.name: BinEdges.from_json(baseline["features"][feature.name]["bins"]) for feature in schema.features}
            self._score_edges = BinEdges.from_json(baseline["score"]["bins"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"the baseline does not cover the schema: {error!r}") from error
        self._inputs = [item.name for item in schema.inputs]
        self._features = FeatureCounter(bins, {feature.name: (feature.input, feature.column) for feature in schema.features})
        self._score = np.zeros(self._score_edges.size, dtype=np.int64)
        self._binary = schema.task == "binary-classification"

    def add(self, batches: Sequence[tuple[Mapping[str, Array], Array]]) -> None:
        """Count what was computed: (inputs by name [rows, width], scores [rows, classes])."""
        if not batches:
            return
        scores = np.concatenate([values for _, values in batches])
        self._features.add({name: np.concatenate([batch[name] for batch, _ in batches]) for name in self._inputs})
        self._score += self._score_edges.count(scores[:, -1] if self._binary else scores.max(axis=1))

    def to_json(self) -> dict[str, Any]:
        return {"rows": self._features.rows, "features": self._features.to_json(), "score": self._score.tolist()}
