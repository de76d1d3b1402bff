"""What a load test measured, and how it is written down."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from gonogo.evidence.checks.load import SAME
from gonogo.stats.latency import LatencyHistogram
from gonogo.stats.order import quantile_ranks

LEVEL = 0.95  #: of the intervals
QUANTILES = {"p50_ms": 0.50, "p95_ms": 0.95, "p99_ms": 0.99}
CURVE = (
    0.0,
    0.1,
    0.2,
    0.3,
    0.4,
    0.5,
    0.6,
    0.7,
    0.75,
    0.8,
    0.85,
    0.9,
    0.925,
    0.95,
    0.97,
    0.98,
    0.99,
    0.995,
    0.998,
    0.999,
    0.9995,
    0.9999,
    0.99999,
)


@dataclass(frozen=True)
class LoadResult:
    """What was measured. Latencies of all answered requests in ms, exact (nearest rank); `throughput` in good answers a second.

    `requests` were sent in all, `errors` of them had no right answer; `error_kinds` counts them by kind ("status 500", "lost", "late",
    "no prediction", "wrong golden scores"). `intervals` has the lower and upper end for each quantile, by order statistics; an end that so
    few requests cannot bound is None. `curve` is [share of answers, ms], for the picture.

    `answers_compared` answers were the second or later one to their row, and `max_answer_difference` is the largest distance of a score
    from the first answer's (infinite, in JSON "inf", where label or classes differ; None when nothing was compared). `golden_checked`
    answers were held against the scores that the bundle must give, `golden_wrong` of them differed by more than its tolerance.

    `rate` is how many requests a second were scheduled (None: a closed loop), `behind_ms` the P99 of how late the schedule was kept here,
    on the sending side. `warm_up` says how many requests came before, and whether the median had become stable by then. `releases` counts
    good answers by release. `memory_mb`, in 10^6 bytes, is the most that the one process of a trial ever held, or what the processes
    behind a URL of this machine hold at the end, shared pages once; None where nobody tells.
    """

    requests: int
    concurrency: int
    errors: int
    error_kinds: Mapping[str, int]
    p50_ms: float
    p95_ms: float
    p99_ms: float
    mean_ms: float
    max_ms: float
    throughput: float
    seconds: float
    answers_compared: int = 0
    max_answer_difference: float | None = None
    memory_mb: float | None = None
    histogram: Mapping[str, Any] = field(default_factory=dict)
    intervals: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    curve: Sequence[Sequence[float]] = ()
    golden_checked: int = 0
    golden_wrong: int = 0
    rate: float | None = None
    behind_ms: float | None = None
    warm_up: Mapping[str, Any] = field(default_factory=dict)
    releases: Mapping[str, int] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Every request was answered right, and every row always the same."""
        return not self.errors and (self.max_answer_difference is None or self.max_answer_difference <= SAME)

    def to_json(self) -> dict[str, Any]:
        document = asdict(self)
        if self.max_answer_difference == math.inf:
            document["max_answer_difference"] = "inf"  # JSON has no infinity
        return document


def latency_numbers(seconds: Sequence[float]) -> dict[str, Any]:
    """The members of a result that follow from the latencies alone. `seconds` is not empty."""
    histogram = LatencyHistogram()
    for latency in seconds:
        histogram.add(latency * 1e6)
    ordered = sorted(latency * 1000 for latency in seconds)
    shares = [share for share in CURVE if share <= 1 - 1 / len(ordered)]
    return {
        **{name: rank(ordered, share) for name, share in QUANTILES.items()},
        "intervals": {name: _interval(ordered, share) for name, share in QUANTILES.items()},
        "curve": [*([share, rank(ordered, share)] for share in shares), [1.0, round(ordered[-1], 4)]],
        "mean_ms": round(sum(ordered) / len(ordered), 4),
        "max_ms": round(ordered[-1], 4),
        "histogram": histogram.to_json(),
    }


def rank(ordered: Sequence[float], share: float) -> float:
    """Nearest rank: the smallest latency that at least this share of the requests did not exceed."""
    return round(ordered[max(0, -(-int(share * 1_000_000) * len(ordered) // 1_000_000) - 1)], 4)


def _interval(ordered: Sequence[float], share: float) -> list[float | None]:
    low, high = quantile_ranks(len(ordered), share, LEVEL)
    return [round(ordered[low - 1], 4) if low else None, round(ordered[high - 1], 4) if high <= len(ordered) else None]
