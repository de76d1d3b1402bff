"""How many bundles has the test table judged?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gonogo.evidence.check import Check
from gonogo.evidence.record import Fact, Measurement


class TestUses(Check):
    """Has the test table chosen between so many candidates that the best one looks better than it is?"""

    name = "test_uses"
    facts: ClassVar = {
        "uses": "bundles that this very test table has judged",
        "budget": "how many the project allows (policy.test_uses)",
        "over_budget": "uses beyond the budget",
    }

    def measure(self, test_uses: Mapping[str, Any]) -> Measurement:
        uses, budget = int(test_uses["uses"]), int(test_uses["budget"])
        return Measurement({"uses": Fact(uses), "budget": Fact(budget), "over_budget": Fact(max(0, uses - budget))})
