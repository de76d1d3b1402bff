"""What does one signal say of the whole period?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from gonogo.errors import DataError, UsageError
from gonogo.evidence.check import Check
from gonogo.evidence.record import Fact, Measurement

MOST_BARS = 20


class Signal(Check):
    """What is the worst value of a signal over the period, among all that it is measured of?

    `signal` is its name; of its readings those that carry `labels` (each `name=value`) count. More is worse. A reading without a value,
    or from fewer than `min_n` samples, is unknown: no statement that it is well can rest on it.
    """

    name = "signal"
    facts: ClassVar = {
        "readings": "how many things it was measured of",
        "unknown": "those of which it could not be said",
        "worst": "the largest value; missing when there is none",
        "least_n": "the fewest samples behind a value; 0 when there is none",
    }
    options: ClassVar = {"signal": "", "labels": [], "min_n": 1}

    def measure(self, readings: Sequence[Mapping[str, Any]]) -> Measurement:
        name, labels, fewest = self.chosen["signal"], self.chosen["labels"], self.chosen["min_n"]
        if not name:
            raise UsageError("the option `signal` names no signal.", hint="For example: `options: {signal: psi}`.")
        wanted = dict(label.partition("=")[::2] for label in labels)
        found = [one for one in readings if one["signal"] == name and wanted.items() <= one["labels"].items()]
        if not found:
            raise DataError(f"there is no reading of {name!r} in this period.", hint="`gonogo watch --once` shows what is measured.")
        known = [one for one in found if one["value"] is not None and one["n"] >= fewest]
        unknown = [one for one in found if one not in known]
        facts = {
            "readings": Fact(len(found)),
            "unknown": Fact(len(unknown)),
            "least_n": Fact(min((one["n"] for one in known), default=0)),
        }
        ranked = sorted(known, key=lambda one: -one["value"])
        if ranked:
            facts["worst"] = _fact(ranked[0])
        findings = [f"{_of(one) or name}: not enough to say ({one['n']} of {fewest} samples)" for one in unknown]
        findings += [f"worst of {_of(one) or 'the whole service'}: {one['value']:.4g} {one['unit']}".rstrip() for one in ranked[:3]]
        return Measurement(facts, tuple(findings), _picture(name, ranked))


def _fact(reading: Mapping[str, Any]) -> Fact:
    bounds = {key: reading.get(key) for key in ("low", "high")}
    level = 0.95 if None not in bounds.values() else None
    return Fact(reading["value"], reading["unit"] if reading["unit"] in ("ms", "MB", "s") else "", n=reading["n"], level=level, **bounds)


def _of(reading: Mapping[str, Any]) -> str:
    return " ".join(str(value) for key, value in reading["labels"].items() if key != "release")


def _picture(name: str, ranked: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    if len(ranked) < 2:
        return {}
    items = [{"name": _of(one) or one["labels"].get("release", name), "value": one["value"]} for one in ranked[:MOST_BARS]]
    return {name: {"kind": "bars", "title": f"{name} over the period", "items": items}}
