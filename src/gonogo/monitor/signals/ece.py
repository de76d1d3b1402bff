"""Calibration: how far shares of what came true lie from the scores that promised them (expected calibration error, ten equal bins)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gonogo.monitor.quality import Sealed, measured
from gonogo.monitor.signal import Reading, Sight
from gonogo.service.labels.counts import LabelCounts
from gonogo.stats.score_calibration import calibration_p_value, ece, ece_by_chance


class Ece:
    """Of the mature cohorts of a day, with the chance of such differences when all scores are right (`gonogo.stats.score_calibration`).
    Beside it: what a perfect model would show by chance, and what the held-out data showed."""

    name: ClassVar[str] = "ece"
    unit: ClassVar[str] = "ECE"
    window_seconds: ClassVar[float] = 86_400.0

    def compute(self, sight: Sight) -> list[Reading]:
        return measured(self, sight, _measure)


def _measure(counts: LabelCounts, before: Sealed) -> Mapping[str, Any]:
    now = ece(counts.table)
    details = {"by_chance": ece_by_chance(counts.table), "before": None if before.table is None else ece(before.table).value}
    chance = calibration_p_value(counts.table)
    return {"value": now.value, "low": now.low, "high": now.high, "n": now.n, "p_value": chance, "details": details}
