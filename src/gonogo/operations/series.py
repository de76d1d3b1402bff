"""What was counted, as series that a page draws: volume, latency and error shares by release over the last hour, day or week."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from gonogo.base.clock import stamp

if TYPE_CHECKING:
    from gonogo.monitor.counts import Counts
    from gonogo.monitor.history import History

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True)
class Span:
    """A stretch of time that ends now, and its steps."""

    name: str
    words: str
    length: timedelta
    step: timedelta

    def beginning(self, now: datetime) -> datetime:
        """Whole steps before the end of the present one, so that points keep their places from look to look."""
        step = self.step.total_seconds()
        end = (now.timestamp() // step + 1) * step
        return datetime.fromtimestamp(end, UTC) - self.length


SPANS = {
    span.name: span
    for span in (
        Span("1h", "the last hour", timedelta(hours=1), timedelta(minutes=1)),
        Span("24h", "the last 24 hours", timedelta(hours=24), timedelta(minutes=15)),
        Span("7d", "the last 7 days", timedelta(days=7), timedelta(hours=2)),
    )
}


def traffic_series(history: History, releases: Iterable[str], now: datetime, span: Span) -> dict[str, Any]:
    """Points by release, and of the service as a whole. `seconds` of a point are those in which somebody looked; `per_minute` is the
    rate over those, so that what nobody saw is no lull."""
    from gonogo.monitor.counts import SERVICE

    since = span.beginning(now)
    names = [SERVICE, *releases]
    counted = {name: history.series(name, since, now, span.step) for name in names}
    return {
        "span": span.name,
        "words": span.words,
        "since": stamp(since),
        "until": stamp(since + span.length),
        "step_seconds": span.step.total_seconds(),
        "whole": [_volume(time, counts) for time, counts in counted[SERVICE]],
        "releases": {name: [_point(time, counts) for time, counts in counted[name]] for name in names[1:] if counted[name]},
    }


def usual_per_minute(history: History, now: datetime) -> tuple[float | None, str]:
    """Requests a minute at times like this one, and which times those are; None where nothing is remembered."""
    from gonogo.monitor.counts import SERVICE

    usual = history.usual(SERVICE, now)
    rate = 60 * usual.counts.n / usual.counts.seconds if usual.counts.seconds else None
    return rate, usual.of


def _volume(time: datetime, counts: Counts) -> dict[str, Any]:
    return {"time": stamp(time), "n": counts.n, "seconds": counts.seconds, "per_minute": _per_minute(counts)}


def _point(time: datetime, counts: Counts) -> dict[str, Any]:
    from gonogo.stats.score_table import ONE

    histogram = counts.histogram()
    latency: dict[str, Mapping[str, Any]] = {}
    for name, p in QUANTILES.items():
        if histogram.count:
            value, low, high = histogram.milliseconds(p)
            latency[name] = {"value": value, "low": low, "high": high}
    shares = {"4xx": counts.client_errors, "5xx": counts.server_errors, "bad": counts.bad}
    mean = counts.score_sum / ONE / counts.rows if counts.rows else None
    return {
        **_volume(time, counts),
        "latency": latency,
        "answers": histogram.count,
        "counts": shares,
        "errors": {name: _share(k, counts.n) for name, k in shares.items()},
        "rows": counts.rows,
        "mean_score": mean,
    }


def _share(k: int, n: int) -> dict[str, Any]:
    from gonogo.stats.intervals import wilson

    if n == 0:
        return {"value": None, "low": None, "high": None}
    low, high = wilson(min(k, n), n)
    return {"value": k / n, "low": low, "high": high}


def _per_minute(counts: Counts) -> float | None:
    return 60 * counts.n / counts.seconds if counts.seconds > 0 else None
