"""Pictures of evidence as inline SVG, each with a text that says the same.

The data of a picture (see `Measurement.pictures`) is a JSON object with a `kind`:

    confusion_matrix   labels [n], counts [n][n]: rows are actual, columns predicted
    reliability        bins [{mean_score, share, n}]: what was said, what came true, how often; optionally `before`, the same of other rows
    roc                points [[false positive rate, true positive rate]], auc
    bars               title, items [{name, value}], optionally unit
    intervals          title, items [{name, value}, optionally low and high]
    histogram          title, labels [n] or edges [n + 1], series {name: [n]}
    latency            quantiles [{p, ms}]
    percentiles        series {name: [[share, ms]]}, shares rising from 0 to 1
    series             title, since, until, lines {name: [{time, value, n}]}, optionally unit: see `timeline.py`

`draw` never fails for what a check put into its evidence: data that cannot be drawn gives a picture without SVG whose words say so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from gonogo.base.clock import parse_stamp
from gonogo.checklist.units import shown
from gonogo.reports import svg
from gonogo.reports.svg import WIDTH, Drawn, number
from gonogo.reports.timeline import Point, draw_timeline

MOST_BARS = 20
MOST_CLASSES = 12
MOST_POINTS = 240
PLOT = 256  #: height and width of a square plot
LEFT, TOP = 44, 26

Data = Mapping[str, Any]


def draw(name: str, data: Any) -> Drawn:
    """Draw one picture of an evidence. `name` is its key there, the title when the data has none."""
    title = str(data.get("title") or TITLES.get(data.get("kind"), name)) if isinstance(data, Mapping) else name
    title = title[:1].upper() + title[1:]
    try:
        return DRAWERS[data["kind"]](title, data)
    except (KeyError, TypeError, ValueError, IndexError, ArithmeticError, AttributeError) as error:
        return Drawn(title, Markup(""), f"This picture cannot be drawn: {type(error).__name__} {error}")


def confusion_matrix(title: str, data: Data) -> Drawn:
    labels = [str(label) for label in data["labels"]]
    counts = [[int(number(count)) for count in row] for row in data["counts"]]
    size = len(labels)
    if not 1 <= size <= MOST_CLASSES or len(counts) != size or any(len(row) != size or min(row) < 0 for row in counts):
        raise ValueError(f"{size} labels do not fit {len(counts)} rows of counts")
    left, top = 72, 34
    cell = min((WIDTH - left - 8) / size, 92)
    high = min(cell, 64)
    shapes = [svg.text(left + cell * size / 2, 12, "predicted", "middle", "soft")]
    words = []
    for i, (label, row) in enumerate(zip(labels, counts, strict=True)):
        total = sum(row)
        shapes.append(svg.text(left + cell * (i + 0.5), 28, svg.clipped(label, 10), "middle"))
        shapes.append(svg.text(left - 8, top + high * (i + 0.5) + 4, svg.clipped(label, 9), "end"))
        said = []
        for j, count in enumerate(row):
            share = count / total if total else 0.0
            x, y = left + cell * j, top + high * i
            shapes.append(svg.rect(x + 1, y + 1, cell - 2, high - 2, "mark" if i == j else "other", opacity=0.1 + 0.45 * share))
            shapes.append(svg.text(x + cell / 2, y + high / 2 + (0 if cell > 50 else 4), f"{count:,}", "middle", "count"))
            if cell > 50:
                shapes.append(svg.text(x + cell / 2, y + high / 2 + 16, f"{share:.1%}", "middle", "soft"))
            said.append(f"{count:,} predicted {labels[j]} ({share:.1%})")
        words.append(f"Of {total:,} that are {label}: {', '.join(said)}.")
    shapes.append(svg.text(4, top - 6, "actual", "start", "soft"))
    return Drawn(title, svg.drawing(top + high * size + 4, title, shapes), " ".join(words))


def reliability(title: str, data: Data) -> Drawn:
    bins = [(number(b["mean_score"]), number(b["share"]), number(b["n"])) for b in data["bins"] if number(b["n"]) > 0]
    if not bins:
        raise ValueError("no bin holds a row")
    most = max(n for _, _, n in bins)
    points = sorted((_x(said), _y(true)) for said, true, _ in bins)
    before = sorted((_x(number(b["mean_score"])), _y(number(b["share"]))) for b in data.get("before", ()) if number(b["n"]) > 0)
    dots = [
        svg.circle(_x(said), _y(true), 2.5 + 5 * (n / most) ** 0.5, f"said {said:.1%}, came true {true:.1%}, {n:,.0f} rows")
        for said, true, n in bins
    ]
    shapes = [
        *_square("what the model said", "what came true"),
        DIAGONAL,
        *([svg.path(before, "harm"), svg.text(_x(0.97), _y(0.06), "dashed: held-out data", "end", "soft")] if before else []),
        svg.path(points),
        *dots,
    ]
    words = "; ".join(f"said {said:.1%}, came true {true:.1%} ({n:,.0f} rows)" for said, true, n in bins)
    return Drawn(title, svg.drawing(TOP + PLOT + 40, title, shapes), f"A dot on the diagonal keeps its promise. {words}.")


def roc(title: str, data: Data) -> Drawn:
    points = [(number(x), number(y)) for x, y in data["points"]]
    if len(points) < 2 or any(not (0 <= x <= 1 and 0 <= y <= 1) for x, y in points):
        raise ValueError("a curve needs two points or more, between 0 and 1")
    auc = number(data["auc"])
    kept = _thinned(points)
    shapes = [
        *_square("false positive rate", "true positive rate"),
        DIAGONAL,
        svg.path([(_x(x), _y(y)) for x, y in kept]),
        svg.text(_x(0.97), _y(0.06), f"area {auc:.4f}", "end", "count"),
    ]
    marks = ", ".join(f"{max((y for x, y in points if x <= limit), default=0.0):.1%} at {limit:.0%}" for limit in (0.01, 0.05, 0.1))
    return Drawn(title, svg.drawing(TOP + PLOT + 40, title, shapes), f"Area {auc:.4f}. True positive rate {marks} false positives.")


def bars(title: str, data: Data) -> Drawn:
    unit = str(data.get("unit", ""))
    items = [(str(item["name"]), number(item["value"])) for item in data["items"]]
    return _bars(title, [(name, value, shown(value, unit)) for name, value in items])


def latency(title: str, data: Data) -> Drawn:
    return _bars(title, [(f"P{number(q['p']):g}", number(q["ms"]), shown(number(q["ms"]), "ms")) for q in data["quantiles"]])


def percentiles(title: str, data: Data) -> Drawn:
    """Latency over the share of answers that took no longer, each nine as wide as the one before: the tail is what one looks for."""
    series = {str(name): [(number(share), number(ms)) for share, ms in points] for name, points in data["series"].items()}
    shares = [share for points in series.values() for share, _ in points]
    times = [ms for points in series.values() for _, ms in points]
    if not series or any(len(points) < 2 for points in series.values()) or not all(0 <= share <= 1 for share in shares) or min(times) < 0:
        raise ValueError("a curve needs two points or more, with shares between 0 and 1 and times that can be")
    nines = max(-math.log10(1 - share) for share in shares if share < 1) + 0.3
    top = max(times) or 1.0
    left, right, high, floor = 52, WIDTH - 14, 24, 194

    def x(share: float) -> float:
        return left + (right - left) * (min(-math.log10(1 - share) / nines, 1.0) if share < 1 else 1.0)

    def y(ms: float) -> float:
        return floor - (floor - high) * ms / top

    shapes = []
    for tick in range(5):
        ms = top * tick / 4
        shapes.append(svg.line(left, y(ms), right, y(ms), "axis" if tick == 0 else "grid"))
        shapes.append(svg.text(left - 6, y(ms) + 4, f"{ms:.3g}", "end", "soft"))
    for share in (0.0, 0.5, 0.9, 0.99, 0.999, 0.9999):
        if x(share) < right - 34:
            shapes += [
                svg.line(x(share), high, x(share), floor, "grid"),
                svg.text(x(share), floor + 16, f"{100 * share:g}", "middle", "soft"),
            ]
    shapes += [
        svg.text(right, floor + 16, "all", "end", "soft"),
        svg.text((left + right) / 2, floor + 32, "% of the answers took", "middle", "soft"),
    ]
    shapes.append(svg.text(left - 40, 12, "ms at most", "start", "soft"))
    for position, (name, points) in enumerate(series.items()):
        kind = "curve" if position == 0 else "harm"
        shapes.append(svg.path([(x(share), y(ms)) for share, ms in points], kind))
        shapes += [svg.line(left + 64 + 130 * position, 8, left + 84 + 130 * position, 8, kind)]
        shapes.append(svg.text(left + 90 + 130 * position, 12, svg.clipped(name, 22), "start", "soft"))
    said = (
        f"{name}: " + ", ".join(f"{100 * share:g} % within {ms:.3g} ms" for share, ms in points if share >= 0.5)
        for name, points in series.items()
    )
    return Drawn(title, svg.drawing(floor + 40, title, shapes), "; ".join(said) + ".")


def series(title: str, data: Data) -> Drawn:
    lines = {str(name): [Point.of(point) for point in points] for name, points in data["lines"].items()}
    since, until = parse_stamp(data["since"]), parse_stamp(data["until"])
    return draw_timeline(title, lines, since=since, until=until, unit=str(data.get("unit", ""))).drawn


def _bars(title: str, items: Sequence[tuple[str, float, str]]) -> Drawn:
    if not items:
        raise ValueError("nothing to show")
    drawn = items[:MOST_BARS]
    low, high = min(0.0, *(value for _, value, _ in drawn)), max(0.0, *(value for _, value, _ in drawn))
    left, right, step = 124, WIDTH - 64, 20
    scale = (right - left) / ((high - low) or 1.0)
    zero = left - low * scale
    shapes = [svg.line(zero, 4, zero, 8 + step * len(drawn))]
    for position, (name, value, said) in enumerate(drawn):
        y = 8 + step * position
        shapes.append(svg.text(left - 8 if low == 0 else 4, y + 12, svg.clipped(name, 17), "end" if low == 0 else "start"))
        shapes.append(svg.rect(min(zero, zero + value * scale), y + 2, abs(value) * scale, step - 6, hint=f"{name}: {said}"))
        shapes.append(svg.text(max(zero, zero + value * scale) + 5, y + 12, said, "start", "soft"))
    words = "; ".join(f"{name} {said}" for name, _, said in items) + "."
    return Drawn(title, svg.drawing(12 + step * len(drawn), title, shapes), words)


def intervals(title: str, data: Data) -> Drawn:
    """Values as dots with their intervals as lines; a dot without a line is one of which nobody knows how sure it is."""
    items = [
        (str(i["name"]), number(i["value"]), number(i.get("low", i["value"])), number(i.get("high", i["value"]))) for i in data["items"]
    ]
    drawn = items[:MOST_BARS]
    if not drawn:
        raise ValueError("nothing to show")
    least, most = min(low for _, _, low, _ in drawn), max(high for *_, high in drawn)
    left, right, step = 124, WIDTH - 64, 20
    scale = (right - left) / ((most - least) or 1.0)
    shapes = [svg.line(left, 8 + step * len(drawn), right, 8 + step * len(drawn))]
    for position, (name, value, low, high) in enumerate(drawn):
        y = 8 + step * position + step / 2
        x = [left + (one - least) * scale for one in (low, value, high)]
        shapes += [svg.text(left - 8, y + 4, svg.clipped(name, 17), "end"), svg.line(x[0], y, x[2], y, "curve")]
        shapes += [svg.circle(x[1], y, 3.5, f"{name}: {value:.4g}"), svg.text(right + 8, y + 4, f"{value:.3g}", "start", "soft")]
    foot = 22 + step * len(drawn)
    shapes += [svg.text(left, foot, f"{least:.3g}", "middle", "soft"), svg.text(right, foot, f"{most:.3g}", "middle", "soft")]
    words = (
        "; ".join(f"{name} {value:.4g}" + (f" ({low:.4g} to {high:.4g})" if low < high else "") for name, value, low, high in items) + "."
    )
    return Drawn(title, svg.drawing(foot + 6, title, shapes), words)


def histogram(title: str, data: Data) -> Drawn:
    series = {str(name): [number(value) for value in values] for name, values in data["series"].items()}
    labels = _bin_labels(data)
    if not series or not labels or any(len(values) != len(labels) or min(values) < 0 for values in series.values()):
        raise ValueError("every series needs one count per bin")
    shares = {name: [value / (sum(values) or 1.0) for value in values] for name, values in series.items()}
    top = max(max(values) for values in shares.values()) or 1.0
    left, height = 8, 140
    slot = (WIDTH - 2 * left) / len(labels)
    width = slot * 0.84 / len(series)
    shapes = [svg.line(left, height + 24, WIDTH - left, height + 24)]
    for k, (name, values) in enumerate(shares.items()):
        kind = "mark" if k % 2 == 0 else "other"
        shapes += [svg.rect(left + 150 * k, 2, 10, 10, kind), svg.text(left + 14 + 150 * k, 11, svg.clipped(name, 20), "start", "soft")]
        for i, share in enumerate(values):
            tall = height * share / top
            shapes.append(
                svg.rect(
                    left + slot * (i + 0.08) + width * k, height + 24 - tall, width, tall, kind, hint=f"{name}, {labels[i]}: {share:.1%}"
                )
            )
    shown_labels = [(0, "start"), (len(labels) - 1, "end")] if len(labels) > 6 else [(i, "middle") for i in range(len(labels))]
    for i, anchor in shown_labels:
        x = {"start": left, "end": WIDTH - left, "middle": left + slot * (i + 0.5)}[anchor]
        shapes.append(svg.text(x, height + 40, svg.clipped(labels[i], 14), anchor, "soft"))  # type: ignore[arg-type]
    words = "; ".join(
        f"{name}: " + ", ".join(f"{label} {share:.1%}" for label, share in zip(labels, values, strict=True))
        for name, values in shares.items()
    )
    return Drawn(title, svg.drawing(height + 48, title, shapes), words + ".")


def _bin_labels(data: Data) -> list[str]:
    if "labels" in data:
        return [str(label) for label in data["labels"]]
    return [f"{number(a):g} to {number(b):g}" for a, b in pairwise(data["edges"])]


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most MOST_POINTS points, the first and the last among them."""
    if len(points) <= MOST_POINTS:
        return points
    step = (len(points) - 1) / (MOST_POINTS - 1)
    return [points[round(i * step)] for i in range(MOST_POINTS)]


def _x(share: float) -> float:
    return LEFT + PLOT * share


def _y(share: float) -> float:
    return TOP + PLOT * (1 - share)


def _square(below: str, beside: str) -> list[Markup]:
    """Axes from 0 to 1 with a grid."""
    shapes = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        kind = "axis" if tick == 0 else "grid"
        shapes += [svg.line(_x(0), _y(tick), _x(1), _y(tick), kind), svg.line(_x(tick), _y(0), _x(tick), _y(1), kind)]
        shapes.append(svg.text(_x(0) - 6, _y(tick) + 4, f"{tick:g}", "end", "soft"))
        shapes.append(svg.text(_x(tick), _y(0) + 16, f"{tick:g}", "middle", "soft"))
    shapes.append(svg.text(_x(0.5), _y(0) + 34, below, "middle", "soft"))
    shapes.append(svg.text(_x(0), _y(1) - 12, f"↑ {beside}", "start", "soft"))
    return shapes


DIAGONAL = svg.path([(_x(0), _y(0)), (_x(1), _y(1))], "ideal")

TITLES: dict[Any, str] = {
    "confusion_matrix": "Confusion matrix",
    "reliability": "Does a score keep its promise?",
    "roc": "ROC curve",
    "latency": "Latency",
    "percentiles": "Latency by percentile",
}
DRAWERS: dict[str, Callable[[str, Data], Drawn]] = {
    "confusion_matrix": confusion_matrix,
    "reliability": reliability,
    "roc": roc,
    "bars": bars,
    "intervals": intervals,
    "histogram": histogram,
    "latency": latency,
    "percentiles": percentiles,
    "series": series,
}
