"""Times and shares, as people write them in gonogo.yaml and in packs."""

from __future__ import annotations

from typing import Any

from gonogo.checklist.units import UNITS

#: How long, as seconds or with a unit.
DURATION: dict[str, Any] = {
    "anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? ?(s|min|h|d)$"}],
    "examples": ["30 d"],
}
#: A share of at least 0.5 and below 1, as a number or in per cent.
CONFIDENCE: dict[str, Any] = {
    "anyOf": [
        {"type": "number", "minimum": 0.5, "exclusiveMaximum": 1},
        {"type": "string", "pattern": r"^(5[0-9]|[6-9][0-9])(\.[0-9]+)? ?%$"},
    ],
    "examples": ["95%"],
}


def duration(value: float | str) -> float:
    """Seconds from a number of seconds or a text such as "30 d", "12 h", "5 min", "10 s". Expects what the schema allows; raises KeyError
    for what is no unit and ValueError for what is none of time."""
    if not isinstance(value, str):
        return float(value)
    digits = value.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = UNITS[value[len(digits) :].strip()]
    if unit.dimension != "time":
        raise ValueError(f"{value!r} is no length of time")
    return float(digits) * unit.factor


def share(value: float | str) -> float:
    """A share from a number or a text such as "95%"."""
    return float(value.rstrip("% ")) / 100 if isinstance(value, str) else float(value)
