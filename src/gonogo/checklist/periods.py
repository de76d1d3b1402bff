"""The times between two reviews of a service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Period = Literal["hour", "day", "week", "month", "quarter"]
SECONDS: Mapping[Period, float] = {"hour": 3600.0, "day": 86400.0, "week": 7 * 86400.0, "month": 30 * 86400.0, "quarter": 91 * 86400.0}
PERIODS: tuple[Period, ...] = tuple(SECONDS)
