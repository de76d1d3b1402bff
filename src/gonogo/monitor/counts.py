"""Counts of one release (or of the service as a whole): what windows and the history are made of. Adding is all they can do.

Averages, shares and quantiles are taken of sums by whoever needs them; none is ever stored or averaged.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from gonogo.stats.latency import FORMAT as LATENCY_FORMAT
from gonogo.stats.latency import LatencyHistogram

SERVICE = ""  #: in the place of a release: the service as a whole, all its releases together


@dataclass(frozen=True)
class Counts:
    """What was seen of one release.

    `seconds` are those that lay between looks that saw it; `looks` how often somebody looked, `unwell` how often it was not healthy
    then (of the service: did not answer). `n` requests were assigned to it, `bad` of them went wrong by its fault; `client_errors` and
    `server_errors` are those answered 4xx and 5xx, `unread` and `invalid` those among them that could not be read (400, 413, 415) or
    had features that cannot be used (422). `latency` is by bucket. `rows` were counted by bin of every feature, with the missing ones
    last, and of the score; `outside` how many of them lie beyond the baseline's range of a feature; `fine` in 1024 equal bins of the score
    and missing ones. `score_sum` and `score_squares` are sums in units of 2^-30; `low`, `high` and `unsure` rows with extreme scores and
    without a likely class (`service/drift.py`).
    """

    seconds: float = 0.0
    looks: int = 0
    unwell: int = 0
    n: int = 0
    bad: int = 0
    client_errors: int = 0
    server_errors: int = 0
    unread: int = 0
    invalid: int = 0
    latency_us: float = 0.0
    rows: int = 0
    score_sum: int = 0
    score_squares: int = 0
    low: int = 0
    high: int = 0
    unsure: int = 0
    latency: Mapping[str, int] = field(default_factory=dict)
    features: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    outside: Mapping[str, int] = field(default_factory=dict)
    score: tuple[int, ...] = ()
    fine: tuple[int, ...] = ()

    def histogram(self) -> LatencyHistogram:
        counts = {bucket: times for bucket, times in self.latency.items() if times}
        return LatencyHistogram.from_json({"format": LATENCY_FORMAT, "total_us": max(0.0, self.latency_us), "counts": counts})

    def plus(self, other: Counts, sign: int = 1) -> Counts:
        """The sum; with `sign` -1 the difference. Raises ValueError when the bins are others."""
        sums: dict[str, Any] = {name: getattr(self, name) + sign * getattr(other, name) for name in NUMBERS}
        names = {**self.features, **other.features}
        return Counts(
            **sums,
            latency=_add_named(self.latency, other.latency, sign),
            outside=_add_named(self.outside, other.outside, sign),
            features={name: _add(self.features.get(name, ()), other.features.get(name, ()), sign) for name in names},
            score=_add(self.score, other.score, sign),
            fine=_add(self.fine, other.fine, sign),
        )

    @property
    def possible(self) -> bool:
        """No count is below zero."""
        bins = (*self.score, *self.fine, *self.outside.values(), *(count for counts in self.features.values() for count in counts))
        return bool(min((*(getattr(self, name) for name in NUMBERS if name != "latency_us"), *self.latency.values(), *bins)) >= 0)

    def to_json(self) -> dict[str, Any]:
        """What is not zero."""
        features = {name: list(counts) for name, counts in self.features.items()}
        lists = {"features": features, "outside": dict(self.outside), "score": list(self.score), "fine": list(self.fine)}
        latency = {bucket: times for bucket, times in self.latency.items() if times}
        numbers = {name: getattr(self, name) for name in NUMBERS}
        return {name: value for name, value in {**numbers, "latency": latency, **lists}.items() if value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Counts:
        """Inverse of `to_json`. What a later version counts as well is left aside."""
        return cls(
            **{name: data[name] for name in NUMBERS if name in data},
            latency=dict(data.get("latency", {})),
            features={name: tuple(counts) for name, counts in data.get("features", {}).items()},
            outside=dict(data.get("outside", {})),
            score=tuple(data.get("score", ())),
            fine=tuple(data.get("fine", ())),
        )


NUMBERS = tuple(item.name for item in fields(Counts) if item.type in ("int", "float"))


def read_counts(arms: list[Mapping[str, Any]], name: str, latency: Mapping[str, Any] | None, drift: Mapping[str, Any] | None) -> Counts:
    """Cumulative counts of a release from what a data plane says: its `counters` by epoch, its latencies, its bins."""
    mine = [epoch[name] for epoch in arms if name in epoch]

    drift = drift or {}
    scores = drift.get("scores") or {}

    def total(key: str) -> int:
        return sum(int(arm.get(key, 0)) for arm in mine)

    return Counts(
        n=sum(int(arm["n"]) for arm in mine),
        bad=sum(int(arm["bad"]) for arm in mine),
        client_errors=total("4xx"),
        server_errors=total("5xx"),
        unread=total("unread"),
        invalid=total("invalid"),
        latency={str(bucket): int(times) for bucket, times in latency["counts"].items()} if latency else {},
        latency_us=float(latency["total_us"]) if latency else 0.0,
        rows=int(drift.get("rows", 0)),
        features={str(feature): _whole(counts) for feature, counts in drift.get("features", {}).items()},
        outside={str(feature): int(rows) for feature, rows in drift.get("outside", {}).items()},
        score=_whole(drift.get("score", ())),
        fine=_whole(scores.get("bins", ())),
        score_sum=int(scores.get("sum", 0)),
        score_squares=int(scores.get("squares", 0)),
        low=int(scores.get("low", 0)),
        high=int(scores.get("high", 0)),
        unsure=int(scores.get("unsure", 0)),
    )


def _whole(counts: Iterable[Any]) -> tuple[int, ...]:
    return tuple(int(count) for count in counts)


def _add_named(one: Mapping[str, int], other: Mapping[str, int], sign: int) -> dict[str, int]:
    return {name: one.get(name, 0) + sign * other.get(name, 0) for name in {**one, **other}}


def _add(one: tuple[int, ...], other: tuple[int, ...], sign: int) -> tuple[int, ...]:
    if not other:
        return one
    if not one:
        one = (0,) * len(other)
    if len(one) != len(other):
        raise ValueError(f"{len(one)} bins are not {len(other)}")
    return tuple(map(operator.add if sign == 1 else operator.sub, one, other))
