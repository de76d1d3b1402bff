"""Live values counted into the frozen bins of the release's own baseline, off the request's path.

`to_json()`: `rows`; `features` {name in `Schema.measured`: counts, the last of missing values}; `outside` {name: rows beyond the baseline's
range}; `score`: counts in the baseline's bins; `scores`: {`bins`: counts in 1024 equal bins and of missing ones, `sum` and `squares` in
units of 2^-30, `low`: rows below 0.05, `high`: above 0.95, `unsure`: rows whose most likely class has less than 0.6}. All are whole
numbers, so that they add exactly.

Only counts are kept, never a value: the counter holds nothing personal and is a few kilobytes at any traffic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gonogo.model.runtime import Array
from gonogo.model.schema import Schema
from gonogo.model.summaries import measured_batch, measured_places
from gonogo.stats.bins import BinEdges
from gonogo.stats.counters import FeatureCounter
from gonogo.stats.score_table import BINS, count_scores, fixed_point

LOW, HIGH = 0.05, 0.95  #: beyond them a score is an extreme one
SURE = 0.6  #: from here on the most likely class is taken for likely


class DriftCounter:
    """Counts of every feature, of a tensor's summaries, and of the score in the baseline's bins. The score is that of the last class of a
    binary task, else the highest of the row, as in the baseline. Raises ValueError when the baseline lacks one or its bins are malformed.
    """

    def __init__(self, schema: Schema, baseline: Mapping[str, Any]) -> None:
        try:
            places = measured_places(schema)
            bins = {name: BinEdges.from_json(baseline["features"][name]["bins"]) for name in places}
            ranges = {name: document["range"] for name, document in baseline["features"].items() if "range" in document}
            inside = {name: _range(float(item["low"]), float(item["high"])) for name, item in ranges.items() if name in bins}
            self._score_edges = BinEdges.from_json(baseline["score"]["bins"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"the baseline does not cover the schema: {error!r}") from error
        self._schema, self._tensors = schema, schema.has_tensors
        self._features = FeatureCounter(bins, places)
        self._ranges = FeatureCounter(inside, {name: places[name] for name in inside})
        self._score = np.zeros(self._score_edges.size, dtype=np.int64)
        self._bins = np.zeros(BINS + 1, dtype=np.int64)
        self._sums = dict.fromkeys(("sum", "squares", "low", "high", "unsure"), 0)
        self._binary = schema.task == "binary-classification"

    def add(self, inputs: Mapping[str, Array], scores: Array) -> None:
        """Count what was computed: inputs by name [rows, width], scores [rows, classes]."""
        rows = measured_batch(self._schema, inputs) if self._tensors else inputs
        self._features.add(rows)
        self._ranges.add(rows)
        score = scores[:, -1] if self._binary else scores.max(axis=1)
        self._score += self._score_edges.count(score)
        self._add_scores(score)

    def _add_scores(self, score: Array) -> None:
        self._bins += count_scores(score)
        known = np.clip(score[~np.isnan(score)].astype(np.float64), 0.0, 1.0)
        confidence = np.maximum(known, 1.0 - known) if self._binary else known
        self._sums["sum"] += int(fixed_point(known).sum())
        self._sums["squares"] += int(fixed_point(known * known).sum())
        for name, beyond in (("low", known < LOW), ("high", known > HIGH), ("unsure", confidence < SURE)):
            self._sums[name] += int(np.count_nonzero(beyond))

    def to_json(self) -> dict[str, Any]:
        return {
            "rows": self._features.rows,
            "features": self._features.to_json(),
            "outside": {name: int(counts[0] + counts[2]) for name, counts in self._ranges.counts.items()},
            "score": self._score.tolist(),
            "scores": {"bins": self._bins.tolist(), **self._sums},
        }


def _range(low: float, high: float) -> BinEdges:
    """Bins of what is below, within and above."""
    return BinEdges("numeric", (float(np.nextafter(np.float32(low), np.float32(-np.inf))), high))
