"""Series over time as a picture: each line with its interval, every limit beside it, the samples behind each point below, all in words.

A point without a value is a gap, never a zero. Lines differ by their dashes and carry their names, so that nothing rests on colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from gonogo.base.clock import parse_stamp
from gonogo.checklist.units import UNITS, shown
from gonogo.reports import svg
from gonogo.reports.svg import WIDTH, Drawn, number

KINDS = ("curve", "harm", "third")  #: lines in their order: whole, dashed, dotted
LEFT, RIGHT, TOP, HIGH, SAMPLES = 46, WIDTH - 12, 34, 128, 16
FLOOR = TOP + HIGH
ROOM = 1.12  #: what is left free above the highest point
FAR = 4.0  #: a limit so many times above every point is an arrow at the upper edge: to scale, the series would lie on the floor

WIDE = 2.5  #: an interval that reaches so many times above the highest point is cut off at the upper edge


@dataclass(frozen=True)
class Point:
    """What was measured in the step that begins at `time` (RFC 3339), of `n` samples; `low` and `high` bound it at 95 %."""

    time: str
    value: float | None
    n: int
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Point:
        return cls(data["time"], data.get("value"), int(data["n"]), data.get("low"), data.get("high"))


@dataclass(frozen=True)
class Limit:
    """Where somebody is told: drawn as a dashed line. `name` is the rule's; `says` what being there means: it `rings above` or `rings
    below`, or, for what is only worth knowing, `is`."""

    name: str
    at: float
    level: str = ""
    says: str = "rings above"


@dataclass(frozen=True)
class Timeline:
    """The picture, and its points as rows (time, line, value, interval, samples) for those who read tables."""

    drawn: Drawn
    rows: tuple[tuple[str, str, str, str, str], ...] = field(default=())


def draw_timeline(
    title: str,
    lines: Mapping[str, Sequence[Point]],
    limits: Sequence[Limit] = (),
    *,
    since: datetime,
    until: datetime,
    unit: str = "",
    to_scale: bool = False,
) -> Timeline:
    """Lines by name over the time from `since` to `until`. Never fails for what was measured: without a value the words say so. With
    `to_scale` every limit is drawn where it lies, however far above the lines."""
    known = {name: [point for point in points if _finite(point.value)] for name, points in lines.items()}
    rows = tuple(
        (point.time, name, _said(point.value, unit), _interval(point, unit), f"{point.n:,}")
        for name, points in lines.items()
        for point in points
    )
    if not any(known.values()):
        return Timeline(Drawn(title, Markup(""), f"Nothing was measured in this time. {_limit_words(limits, unit)}".strip()), rows)
    highest = max(number(point.value) for points in known.values() for point in points)
    near = [limit for limit in limits if to_scale or limit.at <= FAR * highest] or (
        [min(limits, key=_at)] if limits and highest <= 0 else []
    )
    far = [limit for limit in limits if limit not in near]
    bounds = max((number(point.high) for points in known.values() for point in points if _finite(point.high)), default=0.0)
    top = _top(max([highest, *map(_at, near), min(bounds, WIDE * highest if highest else bounds)]))
    span = max((until - since).total_seconds(), 1.0)

    def x(time: str) -> float:
        part = (parse_stamp(time) - since).total_seconds() / span
        return LEFT + (RIGHT - LEFT) * min(max(part, 0.0), 1.0)

    def y(value: float) -> float:
        return FLOOR - HIGH * min(max(value / top, 0.0), 1.0)

    shapes = [*_grid(top, unit), *_times(since, until)]
    for (name, points), kind in zip(lines.items(), KINDS, strict=False):
        shapes += _line(points, x, y, kind)
        if len(lines) > 1:
            place = list(lines).index(name)
            shapes += [svg.line(LEFT + 98 * place, 20, LEFT + 18 + 98 * place, 20, kind)]
            shapes += [svg.text(LEFT + 23 + 98 * place, 24, svg.clipped(name, 12), "start", "soft")]
    shapes += _limits(near, far, y, unit)
    shapes += _samples(lines, x)
    words = "; ".join(_line_words(name, points, unit) for name, points in known.items() if points)
    return Timeline(Drawn(title, svg.drawing(FLOOR + SAMPLES + 26, title, shapes), f"{words}. {_limit_words(limits, unit)}".strip()), rows)


def sparkline(points: Sequence[Point], limit: float | None, label: str) -> Markup:
    """A small line without axes, with its limit where it comes near it; empty without two values."""
    values = [(place, number(point.value)) for place, point in enumerate(points) if _finite(point.value)]
    if len(values) < 2:
        return Markup("")
    highest = max(value for _, value in values)
    top = max(highest, limit if limit is not None and limit <= FAR * highest else 0.0) * ROOM or 1.0
    last = max(len(points) - 1, 1)
    shapes = [svg.path([(4 + (WIDTH - 8) * place / last, 58 - 52 * max(value, 0.0) / top) for place, value in values])]
    if limit is not None and limit <= top:
        shapes.append(svg.path([(4, 58 - 52 * limit / top), (WIDTH - 4, 58 - 52 * limit / top)], "limit"))
    return svg.drawing(64, label, shapes)


def _line(points: Sequence[Point], x: Callable[[str], float], y: Callable[[float], float], kind: str) -> Iterator[Markup]:
    """The line with its band, broken where nothing was measured; a value that stands alone is a dot."""
    for run in _runs(points):
        bounds = [point for point in run if _finite(point.low) and _finite(point.high)]
        if len(bounds) > 1:
            upper = [(x(point.time), y(number(point.high))) for point in bounds]
            lower = [(x(point.time), y(number(point.low))) for point in reversed(bounds)]
            yield svg.area([*upper, *lower], f"band {kind}-band")
        places = [(x(point.time), y(number(point.value))) for point in run]
        if len(places) == 1:
            yield svg.circle(*places[0], 2.5, hint=f"{run[0].time}: {run[0].value:g}")
        else:
            yield svg.path(places, kind)


def _runs(points: Sequence[Point]) -> Iterator[list[Point]]:
    """Stretches of neighbours with values; a hole of more than two and a half steps parts them."""
    times = [parse_stamp(point.time) for point in points]
    steps = sorted(after - before for before, after in pairwise(times))
    most = 2.5 * steps[len(steps) // 2] if steps else timedelta.max
    run: list[Point] = []
    last: datetime | None = None
    for point, time in zip(points, times, strict=True):
        if run and (not _finite(point.value) or (last is not None and time - last > most)):
            yield run
            run = []
        if _finite(point.value):
            run.append(point)
            last = time
    if run:
        yield run


def _grid(top: float, unit: str) -> Iterator[Markup]:
    for tick in range(5):
        value = top * tick / 4
        at = FLOOR - HIGH * tick / 4
        yield svg.line(LEFT, at, RIGHT, at, "axis" if tick == 0 else "grid")
        yield svg.text(LEFT - 6, at + 4, _short(value, unit), "end", "soft")
    yield svg.text(2, 12, _unit_name(unit), "start", "soft")


def _times(since: datetime, until: datetime) -> Iterator[Markup]:
    span = until - since
    form = "%H:%M" if span <= timedelta(days=1.5) else "%a %d"
    for quarter in range(5):
        moment = since + span * quarter / 4
        anchor = ("start", "middle", "middle", "middle", "end")[quarter]
        yield svg.text(LEFT + (RIGHT - LEFT) * quarter / 4, FLOOR + SAMPLES + 18, f"{moment:{form}}", anchor, "soft")  # type: ignore[arg-type]


def _limits(near: Sequence[Limit], far: Sequence[Limit], y: Callable[[float], float], unit: str) -> Iterator[Markup]:
    """Limits as lines with their names; those that lie far above everything as an arrow at the upper edge."""
    for place, limit in enumerate(sorted(near, key=_at)):
        yield svg.path([(LEFT, y(limit.at)), (RIGHT, y(limit.at))], "limit")
        where, anchor = (RIGHT, "end") if place % 2 == 0 else (LEFT + 4, "start")
        yield svg.text(where, y(limit.at) - 4, f"{svg.clipped(limit.name, 22)} {_said(limit.at, unit)}", anchor, "limit-name")  # type: ignore[arg-type]
    if far:
        nearest = min(far, key=_at)
        more = f" and {len(far) - 1} more" if len(far) > 1 else ""
        yield svg.text(RIGHT, TOP + 9, f"↑ {svg.clipped(nearest.name, 22)} {_said(nearest.at, unit)}{more}", "end", "limit-name")


def _at(limit: Limit) -> float:
    return limit.at


def _samples(lines: Mapping[str, Sequence[Point]], x: Callable[[str], float]) -> Iterator[Markup]:
    """How many samples stand behind the first line, as bars below the floor."""
    points = next(iter(lines.values()), ())
    most = max((point.n for point in points), default=0)
    if not most:
        return
    width = max((RIGHT - LEFT) / max(len(points), 24) - 0.6, 0.8)
    for point in points:
        tall = (SAMPLES - 4) * point.n / most
        yield svg.rect(
            min(x(point.time), RIGHT - width), FLOOR + SAMPLES - tall, width, tall, "samples", hint=f"{point.time}: n = {point.n:,}"
        )
    yield svg.text(LEFT - 6, FLOOR + SAMPLES, "n", "end", "soft")


def _top(highest: float) -> float:
    """A round number a little above the highest point."""
    wanted = max(highest, 1e-9) * ROOM
    power = 10.0 ** math.floor(math.log10(wanted))
    return next(step * power for step in (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10) if step * power >= wanted * 0.999)


def _line_words(name: str, points: Sequence[Point], unit: str) -> str:
    last, highest = points[-1], max(points, key=lambda point: number(point.value))
    told = f"{name}: last {_said(last.value, unit)}{_between(last, unit)} of n = {last.n:,}"
    return f"{told}, highest {_said(highest.value, unit)} at {_clock(highest.time)}"


def _limit_words(limits: Sequence[Limit], unit: str) -> str:
    told = (f"{limit.name}{f' ({limit.level})' if limit.level else ''} {limit.says} {_said(limit.at, unit)}" for limit in limits)
    return f"Limits: {'; '.join(told)}." if limits else "No rule has a limit here."


def _between(point: Point, unit: str) -> str:
    said = _interval(point, unit)
    return f" ({said})" if said else ""


def _interval(point: Point, unit: str) -> str:
    if not (_finite(point.low) and _finite(point.high)):
        return ""
    return f"{_said(point.low, unit)} to {_said(point.high, unit)}"


def _said(value: float | None, unit: str) -> str:
    if value is None or not math.isfinite(value):
        return "unknown"
    if unit == "share":
        return f"{100 * value:.3g} %"
    if unit in ("", "PSI") or unit not in UNITS:
        return f"{value:.3g}" if value < 10000 else f"{value:,.0f}"
    return shown(value, unit)


def _short(value: float, unit: str) -> str:
    scaled = 100 * value if unit == "share" else value
    return f"{scaled:.3g}" if scaled < 1000 else f"{scaled:,.0f}" if scaled < 10000 else f"{scaled / 1000:.3g}k"


def _unit_name(unit: str) -> str:
    return "%" if unit == "share" else unit


def _clock(time: str) -> str:
    return f"{parse_stamp(time):%Y-%m-%d %H:%M} UTC"


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
