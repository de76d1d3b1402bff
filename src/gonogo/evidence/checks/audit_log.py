"""Is the audit log as it was written?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gonogo.evidence.check import Check
from gonogo.evidence.record import Fact, Measurement


class AuditLog(Check):
    """Do every hash, every signature and the anchor of the audit log agree, and what has happened in the period?"""

    name = "audit_log"
    facts: ClassVar = {
        "intact": "whether nothing in the log was changed, removed or cut off",
        "events": "events that it has",
        "in_period": "events of the period",
        "releases": "releases that were sealed in the period",
        "moves": "how often production moved in the period",
    }

    def measure(self, audit: Mapping[str, Any]) -> Measurement:
        problems, kinds = list(audit["problems"]), dict(audit["kinds"])
        return Measurement(
            {
                "intact": Fact(not problems),
                "events": Fact(int(audit["events"])),
                "in_period": Fact(sum(kinds.values())),
                "releases": Fact(kinds.get("release_registered", 0)),
                "moves": Fact(kinds.get("pointer_moved", 0)),
            },
            tuple(str(problem) for problem in problems),
        )
