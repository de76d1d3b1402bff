"""A service's metrics as OpenTelemetry has them (the SDK's own data model), for its exporters.

Sums are cumulative since the service began, so a look that could not be sent loses nothing. Names are those of `/metrics` in
OpenTelemetry's way (`gonogo_requests_total` is `gonogo.requests`): what a collector tells Prometheus is called as it is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from gonogo import __version__
from gonogo.service.metrics import Family, Sample

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import HistogramDataPoint, Metric, MetricsData, NumberDataPoint

UNITS = {"_seconds": "s", "_bytes": "By"}  #: suffixes of names that say the unit


def metrics_data(families: Iterable[Family], resource: Mapping[str, str], since_ns: int, now_ns: int) -> MetricsData:
    """`since_ns` is when counting began, both in nanoseconds since 1970. Families without samples are left out."""
    from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    metrics = [_metric(family, since_ns, now_ns) for family in families if family.samples]
    scope = ScopeMetrics(InstrumentationScope("gonogo", __version__), metrics, "")
    return MetricsData([ResourceMetrics(Resource.create(dict(resource)), [scope], "")])


def _metric(family: Family, since_ns: int, now_ns: int) -> Metric:
    from opentelemetry.sdk.metrics.export import AggregationTemporality, Gauge, Histogram, Metric, Sum

    cumulative = AggregationTemporality.CUMULATIVE
    name = "gonogo." + family.name.removeprefix("gonogo_").removesuffix("_total")
    unit = next((unit for suffix, unit in UNITS.items() if name.endswith(suffix)), "1")
    for suffix in UNITS:
        name = name.removesuffix(suffix)
    data: Sum | Gauge | Histogram
    if family.kind == "histogram":
        data = Histogram(_histograms(family.samples, since_ns, now_ns), cumulative)
    elif family.kind == "counter":
        data = Sum(_points(family.samples, since_ns, now_ns), cumulative, is_monotonic=True)
    else:
        data = Gauge(_points(family.samples, None, now_ns))
    return Metric(name, family.explained, unit, data)


def _points(samples: Iterable[Sample], since_ns: int | None, now_ns: int) -> list[NumberDataPoint]:
    from opentelemetry.sdk.metrics.export import NumberDataPoint

    return [NumberDataPoint(labels, since_ns or 0, now_ns, int(value) if value.is_integer() else value) for _, labels, value in samples]


def _histograms(samples: Sequence[Sample], since_ns: int, now_ns: int) -> list[HistogramDataPoint]:
    """From cumulative buckets, their sum and their number; the least and the greatest are not known."""
    from opentelemetry.sdk.metrics.export import HistogramDataPoint

    unknown: Any = None
    found: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
    for suffix, labels, value in samples:
        of = {name: text for name, text in labels.items() if name != "le"}
        point = found.setdefault(tuple(of.items()), {"of": of, "below": [], "bounds": []})
        if suffix == "_bucket":
            point["below"].append(int(value))
            point["bounds"] += [] if labels["le"] == "+Inf" else [float(labels["le"])]
        else:
            point[suffix] = value
    return [
        HistogramDataPoint(
            point["of"], since_ns, now_ns, int(point["_count"]), point["_sum"],
            [below - before for before, below in pairwise([0, *point["below"]])], point["bounds"], unknown, unknown,
        )
        for point in found.values()
    ]  # fmt: skip
