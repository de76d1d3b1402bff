"""Metrics as Prometheus reads them: text format 0.0.4.

Counted by the process that accepted the request, for the release it was assigned to; add up over processes when scraping several.
"""

from __future__ import annotations

from collections.abc import Iterable

from gonogo.service.counters import Counters
from gonogo.service.loading import Served
from gonogo.service.routing import WHOLE, RoutingTable
from gonogo.stats.latency import PER_OCTAVE

PROMETHEUS = b"text/plain; version=0.0.4; charset=utf-8"
BOUNDS_MS = (0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10000)

Sample = tuple[str, dict[str, str], float]


def exposition(served: Served, counters: Counters, table: RoutingTable | None, uptime: float) -> bytes:
    """All families of one worker. `uptime` in seconds; `counters` must be settled."""
    arms = counters.by_arm()
    lines: list[str] = []
    requests = [("", {"release": name, "status": kind}, float(row[kind])) for name, row in arms.items() for kind in ("2xx", "4xx", "5xx")]
    _family(lines, "gonogo_requests_total", "counter", "Predictions asked for, by the release they were assigned to.", requests)
    bad: list[Sample] = [("", {"release": name}, float(row["bad"])) for name, row in arms.items()]
    _family(lines, "gonogo_bad_answers_total", "counter", "Predictions that the assigned release failed to give.", bad)
    _family(lines, "gonogo_request_seconds", "histogram", "From the whole request to its answer.", _latencies(counters))
    weights: list[Sample] = [("", {"release": arm.release}, arm.weight_bp / WHOLE) for arm in table.arms] if table else []
    _family(lines, "gonogo_route_weight", "gauge", "Share of the traffic that a release gets.", weights)
    epoch: list[Sample] = [("", {}, float(table.epoch))] if table else []
    _family(lines, "gonogo_route_epoch", "gauge", "The routing table in force.", epoch)
    about = {"release": served.release, "digest": served.digest}
    _family(lines, "gonogo_release_info", "gauge", "The release that this process serves.", [("", about, 1.0)])
    _family(lines, "gonogo_faults_total", "counter", "Faults that were caught and answered for.", [("", {}, float(counters.faults))])
    _family(lines, "gonogo_uptime_seconds", "gauge", "Since this process began to serve.", [("", {}, round(uptime, 3))])
    return ("\n".join(lines) + "\n").encode()


def _latencies(counters: Counters) -> Iterable[Sample]:
    for release, histogram in counters.latency.items():
        labels = {"release": release}
        buckets = [(2 ** ((int(bucket) + 1) / PER_OCTAVE), times) for bucket, times in histogram.to_json()["counts"].items()]
        for bound in BOUNDS_MS:
            # A bucket that reaches over the bound counts above it: within 2 % of the bound, never too good.
            below = sum(times for end, times in buckets if end <= bound * 1000)
            yield "_bucket", {**labels, "le": f"{bound / 1000:g}"}, float(below)
        yield "_bucket", {**labels, "le": "+Inf"}, float(histogram.count)
        yield "_sum", labels, histogram.total_us / 1e6
        yield "_count", labels, float(histogram.count)


def _family(lines: list[str], name: str, kind: str, explained: str, samples: Iterable[Sample]) -> None:
    lines.append(f"# HELP {name} {explained}")
    lines.append(f"# TYPE {name} {kind}")
    for suffix, labels, value in samples:
        text = ",".join(f'{key}="{_escaped(word)}"' for key, word in labels.items())
        number = f"{value:.0f}" if value.is_integer() else repr(value)
        lines.append(f"{name}{suffix}{{{text}}} {number}" if text else f"{name}{suffix} {number}")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
