"""Counters of everything that went through a model: for each feature the counts of its bins. Adding is all they can do.

    counter = FeatureCounter(edges, places)
    counter.add(batch)                     # arrays [rows, width] by graph input, as the model gets them
    counter.counts["age"]                  # int64 [bins + 1]

Numeric columns are counted together, as many of them as a core's cache has room for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gonogo.stats.bins import Array, BinEdges, Counts, from_reached, reached


class FeatureCounter:
    """Additive counts of a set of features. `places` says where each one lies in a batch: (graph input, column)."""

    def __init__(self, edges: Mapping[str, BinEdges], places: Mapping[str, tuple[str, int]]) -> None:
        if edges.keys() != places.keys():
            raise ValueError(f"bins and places name other features: {sorted(edges.keys() ^ places.keys())}")
        self.edges, self.places = dict(edges), dict(places)
        self._settled: dict[str, Counts] = {name: np.zeros(item.size, dtype=np.int64) for name, item in edges.items()}
        self._text = [(name, *places[name]) for name, item in edges.items() if item.kind == "categorical"]
        # Numeric features are kept as "so many reached this edge" until somebody asks: adding is then one addition for all.
        self._numeric = _groups(self.edges, self.places)
        self._reached = [np.zeros(steps.shape, dtype=np.int64) for _, _, _, steps in self._numeric]
        self._pending = 0
        self.rows = 0  #: rows that `add` has counted

    def add(self, batch: Mapping[str, Array]) -> None:
        """Count one batch: arrays [rows, width] by graph input, all of as many rows.

        Raises KeyError when an input is not there, and ValueError when heights differ; then nothing was counted.
        """
        heights = {len(array) for array in batch.values()}
        if len(heights) != 1:
            raise ValueError(f"a batch with inputs of {sorted(heights)} rows")
        text = [(name, self.edges[name].count(batch[source][:, column])) for name, source, column in self._text]
        numeric = []
        for source, columns, _, steps in self._numeric:
            block = batch[source]
            values = block if len(columns) == block.shape[1] else block[:, columns]  # columns ascend, so as many are all of them
            numeric.append(reached(values, steps))
        for name, counts in text:
            self._settled[name] += counts
        for index, found in enumerate(numeric):
            self._reached[index] += found
        height = heights.pop()
        self._pending += height
        self.rows += height

    @property
    def counts(self) -> dict[str, Counts]:
        """Counts by feature, int64 [bins + 1], the last one of missing values."""
        if self._pending:
            for (_, _, names, _), total in zip(self._numeric, self._reached, strict=True):
                for index, name in enumerate(names):
                    self._settled[name] += from_reached(total[index, : len(self.edges[name].edges) + 1], self._pending)
                total[:] = 0
            self._pending = 0
        return self._settled

    def merge(self, counts: Mapping[str, Any]) -> None:
        """Add the counts of another counter over the same bins. Raises ValueError when they are over other bins."""
        mine = self.counts
        if counts.keys() != mine.keys():
            raise ValueError(f"counts of other features: {sorted(counts.keys() ^ mine.keys())}")
        arrays = {name: np.asarray(values, dtype=np.int64) for name, values in counts.items()}
        for name, values in arrays.items():
            if values.shape != mine[name].shape or (values < 0).any():
                raise ValueError(f"counts of {name!r} do not fit its bins")
        for name, values in arrays.items():
            mine[name] += values

    def to_json(self) -> dict[str, list[int]]:
        """The counts, as lists by feature."""
        return {name: values.tolist() for name, values in self.counts.items()}


def _groups(edges: Mapping[str, BinEdges], places: Mapping[str, tuple[str, int]]) -> list[tuple[str, list[int], list[str], Array]]:
    """Numeric features by graph input: columns, names, edges [features, most], filled up with at least one +inf."""
    groups: list[tuple[str, list[int], list[str], Array]] = []
    sources = dict.fromkeys(places[name][0] for name, item in edges.items() if item.kind == "numeric")
    for source in sources:
        names = sorted((n for n, item in edges.items() if item.kind == "numeric" and places[n][0] == source), key=lambda n: places[n][1])
        columns = [places[name][1] for name in names]
        steps = np.full((len(names), max(len(edges[name].edges) for name in names) + 1), np.inf, dtype=np.float32)
        for index, name in enumerate(names):
            steps[index, : len(edges[name].edges)] = edges[name].edges
        groups.append((source, columns, names, steps))
    return groups
