"""Metrics as Prometheus reads them: text format 0.0.4.

One answer for the whole service, made from the sums of all its processes (`upward.py`): no series hangs on a process, so none dies with
one, and a counter goes down only with the supervisor, as Prometheus expects of a restart. A process that hangs is counted with its last
word, and shows in `gonogo_processes` as silent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gonogo.service.counters import by_release
from gonogo.service.reference import SCORE, bin_labels
from gonogo.service.routing import WHOLE, RoutingTable
from gonogo.stats.latency import PER_OCTAVE

PROMETHEUS = b"text/plain; version=0.0.4; charset=utf-8"
#: Bounds of the latency's buckets, µs: four to the octave from half a millisecond to 16 s. They are bounds of the counted buckets as well,
#: so that nothing is counted on the wrong side, and a quantile that is interpolated between them is right within some per cent.
BOUNDS_US = tuple(2.0 ** (step / 4) for step in range(9 * 4, 24 * 4 + 1))
STEPS = PER_OCTAVE // 4  #: counted buckets in one of these

Sample = tuple[str, dict[str, str], float]


def exposition(totals: Mapping[str, Any], table: RoutingTable | None) -> bytes:
    """All families, from the sums and the table in force."""
    arms = by_release(totals["counters"])
    releases = totals["releases"]
    lines: list[str] = []
    requests = [("", {"release": name, "status": kind}, float(row[kind])) for name, row in arms.items() for kind in ("2xx", "4xx", "5xx")]
    _family(lines, "gonogo_requests_total", "counter", "Predictions asked for, by the release they were assigned to.", requests)
    bad: list[Sample] = [("", {"release": name}, float(row["bad"])) for name, row in arms.items()]
    _family(lines, "gonogo_bad_answers_total", "counter", "Predictions that the assigned release failed to give.", bad)
    _family(lines, "gonogo_request_seconds", "histogram", "From the whole request to its answer.", _latencies(totals["latency"]))
    _drift(lines, totals.get("drift", {}), totals.get("references", {}))
    weights: list[Sample] = [("", {"release": arm.release}, arm.weight_bp / WHOLE) for arm in table.arms] if table else []
    _family(lines, "gonogo_route_weight", "gauge", "Share of the traffic that a release gets.", weights)
    epoch: list[Sample] = [("", {}, float(table.epoch))] if table else []
    _family(lines, "gonogo_route_epoch", "gauge", "The routing table in force.", epoch)
    about: list[Sample] = [("", {"release": name, "digest": muster["digest"]}, 1.0) for name, muster in releases.items()]
    _family(lines, "gonogo_release_info", "gauge", "The releases that run.", about)
    processes = [
        ("", {"release": name, "state": state}, float(muster[key]))
        for name, muster in releases.items()
        for state, key in (("wanted", "size"), ("ready", "ready"), ("silent", "silent"))
    ]
    _family(lines, "gonogo_processes", "gauge", "Worker processes, by release.", processes)
    _shadows(lines, totals["shadow"])
    _predictions_logged(lines, totals)
    _family(lines, "gonogo_faults_total", "counter", "Faults that were caught and answered for.", [("", {}, float(totals["faults"]))])
    _family(lines, "gonogo_uptime_seconds", "gauge", "Since the service began.", [("", {}, float(totals["uptime_seconds"]))])
    return ("\n".join(lines) + "\n").encode()


def _latencies(latency: Mapping[str, Any]) -> Iterable[Sample]:
    for release, histogram in latency.items():
        labels = {"release": release}
        counts = {int(bucket): times for bucket, times in histogram["counts"].items()}
        count = sum(counts.values())
        for step, bound in enumerate(BOUNDS_US, 9 * 4):
            below = sum(times for bucket, times in counts.items() if bucket < step * STEPS)
            yield "_bucket", {**labels, "le": f"{bound / 1e6:.6g}"}, float(below)
        yield "_bucket", {**labels, "le": "+Inf"}, float(count)
        yield "_sum", labels, histogram["total_us"] / 1e6
        yield "_count", labels, float(count)


def _drift(lines: list[str], drift: Mapping[str, Any], references: Mapping[str, Any]) -> None:
    """Rows by bin, live and of the baseline; of releases whose series are few enough (`reference.py`)."""
    live: list[Sample] = []
    before: list[Sample] = []
    for release, features in references.items():
        counts = {**drift.get(release, {}).get("features", {}), SCORE: drift.get(release, {}).get("score", [])}
        for name, document in features.items():
            places = [
                {"release": release, "feature": name, "bin": place} for place in bin_labels(document["kind"], len(document["counts"]))
            ]
            before += [("", labels, float(rows)) for labels, rows in zip(places, document["counts"], strict=True)]
            seen = counts.get(name) or [0] * len(places)
            live += [("", labels, float(rows)) for labels, rows in zip(places, seen, strict=True)]
    _family(lines, "gonogo_drift_rows_total", "counter", "Live rows by feature (the score among them) and bin of its baseline.", live)
    _family(lines, "gonogo_baseline_rows", "gauge", "Rows of the baseline by feature and bin.", before)
    told: list[Sample] = [("", {"release": release}, 1.0) for release in references]
    _family(lines, "gonogo_drift_told", "gauge", "Releases whose rows by bin are told here; the others have too many bins.", told)


def _shadows(lines: list[str], shadow: Mapping[str, Any]) -> None:
    copies = [
        ("", {"release": name, "outcome": outcome}, float(count))
        for name, row in shadow.items()
        for outcome, count in (("answered", row["n"] - row["failed"]), ("failed", row["failed"]), ("dropped", row["dropped"]))
    ]
    _family(lines, "gonogo_shadow_requests_total", "counter", "Copies of requests, by what became of them.", copies)
    for name, kind, explained, key in (
        ("gonogo_shadow_rows_total", "counter", "Rows whose answers were compared with the shadow's.", "rows"),
        ("gonogo_shadow_labels_total", "counter", "Rows of these that the shadow labels differently.", "labels"),
        ("gonogo_shadow_largest_difference", "gauge", "The largest difference of a score.", "largest"),
    ):
        _family(lines, name, kind, explained, [("", {"release": release}, float(row[key])) for release, row in shadow.items()])


def _predictions_logged(lines: list[str], totals: Mapping[str, Any]) -> None:
    """Only where there is a log: what was written, and what could not be kept, by workers or by the writer."""
    if "log_writer" not in totals:
        return
    sent, writer = totals.get("prediction_log", {"logged": 0, "dropped": 0}), totals["log_writer"]
    _family(lines, "gonogo_prediction_log_rows_total", "counter", "Rows in finished segments.", [("", {}, float(writer["rows"]))])
    dropped = float(sent["dropped"] + writer["dropped"])
    _family(lines, "gonogo_prediction_log_dropped_total", "counter", "Rows that were to be logged and are not.", [("", {}, dropped)])


def _family(lines: list[str], name: str, kind: str, explained: str, samples: Iterable[Sample]) -> None:
    lines.append(f"# HELP {name} {explained}")
    lines.append(f"# TYPE {name} {kind}")
    for suffix, labels, value in samples:
        text = ",".join(f'{key}="{_escaped(word)}"' for key, word in labels.items())
        number = f"{value:.0f}" if value.is_integer() else repr(value)
        lines.append(f"{name}{suffix}{{{text}}} {number}" if text else f"{name}{suffix} {number}")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
