"""Is the model to be trained again?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gonogo.evidence.check import Check
from gonogo.evidence.record import Fact, Measurement


class Retraining(Check):
    """How long ago was the last training, does anything ask for one, and did the last one that was begun end well?"""

    name = "retraining"
    facts: ClassVar = {
        "days": "days since the last training that ended well, or since the release in production was sealed",
        "reasons": "findings that ask for a training now: the schedule, drift, calibration",
        "running": "whether one runs now",
        "last_failed": "whether the last one that was begun failed",
    }

    def measure(self, retraining: Mapping[str, Any]) -> Measurement:
        asked, made = list(retraining["reasons"]), list(retraining["trainings"])
        last = made[-1]["state"] if made else ""
        findings = [f"{one['cause']}: {one['words']}" for one in asked]
        findings += [f"{made[-1]['id']} failed: {made[-1].get('problem', '')}"] if last == "failed" else []
        facts = {
            "days": Fact(float(retraining["days"]), "d"),
            "reasons": Fact(len(asked)),
            "running": Fact(last == "started"),
            "last_failed": Fact(last == "failed"),
        }
        return Measurement(facts, tuple(findings))
