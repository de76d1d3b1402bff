"""Readings of the watch as the pages take them: what is no finite number is unknown, and an old look is no reason to call anything good."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from gonogo.reports.html import when

Record = Mapping[str, Any]


def with_known_numbers(status: Record) -> dict[str, Any]:
    """The status document; in its signals a `value`, `low` or `high` that is no finite number is None."""
    return {**status, "signals": [{**one, **_known(one)} for one in status["signals"]]}


def last_seen(status: Record) -> str:
    """When the watch last looked, where that is too long ago to say how things are now; else ""."""
    watch = status["watch"]
    if watch["fresh"]:
        return ""
    return f"as last seen {when(watch['time'])}" if watch["time"] else "nobody has watched yet"


def _known(one: Record) -> dict[str, float | None]:
    there = {name: one[name] for name in ("value", "low", "high") if name in one}
    return {name: value if value is not None and math.isfinite(value) else None for name, value in there.items()}
