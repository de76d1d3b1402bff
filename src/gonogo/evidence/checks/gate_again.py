"""Does the release in production still meet everything that let it through?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.record import Fact, Measurement


class GateAgain(Check):
    """If every measured item of the gate is measured again on the release in production, with the project as it is now, does each pass?

    Nothing is taken from earlier evidence but the load test of the bundle, which would disturb the service beside it. Sign-offs are not
    asked for again.
    """

    name = "gate_again"
    facts: ClassVar = {
        "items": "items that were measured again",
        "passed": "those that pass, are waived, or do not apply",
        "failed": "those that do not",
    }

    def measure(self, gate_again: Mapping[str, Any]) -> Measurement:
        good, bad = list(gate_again["good"]), list(gate_again["bad"])
        if not good and not bad:
            raise DataError("the gate measures nothing.")
        facts = {"items": Fact(len(good) + len(bad)), "passed": Fact(len(good)), "failed": Fact(len(bad))}
        return Measurement(facts, tuple(f"{one['item']}: {one['outcome']}, {one['reason']}" for one in bad))
