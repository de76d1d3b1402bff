"""The first page: what is live and why, whether it is well, what rings, and the path of a rollout."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from gonogo.reports import status as arranged
from gonogo.reports.timeline import Point, sparkline
from gonogo.web.readings import with_known_numbers
from gonogo.web.rollout import rollout_view

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """One figure of a tile, beside its limit. `unsure`: it has a limit, and nobody can say whether it is within."""

    name: str
    value: str
    more: str = ""
    bad: bool = False
    unsure: bool = False


@dataclass(frozen=True)
class Tile:
    """One thing at a glance. `tone` is good, bad or open, and said by a sign as well: good only by a look that is not old."""

    title: str
    page: str
    tone: str
    lines: tuple[Line, ...]
    spark: Markup


def view(status: Record, live: Record | None, traffic: Record, silences: Sequence[Record], runbooks: Iterable[str]) -> dict[str, Any]:
    """What the template shows."""
    status = with_known_numbers(status)
    return {
        "status": status,
        "live": live,
        "silences": silences,
        "runbooks": set(runbooks),
        "tiles": tiles(status, traffic),
        **rollout_view(status),
    }


def tiles(status: Record, traffic: Record) -> list[Tile]:
    """Health, latency, requests, the model, errors: of the release in production."""
    production = status["production"]
    release = production["release"] if production else ""
    mine = [signal for signal in status["signals"] if signal["labels"].get("release") == release]
    points = traffic["releases"].get(release, [])
    return [
        _health(status, release),
        _tile(
            status,
            "Latency",
            "traffic",
            [_line(status, _pick(mine, "latency", quantile=name), name.upper()) for name in ("p50", "p95", "p99")],
            _spark(
                points, lambda point: point["latency"].get("p95"), _limit(_pick(mine, "latency", quantile="p95")), "P95 in the last hour"
            ),
        ),
        _requests(status, traffic),
        _tile(
            status,
            "Model",
            "drift",
            [
                _line(status, _pick(mine, "ece"), "ECE"),
                _highest_psi(status, mine),
                _mean(_pick(mine, "score_mean_shift")),
            ],
            _spark(points, lambda point: {"value": point["mean_score"]}, None, "mean prediction in the last hour"),
        ),
        _tile(
            status,
            "Errors",
            "traffic",
            [
                _line(status, _pick(mine, "client_error_share"), "4xx"),
                _line(status, _pick(mine, "server_error_share"), "5xx"),
                _line(status, _pick(mine, "error_rate"), "by our fault"),
            ],
            _spark(points, lambda point: point["errors"]["bad"], _limit(_pick(mine, "error_rate")), "bad answers in the last hour"),
        ),
    ]


def _health(status: Record, release: str) -> Tile:
    arm = next((arm for arm in status["service"]["arms"] if arm["release"] == release), None)
    alive, healthy = bool(arm and arm["alive"]), bool(arm and arm["alive"] and arm["healthy"])
    share = f"{arm['weight_bp'] / 100:g} % of the traffic" if arm else "no traffic"
    lines = (
        Line("service", "answers" if status["service"]["alive"] else "does not answer", bad=not status["service"]["alive"]),
        Line("model", "loaded" if alive else "not loaded", bad=not alive),
        Line("workers", "healthy" if healthy else "not healthy", share, bad=not healthy),
    )
    return Tile("Health", "alarms", "good" if healthy and status["service"]["alive"] else "bad", lines, Markup(""))


def _requests(status: Record, traffic: Record) -> Tile:
    alarms = [alarm for alarm in status["alarms"] if alarm["signal"] in ("volume_drop", "volume_spike")]
    rings = any(alarm["ringing"] or alarm["condition"] == "BREACH" for alarm in alarms)
    blind = any(alarm["condition"] == "UNKNOWN" for alarm in alarms)
    whole = [point for point in traffic["whole"] if point["per_minute"] is not None]
    usual = traffic["usual"]["per_minute"]
    seconds = sum(point["seconds"] for point in whole[-5:])
    n = sum(point["n"] for point in whole[-5:])
    rate = 60 * n / seconds if seconds else None
    lines = (
        Line("per minute", "unknown" if rate is None else f"{rate:,.0f}", f"{n:,} in {seconds / 60:.0f} min", rings),
        Line("usual", "unknown" if usual is None else f"{usual:,.0f}", traffic["usual"]["of"]),
    )
    spark = _spark(whole, lambda point: {"value": point["per_minute"]}, None, "requests a minute in the last hour")
    return Tile("Requests", "traffic", _tone(status, lines, rate is not None and not blind), lines, spark)


def _tile(status: Record, title: str, page: str, lines: Sequence[Line | None], spark: Markup) -> Tile:
    there = tuple(line for line in lines if line is not None)
    return Tile(title, page, _tone(status, there, any(line.value != "unknown" for line in there)), there, spark)


def _tone(status: Record, lines: Sequence[Line], known: bool) -> str:
    """A breach stays one until a look says otherwise; nothing is good by an old look."""
    if any(line.bad for line in lines):
        return "bad"
    return "good" if known and status["watch"]["fresh"] and not any(line.unsure for line in lines) else "open"


def _line(status: Record, signal: Record | None, name: str) -> Line | None:
    if signal is None:
        return None
    bad = arranged.breached(signal, status["alarms"])
    value = arranged.value_text(signal["value"], signal["unit"])
    limit = "" if signal["threshold"] is None else f"limit {arranged.limit_text(signal)} · "
    unsure = signal["value"] is None and signal["threshold"] is not None
    return Line(name, value, f"{limit}{_interval(signal)}n = {signal['n']:,}", bad, unsure)


def _interval(signal: Record) -> str:
    if signal.get("low") is None or signal.get("high") is None or signal["value"] is None:
        return ""
    low, high = (arranged.value_text(signal[end], signal["unit"]) for end in ("low", "high"))
    return f"{low} to {high} · "


def _highest_psi(status: Record, signals: Sequence[Record]) -> Line | None:
    known = [signal for signal in signals if signal["signal"] == "psi" and signal["value"] is not None]
    judged = [signal for signal in known if signal["threshold"] is not None] or known
    if not judged:
        return _line(status, _pick(signals, "psi"), "PSI")
    highest = max(judged, key=lambda signal: float(signal["value"]))
    return _line(status, highest, f"PSI {highest['labels'].get('feature', '')}")


def _mean(signal: Record | None) -> Line | None:
    details = signal["details"] if signal else {}
    if signal is None or "mean" not in details:
        return None
    mean = f"{details['mean']:.3f}" if math.isfinite(details["mean"]) else "unknown"
    return Line("mean prediction", mean, f"baseline {details['baseline']:.3f} · n = {signal['n']:,}")


def _pick(signals: Sequence[Record], name: str, **labels: str) -> Record | None:
    """The reading that a rule looks at, else any."""
    found = [one for one in signals if one["signal"] == name and all(one["labels"].get(key) == value for key, value in labels.items())]
    return next((one for one in found if one["threshold"] is not None), found[0] if found else None)


def _limit(signal: Record | None) -> float | None:
    return None if signal is None else signal["threshold"]


def _spark(points: Sequence[Record], of: Any, limit: float | None, label: str) -> Markup:
    drawn = [Point(point["time"], (of(point) or {}).get("value"), point["n"]) for point in points]
    return sparkline(drawn, limit, label)
