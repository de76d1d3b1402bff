"""The few shapes that pictures are drawn with. Every text and number goes through here, so nothing reaches the page unescaped.

Coordinates are in user units of a view box 360 wide, which is about one pixel on a telephone. Colours come from the page's style sheet
by class: `axis`, `grid`, `mark`, `other`, `soft`, `band`, `limit`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from markupsafe import Markup

from gonogo.base.numbers import is_finite_number
from gonogo.reports.report import printable

WIDTH = 360
Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True)
class Drawn:
    """A picture for a page: title, SVG (empty when it could not be drawn), and the same in words."""

    title: str
    svg: Markup
    words: str


def number(value: Any) -> float:
    """A finite number. Raises ValueError for everything else, so that a picture is never drawn from NaN."""
    if not is_finite_number(value):
        raise ValueError(f"{value!r} is not a finite number")
    return float(value)


def drawing(height: float, label: str, shapes: Iterable[Markup]) -> Markup:
    """The whole picture, with its label for those who hear the page."""
    head = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}" class="picture">')
    return head.format(WIDTH, _short(height), printable(label)) + Markup("").join(shapes) + Markup("</svg>")


def line(x1: float, y1: float, x2: float, y2: float, kind: str = "axis") -> Markup:
    return Markup('<line x1="{}" y1="{}" x2="{}" y2="{}" class="{}"/>').format(_short(x1), _short(y1), _short(x2), _short(y2), kind)


def rect(x: float, y: float, width: float, height: float, kind: str = "mark", *, opacity: float = 1, hint: str = "") -> Markup:
    shape = Markup('<rect x="{}" y="{}" width="{}" height="{}" rx="2" class="{}" fill-opacity="{}">{}</rect>')
    return shape.format(_short(x), _short(y), _short(max(width, 0)), _short(max(height, 0)), kind, _short(opacity), _hint(hint))


def circle(x: float, y: float, radius: float, hint: str = "") -> Markup:
    return Markup('<circle cx="{}" cy="{}" r="{}" class="mark">{}</circle>').format(_short(x), _short(y), _short(radius), _hint(hint))


def path(points: Sequence[tuple[float, float]], kind: str = "curve") -> Markup:
    joined = " ".join(f"{_short(x)},{_short(y)}" for x, y in points)
    return Markup('<polyline points="{}" class="{}"/>').format(joined, kind)


def area(points: Sequence[tuple[float, float]], kind: str = "band") -> Markup:
    """A closed shape without an outline."""
    joined = " ".join(f"{_short(x)},{_short(y)}" for x, y in points)
    return Markup('<polygon points="{}" class="{}"/>').format(joined, kind)


def text(x: float, y: float, words: object, anchor: Anchor = "start", kind: str = "") -> Markup:
    return Markup('<text x="{}" y="{}" text-anchor="{}" class="{}">{}</text>').format(
        _short(x), _short(y), anchor, kind, printable(str(words))
    )


def clipped(words: object, most: int) -> str:
    """A name no longer than the room for it."""
    said = str(words)
    return said if len(said) <= most else said[: most - 1] + "…"


def _hint(words: str) -> Markup:
    return Markup("<title>{}</title>").format(printable(words)) if words else Markup("")


def _short(value: float) -> str:
    return f"{number(value):.2f}".rstrip("0").rstrip(".")
