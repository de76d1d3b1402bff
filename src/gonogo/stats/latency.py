"""Latencies as a histogram of logarithmic buckets: 32 to the octave, so that any quantile is right within 1.1 %, at any size.

Bucket k holds 2^(k/32) <= t < 2^((k+1)/32) microseconds, 0 <= k < 1024 (from 1 µs, with everything below, to 71 minutes, with everything
above). Counts are additive: arms, workers and hosts are merged by adding, and quantiles are taken of the sum. A quantile is never
averaged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from gonogo.stats.bins import Array
from gonogo.stats.order import quantile_ranks

PER_OCTAVE = 32
BUCKETS = 1024
FORMAT = "gonogo-latency/1"


class LatencyHistogram:
    """Latencies in microseconds."""

    __slots__ = ("_counts", "count", "total_us")

    def __init__(self) -> None:
        self._counts = [0] * BUCKETS
        self.count = 0
        self.total_us = 0.0

    def add(self, microseconds: float) -> None:
        """Count one latency. Raises ValueError when it is negative or NaN."""
        if microseconds < 1.0:
            if microseconds < 0.0:
                raise ValueError(f"a latency of {microseconds} µs cannot be")
            index = 0
        elif microseconds < 4294967296.0:
            index = int(math.log2(microseconds) * PER_OCTAVE)
        elif microseconds >= 4294967296.0:
            index = BUCKETS - 1
        else:
            raise ValueError("a latency that is no number cannot be counted")
        self._counts[index if index < BUCKETS else BUCKETS - 1] += 1
        self.count += 1
        self.total_us += microseconds

    def add_many(self, microseconds: Array) -> None:
        """Count a whole array of latencies. Raises ValueError when one is negative, infinite or NaN."""
        values = np.asarray(microseconds, dtype=np.float64)
        if not (np.isfinite(values).all() and (values >= 0).all()):
            raise ValueError("a latency that is negative or no finite number cannot be counted")
        index = np.minimum((np.log2(np.maximum(values, 1.0)) * PER_OCTAVE).astype(np.int64), BUCKETS - 1)
        for bucket, times in enumerate(np.bincount(index, minlength=BUCKETS).tolist()):
            self._counts[bucket] += times
        self.count += len(values)
        self.total_us += float(values.sum())

    def merge(self, other: LatencyHistogram) -> None:
        """Add another histogram to this one."""
        self._counts = [mine + theirs for mine, theirs in zip(self._counts, other._counts, strict=True)]
        self.count += other.count
        self.total_us += other.total_us

    def quantile(self, p: float) -> float:
        """The p-quantile in microseconds, within 1.1 %: the geometric middle of the bucket with rank ceil(p·n). NaN without latencies.

        Infinity in the last bucket, which has no upper end. Raises ValueError unless 0 <= p <= 1.
        """
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"{p} is no share")
        if self.count == 0:
            return math.nan
        return self._at(max(1, math.ceil(p * self.count)))

    def _at(self, rank: int) -> float:
        """The middle of the bucket that holds the latency of that rank, from 1."""
        seen = 0
        for bucket, times in enumerate(self._counts):
            seen += times
            if seen >= rank:
                return float(2 ** ((bucket + 0.5) / PER_OCTAVE)) if bucket < BUCKETS - 1 else math.inf
        return math.inf

    def interval(self, p: float, level: float = 0.95) -> tuple[float, float]:
        """An interval for the p-quantile by order statistics, each end within 1.1 %. The upper end is infinite where n cannot bound it."""
        if self.count == 0:
            return math.nan, math.nan
        low, high = quantile_ranks(self.count, p, level)
        return self._at(low) if low else 0.0, math.inf if high > self.count else self._at(high)

    def milliseconds(self, p: float) -> tuple[float | None, float | None, float | None]:
        """The p-quantile and the ends of its interval in milliseconds, for documents: None where there is no finite number, because
        there are no latencies, too few to bound it, or one beyond the last bucket."""
        ends = (self.quantile(p), *self.interval(p))
        value, low, high = (end / 1000 if math.isfinite(end) else None for end in ends)
        return value, low, high

    def above(self, microseconds: float) -> int:
        """How many lie in buckets that begin above this."""
        return sum(times for bucket, times in enumerate(self._counts) if times and 2 ** (bucket / PER_OCTAVE) > microseconds)

    @property
    def mean(self) -> float:
        """Mean in microseconds, exact. NaN without latencies."""
        return self.total_us / self.count if self.count else math.nan

    def to_json(self) -> dict[str, Any]:
        """Only the buckets that are not empty, by number."""
        return {
            "format": FORMAT,
            "total_us": self.total_us,
            "counts": {str(bucket): times for bucket, times in enumerate(self._counts) if times},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LatencyHistogram:
        """Inverse of `to_json`. Raises ValueError for anything else."""
        histogram = cls()
        try:
            if data["format"] != FORMAT:
                raise ValueError(f"not a {FORMAT} document")
            for key, times in data["counts"].items():
                bucket = int(key)
                if str(bucket) != key or not 0 <= bucket < BUCKETS or isinstance(times, bool) or not isinstance(times, int) or times < 1:
                    raise ValueError(f"bucket {key!r}: {times!r} cannot be")
                histogram._counts[bucket] = times
                histogram.count += times
            histogram.total_us = float(data["total_us"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"malformed latencies: {error}") from error
        if not math.isfinite(histogram.total_us) or histogram.total_us < 0:
            raise ValueError("malformed latencies: the total cannot be")
        return histogram
