"""Metrics as Prometheus reads them: text format 0.0.4.

One answer for the whole service, made from the sums of all its processes (`upward.py`): no series hangs on a process, so none dies with
one, and a counter goes down only with the supervisor, as Prometheus expects of a restart. A process that hangs is counted with its last
word, and shows in `gonogo_processes` as silent.

The number of series is bounded whatever is sent: no label holds anything from a request. Releases are the only label that grows, with every
one that was ever in service: of those that do not run, the newest are told up to `MOST_RELEASES`, and the others are counted in
`gonogo_releases_left_out`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gonogo.service.counters import by_release
from gonogo.service.reference import SCORE, bin_labels
from gonogo.service.routing import WHOLE, RoutingTable
from gonogo.stats.latency import PER_OCTAVE
from gonogo.stats.score_table import BINS, MIDDLES, ONE

PROMETHEUS = b"text/plain; version=0.0.4; charset=utf-8"
#: Bounds of the latency's buckets, µs: four to the octave from half a millisecond to 16 s. They are bounds of the counted buckets as well,
#: so that nothing is counted on the wrong side, and a quantile that is interpolated between them is right within some per cent.
BOUNDS_US = tuple(2.0 ** (step / 4) for step in range(9 * 4, 24 * 4 + 1))
STEPS = PER_OCTAVE // 4  #: counted buckets in one of these
MOST_RELEASES = 64  #: that are told with their counts
MOST_READINGS = 2000  #: of the watch that are told
NO_ANSWERS = dict.fromkeys(("n", "bad", "2xx", "4xx", "5xx", "unread", "invalid"), 0)

Sample = tuple[str, dict[str, str], float]


@dataclass(frozen=True)
class Family:
    """`kind` is counter, gauge or histogram; `samples` are (suffix of the name, labels, value)."""

    name: str
    kind: str
    explained: str
    samples: tuple[Sample, ...]


def exposition(totals: Mapping[str, Any], table: RoutingTable | None) -> bytes:
    """All families, from the sums and the table in force."""
    lines: list[str] = []
    for family in families(totals, table):
        lines += [f"# HELP {family.name} {family.explained}", f"# TYPE {family.name} {family.kind}"]
        for suffix, labels, value in family.samples:
            text = ",".join(f'{key}="{_escaped(word)}"' for key, word in labels.items())
            number = f"{value:.0f}" if value.is_integer() else repr(value)
            lines.append(f"{family.name}{suffix}{{{text}}} {number}" if text else f"{family.name}{suffix} {number}")
    return ("\n".join(lines) + "\n").encode()


def families(totals: Mapping[str, Any], table: RoutingTable | None) -> list[Family]:
    """What is told; of totals without `references` no rows by bin, without `uptime_seconds` not that."""
    releases = totals["releases"]
    arms = {**dict.fromkeys(releases, NO_ANSWERS), **by_release(totals["counters"])}  # a series begins at zero, before the first answer
    told = _told(arms, releases)
    found: list[Family] = []
    rows = [(name, arms[name]) for name in told]
    requests = [("", {"release": name, "status": kind}, float(row[kind])) for name, row in rows for kind in ("2xx", "4xx", "5xx")]
    _family(found, "gonogo_requests_total", "counter", "Predictions asked for, by the release they were assigned to.", requests)
    refused = [("", {"release": name, "reason": why}, float(row[why])) for name, row in rows for why in ("unread", "invalid")]
    _family(found, "gonogo_requests_refused_total", "counter", "Of the 4xx: unreadable ones, and those with unusable features.", refused)
    bad: list[Sample] = [("", {"release": name}, float(row["bad"])) for name, row in rows]
    _family(found, "gonogo_bad_answers_total", "counter", "Predictions that the assigned release failed to give.", bad)
    latencies = {name: totals["latency"].get(name, {"counts": {}, "total_us": 0.0}) for name in told}
    _family(found, "gonogo_request_seconds", "histogram", "From the whole request to its answer.", _latencies(latencies))
    references = totals.get("references", {})
    _drift(found, totals.get("drift", {}), {name: each["bins"] for name, each in references.items() if each["bins"]})
    _scores(found, totals.get("drift", {}), references)
    _watched(found, totals.get("watched"))
    left_out: list[Sample] = [("", {}, float(len(arms) - len(told)))]
    _family(found, "gonogo_releases_left_out", "gauge", "Releases that do not run, whose counts are not told any more.", left_out)
    weights: list[Sample] = [("", {"release": arm.release}, arm.weight_bp / WHOLE) for arm in table.arms] if table else []
    _family(found, "gonogo_route_weight", "gauge", "Share of the traffic that a release gets.", weights)
    epoch: list[Sample] = [("", {}, float(table.epoch))] if table else []
    _family(found, "gonogo_route_epoch", "gauge", "The routing table in force.", epoch)
    about: list[Sample] = [("", {"release": name, "digest": muster["digest"]}, 1.0) for name, muster in releases.items()]
    _family(found, "gonogo_release_info", "gauge", "The releases that run.", about)
    processes = [
        ("", {"release": name, "state": state}, float(muster[key]))
        for name, muster in releases.items()
        for state, key in (("wanted", "size"), ("ready", "ready"), ("silent", "silent"))
    ]
    _family(found, "gonogo_processes", "gauge", "Worker processes, by release.", processes)
    memory: list[Sample] = [("", {"release": name}, float(muster["memory"])) for name, muster in releases.items() if muster.get("memory")]
    _family(found, "gonogo_process_memory_bytes", "gauge", "Resident memory of a release's processes together.", memory)
    _shadows(found, totals["shadow"])
    _predictions_logged(found, totals)
    _family(found, "gonogo_faults_total", "counter", "Faults that were caught and answered for.", [("", {}, float(totals["faults"]))])
    uptime: list[Sample] = [("", {}, float(totals["uptime_seconds"]))] if "uptime_seconds" in totals else []
    _family(found, "gonogo_uptime_seconds", "gauge", "Since the service began.", uptime)
    return found


def _told(arms: Iterable[str], running: Iterable[str]) -> list[str]:
    """Those that run, and the newest others."""
    first = list(running)
    others = [name for name in arms if name not in first]
    return [*first, *others[max(0, len(others) + len(first) - MOST_RELEASES) :]]


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


def _drift(found: list[Family], drift: Mapping[str, Any], references: Mapping[str, Any]) -> None:
    """Rows by bin, live and of the baseline; of releases whose series are few enough (`reference.py`)."""
    live: list[Sample] = []
    before: list[Sample] = []
    outside: list[Sample] = []
    outside_before: list[Sample] = []
    for release, features in references.items():
        said = drift.get(release, {})
        counts = {**said.get("features", {}), SCORE: said.get("score", [])}
        for name, document in features.items():
            of = {"release": release, "feature": name}
            places = [{**of, "bin": place} for place in bin_labels(document["kind"], len(document["counts"]))]
            before += [("", labels, float(rows)) for labels, rows in zip(places, document["counts"], strict=True)]
            seen = counts.get(name) or [0] * len(places)
            live += [("", labels, float(rows)) for labels, rows in zip(places, seen, strict=True)]
            if "outside" in document:
                outside.append(("", of, float(said.get("outside", {}).get(name, 0))))
                outside_before.append(("", of, float(document["outside"])))
    _family(found, "gonogo_drift_rows_total", "counter", "Live rows by feature (the score among them) and bin of its baseline.", live)
    _family(found, "gonogo_baseline_rows", "gauge", "Rows of the baseline by feature and bin.", before)
    _family(found, "gonogo_out_of_range_rows_total", "counter", "Live rows beyond the range of the baseline, by feature.", outside)
    _family(found, "gonogo_baseline_out_of_range_rows", "gauge", "Rows of the baseline beyond its range.", outside_before)
    told: list[Sample] = [("", {"release": release}, 1.0) for release in references]
    _family(found, "gonogo_drift_told", "gauge", "Releases whose rows by bin are told here; the others have too many bins.", told)


def _scores(found: list[Family], drift: Mapping[str, Any], references: Mapping[str, Any]) -> None:
    """Moments and extremes of the live scores, and the moments of the baseline's."""
    live = {release: drift.get(release, {}).get("scores", NO_SCORES) for release in {**references, **drift}}
    bins = {release: np.asarray(scores["bins"]) for release, scores in live.items()}
    rows: list[Sample] = [("", {"release": release}, float(counts.sum())) for release, counts in bins.items()]
    _family(found, "gonogo_scores_total", "counter", "Rows that were scored.", rows)
    lost: list[Sample] = [("", {"release": release}, float(counts[-1])) for release, counts in bins.items()]
    _family(found, "gonogo_scores_lost_total", "counter", "Of these, rows whose score was no number.", lost)
    powers = [
        ("", {"release": release, "power": str(power)}, value) for release in live for power, value in _powers(live[release], bins[release])
    ]
    _family(found, "gonogo_score_power_sum_total", "counter", "Sums of the scores, of their squares, cubes and fourth powers.", powers)
    ends = [("", {"release": release, "end": end}, float(scores[end])) for release, scores in live.items() for end in ("low", "high")]
    _family(found, "gonogo_scores_extreme_total", "counter", "Rows with a score below 0.05 (low) or above 0.95 (high).", ends)
    unsure: list[Sample] = [("", {"release": release}, float(scores["unsure"])) for release, scores in live.items()]
    _family(found, "gonogo_scores_unsure_total", "counter", "Rows whose most likely class has less than 0.6.", unsure)
    for name, explained, key in (
        ("gonogo_baseline_scores", "Held-out rows that the release was judged on.", "rows"),
        ("gonogo_baseline_score_mean", "Mean of their scores.", "mean"),
        ("gonogo_baseline_score_variance", "Variance of their scores.", "variance"),
        ("gonogo_baseline_score_fourth_moment", "Fourth moment of their scores about the mean.", "fourth"),
    ):
        known: list[Sample] = [
            ("", {"release": release}, float(each["scores"][key])) for release, each in references.items() if "scores" in each
        ]
        _family(found, name, "gauge", explained, known)


NO_SCORES: Mapping[str, Any] = {"bins": [0] * (BINS + 1), "sum": 0, "squares": 0, "low": 0, "high": 0, "unsure": 0}


def _watched(found: list[Family], watched: Mapping[str, Any] | None) -> None:
    """What the watch measured that the other families do not tell. Judged are the readings that a rule means which names no labels."""
    readings = [] if watched is None else watched["readings"]
    told = [
        (
            {
                "signal": reading["signal"],
                "window": f"{reading['window_seconds']:.0f}s",
                "judged": "yes" if reading["judged"] else "no",
                **reading["labels"],
            },
            reading,
        )
        for reading in readings[:MOST_READINGS]
    ]
    for name, explained, key in (
        ("gonogo_signal", "What the watch measured last, by signal and window.", "value"),
        ("gonogo_signal_samples", "The number of samples behind it.", "n"),
        ("gonogo_signal_chance", "The chance of such a value when nothing is wrong, where the signal knows it.", "p_value"),
    ):
        samples = [("", labels, float(reading[key])) for labels, reading in told if reading[key] is not None]
        _family(found, name, "gauge", explained, samples)
    left_out: list[Sample] = [] if watched is None else [("", {}, float(len(readings) - len(told)))]
    _family(found, "gonogo_readings_left_out", "gauge", "Readings of the watch that are too many to be told.", left_out)
    age: list[Sample] = [] if watched is None else [("", {}, float(watched["age_seconds"]))]
    _family(found, "gonogo_watch_age_seconds", "gauge", "Since the watch looked last.", age)


def _powers(scores: Mapping[str, Any], bins: Any) -> Iterable[tuple[int, float]]:
    """The first two are exact; of the others each row is taken at the middle of its bin, 1024 of them."""
    yield 1, scores["sum"] / ONE
    yield 2, scores["squares"] / ONE
    for power in (3, 4):
        yield power, float((bins[:BINS] * MIDDLES**power).sum())


def _shadows(found: list[Family], shadow: Mapping[str, Any]) -> None:
    copies = [
        ("", {"release": name, "outcome": outcome}, float(count))
        for name, row in shadow.items()
        for outcome, count in (("answered", row["n"] - row["failed"]), ("failed", row["failed"]), ("dropped", row["dropped"]))
    ]
    _family(found, "gonogo_shadow_requests_total", "counter", "Copies of requests, by what became of them.", copies)
    for name, kind, explained, key in (
        ("gonogo_shadow_rows_total", "counter", "Rows whose answers were compared with the shadow's.", "rows"),
        ("gonogo_shadow_labels_total", "counter", "Rows of these that the shadow labels differently.", "labels"),
        ("gonogo_shadow_largest_difference", "gauge", "The largest difference of a score.", "largest"),
    ):
        _family(found, name, kind, explained, [("", {"release": release}, float(row[key])) for release, row in shadow.items()])


def _predictions_logged(found: list[Family], totals: Mapping[str, Any]) -> None:
    """Only where there is a log: what was written, and what could not be kept, by workers or by the writer."""
    if "log_writer" not in totals:
        return
    sent, writer = totals.get("prediction_log", {"logged": 0, "dropped": 0}), totals["log_writer"]
    _family(found, "gonogo_prediction_log_rows_total", "counter", "Rows in finished segments.", [("", {}, float(writer["rows"]))])
    dropped = float(sent["dropped"] + writer["dropped"])
    _family(found, "gonogo_prediction_log_dropped_total", "counter", "Rows that were to be logged and are not.", [("", {}, dropped)])


def _family(found: list[Family], name: str, kind: str, explained: str, samples: Iterable[Sample]) -> None:
    found.append(Family(name, kind, explained, tuple(samples)))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
