"""What has the service written into its log?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.record import Fact, Measurement

MOST = 10


class ServiceLog(Check):
    """How many lines did the service write in the period, how many of them are errors, and which are the most frequent ones?"""

    name = "service_log"
    facts: ClassVar = {
        "lines": "lines of the period",
        "errors": "lines that tell of an error",
        "warnings": "lines that warn",
        "kinds": "different errors",
        "unreadable": "lines that are no JSON",
    }

    def measure(self, service_log: Mapping[str, Any]) -> Measurement:
        levels, kinds = dict(service_log["levels"]), dict(service_log["errors"])
        if not service_log["there"]:
            raise DataError("the service has written no log here.", hint="With --log json its lines go to standard error instead.")
        ranked = sorted(kinds.items(), key=lambda one: (-one[1], one[0]))
        pictures = {"errors": {"kind": "bars", "title": "Errors in the log", "items": [{"name": n, "value": k} for n, k in ranked[:MOST]]}}
        return Measurement(
            {
                "lines": Fact(sum(levels.values())),
                "errors": Fact(levels.get("error", 0) + levels.get("critical", 0)),
                "warnings": Fact(levels.get("warning", 0)),
                "kinds": Fact(len(kinds)),
                "unreadable": Fact(service_log["unreadable"]),
            },
            tuple(f"{times} times: {name}" for name, times in ranked[:MOST]),
            pictures if ranked else {},
        )
