"""By how much the share of categories that the baseline does not know (or only as rare ones) rose above what it was there."""

from __future__ import annotations

from typing import ClassVar

from gonogo.monitor.rise import OTHER, in_bin, rises
from gonogo.monitor.signal import Reading, Sight


class NewCategories:
    """One reading for each feature of categories; none when a model has none."""

    name: ClassVar[str] = "new_categories"
    unit: ClassVar[str] = "share"
    window_seconds: ClassVar[float] = 900.0

    def compute(self, sight: Sight) -> list[Reading]:
        return rises(self, sight, in_bin(OTHER, frozenset({"categorical"})))
