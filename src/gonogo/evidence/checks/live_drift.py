"""Is what comes in and goes out still like what the model was made from?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from gonogo.errors import DataError, UsageError
from gonogo.evidence.check import Check
from gonogo.evidence.record import Fact, Measurement

SCORE = "(score)"
MOST_PICTURES = 3


class LiveDrift(Check):
    """How far are the features and the score of the whole period from the baseline in the release, by the PSI over its own bins?

    From `min_n` rows on; a feature with fewer is unknown. `level`: above it a feature counts as drifted. `leave_out` are features that are
    shown and not judged, such as a column of the calendar, which is another every month.
    """

    name = "live_drift"
    facts: ClassVar = {
        "features": "features that the baseline knows",
        "unknown": "features, the score among them, of which too few rows were seen",
        "worst": "the largest PSI of a feature; missing when none is known",
        "score": "the PSI of the score; missing when it is not known",
        "drifted": "features whose PSI is above the level",
    }
    options: ClassVar = {"min_n": 500, "level": 0.15, "leave_out": []}

    def measure(self, readings: Sequence[Mapping[str, Any]], passed: Mapping[str, Any]) -> Measurement:
        release, fewest = passed["release"], self.chosen["min_n"]
        found = [one for one in readings if one["signal"] == "psi" and one["labels"].get("release") == release]
        if strangers := set(self.chosen["leave_out"]) - {one["labels"].get("feature") for one in found}:
            raise UsageError(f"the model has no feature {', '.join(sorted(strangers))}, which is to be left out.")
        shown = [one for one in found if one["labels"].get("feature") in self.chosen["leave_out"]]
        found = [one for one in found if one not in shown]
        features = [one for one in found if one["labels"].get("feature") != SCORE]
        if not features:
            raise DataError(f"nothing is known of the features of {release} in this period.", hint="The baseline is sealed in the release.")
        unknown = [one for one in found if one["value"] is None or one["n"] < fewest]
        known = sorted((one for one in features if one not in unknown), key=lambda one: -one["value"])
        score = next((one for one in found if one not in features and one not in unknown), None)
        facts = {
            "features": Fact(len(features)),
            "unknown": Fact(len(unknown)),
            "drifted": Fact(sum(one["value"] > self.chosen["level"] for one in known)),
        }
        facts |= {"worst": _fact(known[0])} if known else {}
        facts |= {"score": _fact(score)} if score else {}
        findings = [f"{one['labels']['feature']}: {one['n']} rows of {fewest} are not enough data" for one in unknown]
        findings += [f"PSI of {one['labels']['feature']} is {one['value']:.3g}, of {one['n']:,} rows" for one in known[:MOST_PICTURES]]
        findings += [f"left out: {one['labels']['feature']}, PSI {one['value']:.3g}" for one in shown if one["value"] is not None]
        return Measurement(facts, tuple(findings), _pictures([*([score] if score else []), *known], passed["bins"]))


def _fact(reading: Mapping[str, Any]) -> Fact:
    bounded = reading["low"] is not None and reading["high"] is not None
    return Fact(reading["value"], n=reading["n"], low=reading["low"], high=reading["high"], level=0.95 if bounded else None)


def _pictures(known: Sequence[Mapping[str, Any]], bins: Mapping[str, Any]) -> dict[str, Any]:
    if not known:
        return {}
    ranked = sorted(known, key=lambda one: -one["value"])
    items = [{"name": one["labels"]["feature"], "value": one["value"]} for one in ranked]
    pictures: dict[str, Any] = {"drift": {"kind": "bars", "title": "PSI against the baseline", "items": items}}
    for one in ranked[:MOST_PICTURES]:
        name = one["labels"]["feature"]
        if name in bins:
            series = {"baseline": bins[name]["reference"], "live": bins[name]["live"]}
            pictures[f"bins of {name}"] = {
                "kind": "histogram",
                "title": f"{name}, live and in the baseline",
                "labels": bins[name]["labels"],
                "series": series,
            }
    return pictures
