"""The page of traffic: volume, latency and errors over an hour, a day or a week, each beside the limits of its rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from gonogo.base.clock import parse_stamp
from gonogo.reports.timeline import Limit, Point, Timeline, draw_timeline

Record = Mapping[str, Any]
ERRORS = (
    ("bad", "error_rate", "Answers that went wrong by our fault"),
    ("5xx", "server_error_share", "Answers 5xx"),
    ("4xx", "client_error_share", "Answers 4xx: what callers sent wrongly"),
)
MOST_RELEASES = 3


def view(status: Record, traffic: Record, spans: Sequence[str]) -> dict[str, Any]:
    """Pictures by release, those with most traffic first."""
    shares = {arm["release"]: arm["weight_bp"] for arm in status["service"]["arms"]}
    releases = sorted(traffic["releases"], key=lambda name: -shares.get(name, 0))[:MOST_RELEASES]
    return {
        "status": status,
        "traffic": traffic,
        "spans": spans,
        "volume": _volume(traffic),
        "sums": [(release, _sum(traffic["releases"][release])) for release in releases],
        "groups": [(release, shares.get(release), _of(traffic, release)) for release in releases],
    }


def _sum(points: Sequence[Record]) -> dict[str, Any]:
    n = sum(one["n"] for one in points)
    return {"n": n, **{name: _percent(sum(one["counts"][name] for one in points), n) for name in ("bad", "4xx")}}


def _percent(count: int, n: int) -> str:
    return f"{count:,} ({100 * count / n:.2g} %)" if n else "0"


def _volume(traffic: Record) -> Timeline:
    points = [Point(one["time"], one["per_minute"], one["n"]) for one in traffic["whole"]]
    usual, limits = traffic["usual"]["per_minute"], []
    if usual is not None:
        limits.append(Limit("usual", usual, traffic["usual"]["of"], "is"))
        for rule in traffic["rules"]:
            if rule["signal"] in ("volume_drop", "volume_spike"):
                falls = rule["signal"] == "volume_drop"
                at = usual * max(1 - rule["above"] if falls else 1 + rule["above"], 0.0)
                limits.append(Limit(rule["name"], at, rule["level"], "rings below" if falls else "rings above"))
    return _draw("Requests a minute", {"requests": points}, limits, traffic, "")


def _of(traffic: Record, release: str) -> list[Timeline]:
    points = traffic["releases"][release]
    quantiles = {
        name.upper(): [Point(one["time"], **_bounds(one["latency"].get(name)), n=one["answers"]) for one in points]
        for name in ("p50", "p95", "p99")
    }
    latency = [
        Limit(rule["name"], rule["above"], rule["level"])
        for rule in traffic["rules"]
        if rule["signal"] == "latency" and rule["labels"].get("release", release) == release
    ]
    drawn = [_draw("Latency", quantiles, latency, traffic, "ms")]
    for key, signal, title in ERRORS:
        limits = [Limit(rule["name"], rule["above"], rule["level"]) for rule in traffic["rules"] if rule["signal"] == signal]
        series = [Point(one["time"], **_bounds(one["errors"][key]), n=one["n"]) for one in points]
        drawn.append(_draw(title, {key: series}, limits, traffic, "share"))
    return drawn


def _bounds(data: Record | None) -> dict[str, Any]:
    return {name: (data or {}).get(name) for name in ("value", "low", "high")}


def _draw(title: str, lines: Mapping[str, Sequence[Point]], limits: Sequence[Limit], traffic: Record, unit: str) -> Timeline:
    since = parse_stamp(traffic["since"])
    until = max(parse_stamp(traffic["until"]), since + timedelta(minutes=1))
    return draw_timeline(title, lines, limits, since=since, until=until, unit=unit)
