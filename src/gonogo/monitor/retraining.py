"""Why a model ought to be trained again: what the watch and the calendar say. Pure. What follows from it is for others to decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

Cause = Literal["schedule", "drift", "calibration"]
DRIFT = frozenset({"psi", "psi_many", "ks"})
CALIBRATION = frozenset({"ece", "ece_trend"})
LEVELS = frozenset({"critical", "warning"})


@dataclass(frozen=True)
class Reason:
    """One finding that asks for a training, in words."""

    cause: Cause
    words: str


def reasons(alarms: Sequence[Mapping[str, Any]], *, trained: datetime, every_seconds: float, now: datetime) -> list[Reason]:
    """Every reason at this moment. Of the `alarms`, as the watch records them, those that ring about drift or calibration and are more than
    information. `trained` is when the model in production, or a later candidate, was trained."""
    found = []
    age = now - trained
    if age > timedelta(seconds=every_seconds):
        found.append(Reason("schedule", f"the last training was {age.days} days ago; one is due every {every_seconds / 86400:g} days"))
    for alarm in alarms:
        if alarm["ringing"] and alarm["level"] in LEVELS and alarm["state"] != "UNKNOWN":
            cause: Cause | None = "drift" if alarm["signal"] in DRIFT else "calibration" if alarm["signal"] in CALIBRATION else None
            if cause:
                found.append(Reason(cause, f"the alarm {alarm['rule']} rings: {alarm['text']}"))
    return found
