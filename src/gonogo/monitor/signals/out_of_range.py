"""By how much the share of values beyond the range of the training data rose above what it was there (a thousandth on each side)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gonogo.monitor.counts import Counts
from gonogo.monitor.rise import rises
from gonogo.monitor.signal import Reading, Sight


class OutOfRange:
    """One reading for each feature with a range in its baseline; a baseline of the format before has none."""

    name: ClassVar[str] = "out_of_range"
    unit: ClassVar[str] = "share"
    window_seconds: ClassVar[float] = 900.0

    def compute(self, sight: Sight) -> list[Reading]:
        return rises(self, sight, _outside)


def _outside(document: Mapping[str, Any], live: Counts, feature: str) -> tuple[int, int] | None:
    return (live.outside.get(feature, 0), document["range"]["outside"]) if "range" in document else None
