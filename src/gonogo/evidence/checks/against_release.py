"""Is the service worse than the release promised?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from gonogo.checklist.evaluate import evaluate
from gonogo.checklist.expression import parse
from gonogo.errors import DataError, UsageError
from gonogo.evidence.check import Check
from gonogo.evidence.record import Fact, Measurement


class AgainstRelease(Check):
    """Over the whole period, is anything worse than what was measured before the release was sealed?

    `limits` are requirements on signals that compare with the release, such as `latency_drift <= 0.2` or `auc_drop <= 0.05`. A signal
    without a value, or with a value from fewer than `min_n` samples, is unknown.
    """

    name = "against_release"
    facts: ClassVar = {
        "compared": "things that could be compared",
        "unknown": "things that could not",
        "worse": "things that are worse than their limit allows",
    }
    options: ClassVar = {"limits": [], "min_n": 100}

    def measure(self, readings: Sequence[Mapping[str, Any]], passed: Mapping[str, Any]) -> Measurement:
        limits = {name: text for text in self.chosen["limits"] for name in parse(text).names}
        if not limits:
            raise UsageError("the option `limits` names no signal.", hint="For example: limits: [latency_drift <= 0.2]")
        mine = [one for one in readings if one["signal"] in limits and one["labels"].get("release") == passed["release"]]
        if missing := set(limits) - {one["signal"] for one in mine}:
            raise DataError(f"there is no reading of {', '.join(sorted(missing))} in this period.")
        known = [one for one in mine if one["value"] is not None and one["n"] >= self.chosen["min_n"]]
        judged = [(one, evaluate(parse(limits[one["signal"]]), {one["signal"]: Fact(one["value"], n=one["n"])})) for one in known]
        findings = [f"{_of(one)}: {one['value']:.4g} (n = {one['n']:,}), {limits[one['signal']]} is required" for one, _ in judged]
        findings += [f"{_of(one)}: not enough to say (n = {one['n']:,})" for one in mine if one not in known]
        facts = {"compared": len(known), "unknown": len(mine) - len(known), "worse": sum(not verdict.met for _, verdict in judged)}
        return Measurement({name: Fact(value) for name, value in facts.items()}, tuple(findings))


def _of(reading: Mapping[str, Any]) -> str:
    more = " ".join(str(value) for key, value in reading["labels"].items() if key != "release")
    return f"{reading['signal']} of {more}" if more else str(reading["signal"])
