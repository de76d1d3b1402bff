"""Units: which numbers may be compared with which.

Every unit has a dimension and a factor to the dimension's base (seconds, bytes, plain numbers, per second). Kilo is 1000. Counted
things (rows, requests, …) are plain numbers. A bare 0 needs no unit, because nothing is nothing in every unit.
"""

from __future__ import annotations

from typing import NamedTuple

COUNTED = (
    "rows", "requests", "files", "columns", "features", "classes", "cases", "tests", "words", "packages", "bins", "rules", "channels",
    "findings",
)  # fmt: skip


class Unit(NamedTuple):
    dimension: str
    factor: float


UNITS: dict[str, Unit] = {
    "": Unit("", 1.0),
    "%": Unit("", 0.01),
    "pp": Unit("", 0.01),
    "us": Unit("time", 1e-6),
    "ms": Unit("time", 1e-3),
    "s": Unit("time", 1.0),
    "min": Unit("time", 60.0),
    "h": Unit("time", 3600.0),
    "d": Unit("time", 86400.0),
    "B": Unit("size", 1.0),
    "KB": Unit("size", 1e3),
    "MB": Unit("size", 1e6),
    "GB": Unit("size", 1e9),
    "requests/s": Unit("rate", 1.0),
    "rows/s": Unit("rate", 1.0),
    "1/s": Unit("rate", 1.0),
    **{word: Unit("", 1.0) for word in COUNTED},
}

#: The units that may be written after a number; the others only come with facts.
WRITTEN = tuple(name for name in UNITS if name and "/" not in name)
EXAMPLES = {"time": "s", "size": "MB", "rate": "requests/s", "": "%"}


def shown(value: float, unit: str) -> str:
    """A number for people: four significant digits, thousands separated, its unit behind it."""
    whole = value == int(value) if abs(value) < 1e15 else False
    text = f"{int(value):,}" if whole else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.1f}"
    if unit == "%":
        return text + "%"
    return f"{text} {unit}" if unit else text
