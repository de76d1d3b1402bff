"""The page of quality: what came true, beside what the release promised; how much of it is known; and what rules say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gonogo.reports.pictures import draw
from gonogo.reports.svg import Drawn
from gonogo.web.readings import with_known_numbers

Record = Mapping[str, Any]
FIGURES = {
    "roc_auc": ("ROC-AUC", "auc_drop"),
    "pr_auc": ("PR-AUC", "pr_auc_drop"),
    "precision": ("precision", "precision_drop"),
    "recall": ("recall", "recall_drop"),
    "f1": ("F1", "f1_drop"),
    "accuracy": ("accuracy", "accuracy_drop"),
    "ece": ("calibration error (ECE)", "ece"),
}
OF_CLASS = ("precision", "recall", "f1")
ESTIMATES = ("cbpe_drop", "cbpe_gap", "ece_trend")


@dataclass(frozen=True)
class Row:
    """One figure: realised and sealed, each with interval and samples; where a rule rings."""

    name: str
    live: Record | None
    before: Record | None
    limit: str
    bad: bool


def view(quality: Record, release: str, status: Record, rules: Sequence[Record]) -> dict[str, Any]:
    """Of the release in production, when labels of it are kept."""
    mine, status = quality["releases"].get(release), with_known_numbers(status)
    return {
        "release": release,
        "quality": quality,
        "mine": mine,
        "rows": [_row(name, mine["figures"], mine["before"], status, rules, release) for name in FIGURES] if mine else [],
        "by_class": mine["by_class"] if mine else [],
        "of_class": [(name, FIGURES[name][0]) for name in OF_CLASS],
        "slices": [(name, part, _slice_rows(part)) for name, part in mine["slices"].items()] if mine else [],
        "reliability": _reliability(mine) if mine else None,
        "picture_of_days": _coverage(mine) if mine else None,
        "confusion": _confusion(mine) if mine else None,
        "estimates": [one for one in status["signals"] if one["signal"] in ESTIMATES and one["labels"].get("release") == release],
    }


def _row(name: str, live: Record, before: Record, status: Record, rules: Sequence[Record], release: str) -> Row:
    title, signal = FIGURES[name]
    of_rules = [rule for rule in rules if rule["signal"] == signal and "class" not in rule["labels"]]
    sealed = before.get(name)
    limits = [_limit(rule, signal, sealed) for rule in of_rules]
    bad = any(
        alarm["signal"] == signal
        and alarm["labels"].get("release") == release
        and "class" not in alarm["labels"]
        and alarm["condition"] == "BREACH"
        for alarm in status["alarms"]
    )
    return Row(title, live.get(name), sealed, ", ".join(limits), bad)


def _limit(rule: Record, signal: str, sealed: Record | None) -> str:
    if signal == "ece":
        return f"above {rule['above']:g} ({rule['name']})"
    if sealed is None:
        return f"{rule['above']:g} lower ({rule['name']})"
    return f"below {sealed['value'] - rule['above']:.3f} ({rule['name']})"


def _slice_rows(part: Record) -> list[tuple[str, Record | None, Record | None]]:
    return [(FIGURES[name][0], part["figures"].get(name), part["before"].get(name)) for name in FIGURES]


def _reliability(mine: Record) -> Drawn | None:
    """The calibration curve of what came true, and that of the held-out data beside it."""

    def bins(name: str) -> list[dict[str, Any]]:
        return [{"mean_score": one["score"], "share": one["share"], "n": one["n"]} for one in mine[name] if one["n"]]

    live, before = bins("reliability"), bins("reliability_before")
    if not (live or before):
        return None
    if not live:
        return draw("reliability", {"kind": "reliability", "title": "Calibration on held-out data: no labels yet", "bins": before})
    return draw("reliability", {"kind": "reliability", "title": "Calibration curve", "bins": live, "before": before})


def _coverage(mine: Record) -> Drawn | None:
    items = [
        {"name": f"{day['day'][5:]}{'' if day['mature'] else ' …'}", "value": 100 * day["coverage"]}
        for day in mine["by_day"]
        if day["coverage"] is not None
    ]
    return draw("coverage", {"kind": "bars", "title": "Predictions with a label, by day", "unit": "%", "items": items}) if items else None


def _confusion(mine: Record) -> Drawn | None:
    counts = mine["confusion"]
    if not counts or not any(map(any, counts)):
        return None
    turned = [list(row) for row in zip(*counts, strict=True)]  # the store's rows are predicted, the picture's actual
    return draw("confusion", {"kind": "confusion_matrix", "labels": mine["classes"], "counts": turned})
