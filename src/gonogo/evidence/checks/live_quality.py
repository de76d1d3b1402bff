"""How good did the predictions of this period turn out to be?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.record import Fact, Measurement

FIGURES = ("roc_auc", "pr_auc", "precision", "recall", "f1", "accuracy", "ece")


class LiveQuality(Check):
    """How good did the predictions of the release in production turn out to be, as far as labels have come?

    Of cohorts that are mature. A figure is missing when nothing can be said of it; which share has labels always stands beside. Of more
    than two classes precision, recall and F1 are means over the classes, and the worst class is named.
    """

    name = "live_quality"
    facts: ClassVar = {
        "rows": "mature predictions",
        "coverage": "share of them that has a label; missing without predictions",
        "enough": "whether so many have a label that they are judged",
        "roc_auc": "area under the ROC curve",
        "pr_auc": "area under the precision-recall curve",
        "precision": "precision at the release's threshold, or its mean over more than two classes",
        "recall": "recall at the release's threshold, or its mean",
        "f1": "F1 at the release's threshold, or its mean",
        "accuracy": "share of right labels",
        "ece": "expected calibration error over ten bins",
        "worst_class_f1": "lowest F1 of a class; only of more than two classes",
        "worst_class": "that class",
    }

    def measure(self, label_quality: Mapping[str, Any]) -> Measurement:
        if label_quality["kept"] is not True:
            raise DataError("no predictions are kept that a label could be of.", hint="Add `prediction_log: {}` to gonogo.yaml.")
        found = dict(label_quality["quality"])
        facts = {"rows": Fact(found["rows"]), "enough": Fact(not found["why"])}
        if found["coverage"] is not None:
            facts["coverage"] = Fact(found["coverage"], n=found["rows"])
        findings = [found["why"]] if found["why"] else []
        for name in FIGURES:
            now, before = found["figures"][name], found["before"][name]
            if now is not None:
                facts[name] = Fact(now["value"], n=now["n"], low=now["low"], high=now["high"], level=0.95)
                findings.append(f"{name} {now['value']:.4g}, of the held-out data {_said(before)}")
        by_class = [(one["figures"]["f1"], one["class"]) for one in found["by_class"] if one["figures"]["f1"] is not None]
        if by_class:
            worst, name = min(by_class, key=lambda pair: pair[0]["value"])
            facts |= {"worst_class_f1": Fact(worst["value"], n=worst["n"]), "worst_class": Fact(name)}
        return Measurement(facts, tuple(findings), _pictures(found))


def _said(figure: Mapping[str, Any] | None) -> str:
    return "not known" if figure is None else f"{figure['value']:.4g}"


def _pictures(found: Mapping[str, Any]) -> dict[str, Any]:
    if not found["reliability"]:
        return {}
    bins, before = (
        [{"mean_score": one["score"], "share": one["share"], "n": one["n"]} for one in found[key]]
        for key in ("reliability", "reliability_before")
    )
    return {"reliability": {"kind": "reliability", "title": "Calibration in service", "bins": bins, "before": before}}
