"""A service with nothing wrong with it, in virtual time: requests that come and go with the day and the week, features and scores that move
with them a little, calibrated labels that come late, a few errors. It speaks as the real one does (`/observe`).

Its rows are drawn, scored and counted as the service counts them (`service/drift.py`); its baseline is made by the product from eight weeks
of the same life (`release/baseline.py`). Everything follows from one seed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from gonogo.base.clock import stamp
from gonogo.base.table import Table
from gonogo.model.schema import Feature, GraphInput, Schema
from gonogo.release.baseline import make_baseline
from gonogo.service.drift import DriftCounter
from gonogo.service.labels.counts import LabelCounts
from gonogo.stats.bins import Array
from gonogo.stats.latency import LatencyHistogram
from gonogo.stats.score_table import ScoreTable

RELEASE = "shop@1.0.0"
FEATURES = tuple(f"x{index}" for index in range(8))
DAILY = np.array([0.30, 0.15, 0.0, 0.0, 0.20, 0.0, 0.0, 0.10])  #: standard deviations that a mean moves with the hour of the day
WEEKLY = np.array([0.0, 0.15, 0.0, 0.10, 0.0, 0.0, 0.20, 0.0])  #: and on weekends
WEIGHTS = np.array([0.8, -0.6, 0.5, 0.4, -0.3, 0.2, 0.2, 0.1])
OFFSET = -0.8
REFERENCE_ROWS = 50_000
FAILS, REFUSED = 0.0002, 0.005  #: shares of the requests
LABELS_LATE = 6 * 3600.0
CLASSES = ("no", "yes")
SCHEMA = Schema(
    task="binary-classification",
    inputs=(GraphInput("rows", "float32", len(FEATURES)),),
    features=tuple(Feature(name, "float", False, "rows", place) for place, name in enumerate(FEATURES)),
    classes=CLASSES,
    score_output="probabilities",
)


def busy(moment: datetime) -> float:
    """The part of the mean traffic that comes at a moment: a fifth of the peak at four at night, two thirds on weekends."""
    hour = moment.hour + moment.minute / 60
    day = 1.0 - 0.67 * math.cos(2 * math.pi * (hour - 4) / 24)
    return day * (0.67 if moment.weekday() >= 5 else 1.13)


@dataclass(frozen=True)
class Rows:
    features: Array
    scores: Array
    outcomes: Array


class HealthyService:
    """`per_second` requests come on average, of a row each."""

    def __init__(self, per_second: float, seed: int, begin: datetime) -> None:
        self._random = np.random.default_rng(seed)
        self._per_second = per_second
        self._noise: dict[int, float] = {}
        moments = self._random.uniform(0, 7 * 24, size=8 * REFERENCE_ROWS)
        taken = [hours for hours in moments if self._random.uniform(0, 2.0) < _weekly(hours)][: 2 * REFERENCE_ROWS]
        reference = self._draw(np.array(taken) % 24, np.array(taken) >= 5 * 24)
        self.train, test = reference.features[:REFERENCE_ROWS], slice(REFERENCE_ROWS, 2 * REFERENCE_ROWS)
        columns = {name: self.train[:, place] for place, name in enumerate(FEATURES)}
        scores = np.column_stack([1 - reference.scores[test], reference.scores[test]])
        document = make_baseline(SCHEMA, Table(columns, REFERENCE_ROWS), scores, reference.outcomes[test].astype(np.int64))
        self._latency = LatencyHistogram()
        self.baseline: Mapping[str, Any] = {**document, "sealed_at": stamp(begin), "latency": self._load_test()}
        self._drift = DriftCounter(SCHEMA, document)
        self._counts = dict.fromkeys(("n", "bad", "2xx", "4xx", "5xx", "unread", "invalid"), 0)
        self.labels = Labels()

    def live(self, moment: datetime, seconds: float) -> Rows:
        """Answer what comes in so many seconds from `moment` on."""
        day = moment.toordinal()
        self._noise.setdefault(day, float(np.exp(self._random.normal(0, 0.08))))  # no day is like the other
        n = int(self._random.poisson(self._per_second * seconds * busy(moment) * self._noise[day]))
        rows = self._draw(np.full(n, moment.hour + moment.minute / 60), np.full(n, moment.weekday() >= 5))
        bad = int(self._random.binomial(n, FAILS))
        refused = int(self._random.binomial(n, REFUSED))
        for name, more in (("n", n + refused), ("bad", bad), ("5xx", bad), ("4xx", refused), ("invalid", refused), ("2xx", n - bad)):
            self._counts[name] += more
        self._latency.add_many(self._latencies(n + refused, busy(moment)))
        if n:
            self._drift.add({"rows": rows.features.astype(np.float32)}, np.column_stack([1 - rows.scores, rows.scores]))
            self.labels.add(moment, rows)
        return rows

    def observe(self) -> dict[str, Any]:
        return {
            "boot_id": "one",
            "releases": {RELEASE: {"alive": True, "healthy": True, "processes": [{"memory": 200e6}]}},
            "table": {"arms": [{"release": RELEASE, "weight_bp": 10_000}]},
            "in_force": True,
            "counters": {"1": {RELEASE: dict(self._counts)}},
            "latency": {RELEASE: self._latency.to_json()},
            "drift": {RELEASE: self._drift.to_json()},
        }

    def _draw(self, hour: Array, weekend: Array) -> Rows:
        middle = np.outer(np.sin(2 * np.pi * hour / 24), DAILY) + np.outer(weekend, WEEKLY)
        features = self._random.normal(size=middle.shape) + middle
        scores = 1 / (1 + np.exp(-(features @ WEIGHTS + OFFSET)))
        return Rows(features, scores, self._random.uniform(size=len(scores)) < scores)

    def _latencies(self, n: int, load: float) -> Array:
        return np.exp(self._random.normal(math.log(8000 * (1 + 0.1 * load)), 0.35, size=n))

    def _load_test(self) -> dict[str, Any]:
        histogram = LatencyHistogram()
        histogram.add_many(self._latencies(20_000, 1.8))
        return histogram.to_json()


class Labels:
    """What was true, by the hour of the prediction (`monitor.signal.Labels`)."""

    mature_after_seconds = LABELS_LATE
    least_coverage = 0.5
    expected = True

    def __init__(self) -> None:
        self._hours: dict[int, ScoreTable] = {}

    def add(self, moment: datetime, rows: Rows) -> None:
        self._hours.setdefault(int(moment.timestamp()) // 3600, ScoreTable()).add(rows.scores, rows.outcomes)

    def slices(self, release: str) -> tuple[str, ...]:
        return ()

    def counts(self, release: str, since: float, until: float, part: str = "") -> LabelCounts | None:
        table = ScoreTable()
        for hour in range(-(-int(since) // 3600), -(-int(until) // 3600)):
            if hour in self._hours:
                table.counts += self._hours[hour].counts
                table.sums += self._hours[hour].sums
        half = table.counts.reshape(2, -1, 2).sum(axis=1)
        return LabelCounts(table.rows, table.rows, table, half, CLASSES)


def _weekly(hours: float) -> float:
    return (1.0 - 0.67 * math.cos(2 * math.pi * (hours % 24 - 4) / 24)) * (0.67 if hours >= 5 * 24 else 1.13)
