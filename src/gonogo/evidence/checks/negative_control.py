"""Can this gate say NO-GO?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gonogo.evidence.check import Check
from gonogo.evidence.record import Fact, Measurement


class NegativeControl(Check):
    """Did the gate refuse spoiled copies of this very candidate?

    `gonogo check --prove` spoils copies of the candidate and judges them by the same checklist; this check reads what came of it. A
    spoiling is caught when an item that passes for the candidate fails for the spoiled copy. A control of other bytes, or under another
    checklist, does not count.
    """

    name = "negative_control"
    facts: ClassVar = {
        "spoilings": "spoiled copies that were judged",
        "caught": "copies that an item refused",
        "missed": "copies that every item let pass",
    }

    def measure(self, negative_control: Mapping[str, Any]) -> Measurement:
        spoilings = negative_control["spoilings"]
        missed = [one for one in spoilings if not one["by"]]
        findings = [f"not noticed: {one['what']}" for one in missed]
        findings += [f"noticed: {one['what']} (by {', '.join(one['by'])})" for one in spoilings if one["by"]]
        facts = {"spoilings": len(spoilings), "caught": len(spoilings) - len(missed), "missed": len(missed)}
        return Measurement({name: Fact(value) for name, value in facts.items()}, tuple(findings))
