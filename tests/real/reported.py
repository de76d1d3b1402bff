"""A report with every outcome and every kind of picture in it, for tests of what is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gonogo.checklist.items import Checklist, Item, Phase
from gonogo.evidence.record import Evidence, Fact
from gonogo.reports.report import Report
from gonogo.verdict.outcome import Decision, ItemResult, Outcome, Verdict

SUBJECT = "sha256:" + "5" * 64

ITEMS = (
    Item(
        "tests-pass", "Code", "All tests pass", check="tests", require=("failed == 0", "passed > 0"), why="Untested code is a guess.",
        remedy="Run them and mend what fails.", rows=("S4-1a",),
    ),
    Item(
        "model-quality", "Model", "ROC-AUC on the later test set is above 0.95", check="quality", require=("roc_auc > 0.95",),
        confidence=0.95, why="Below it the desk is wrong about one flight in ten.", remedy="Train on more months.", rows=("S4-2a",),
    ),
    Item("model-outputs", "Model", "Every score is a probability", check="outputs", require=("nan == 0",), why="NaN is no answer."),
    Item("latency", "API", "P95 below 50 ms at 100 connections", check="load", require=("p95 < 50 ms",), remedy="A smaller forest."),
    Item("drift-alarm", "Monitoring", "Drift is watched", check="monitoring", kind="optional"),
    Item("rate-limit", "Security", "There is a rate limit", kind="conditional", check="rate_limit"),
    Item("waived-docs", "Documentation", "The API document is complete", kind="optional", check="document"),
    Item("approve-technical", "Approvals", "The technical lead approves", sign_off="technical-lead", why="Somebody must answer for it."),
    Item("approve-product", "Approvals", "The product owner approves", sign_off="product-owner"),
)  # fmt: skip

OUTCOMES = {
    "tests-pass": (Outcome.PASS, "every requirement is met"),
    "model-quality": (Outcome.FAIL, "roc_auc = 0.9466, but roc_auc > 0.95 is required"),
    "model-outputs": (Outcome.ERROR, "the isolated child ran out of memory"),
    "latency": (Outcome.STALE, "the model file changed after it was measured"),
    "drift-alarm": (Outcome.NOT_RUN, "nothing was measured"),
    "rate-limit": (Outcome.NOT_APPLICABLE, "the service is reachable from this machine only"),
    "waived-docs": (Outcome.WAIVED, "until 2026-12-24 by ana"),
    "approve-technical": (Outcome.NOT_RUN, "nobody has signed in the role technical-lead"),
    "approve-product": (Outcome.NOT_RUN, "nobody has signed in the role product-owner"),
}

PICTURES: dict[str, Any] = {
    "confusion": {"kind": "confusion_matrix", "labels": ["in time", "late"], "counts": [[51600, 540], [1201, 2248]]},
    "reliability": {
        "kind": "reliability",
        "bins": [
            {"mean_score": 0.02, "share": 0.015, "n": 47000},
            {"mean_score": 0.3, "share": 0.22, "n": 3100},
            {"mean_score": 0.62, "share": 0.55, "n": 1400},
            {"mean_score": 0.94, "share": 0.91, "n": 2100},
        ],
    },
    "roc": {"kind": "roc", "points": [[0, 0], [0.01, 0.55], [0.05, 0.81], [0.1, 0.9], [0.4, 0.99], [1, 1]], "auc": 0.9466},
    "importance": {
        "kind": "bars",
        "title": "What the model looks at",
        "items": [{"name": "dep_delay", "value": 0.41}, {"name": "precip", "value": 0.004}],
    },
    "scores": {
        "kind": "histogram",
        "title": "Scores",
        "edges": [0, 0.25, 0.5, 0.75, 1],
        "series": {"train": [80, 10, 6, 4], "test": [85, 8, 4, 3]},
    },
    "load": {"kind": "latency", "quantiles": [{"p": 50, "ms": 1.31}, {"p": 95, "ms": 2.6}, {"p": 99, "ms": 5.44}]},
}


def evidence(item: Item, **changes: Any) -> Evidence:
    values: dict[str, Any] = {
        "item": item.id, "check": item.check, "options": "sha256:0", "inputs": {"bundle": SUBJECT, "test": "sha256:" + "7" * 64},
        "status": "measured", "facts": {"rows": Fact(55589, "rows")}, "findings": (), "message": "", "tools": {"gonogo": "0.1.0"},
        "isolation": "process, rlimits, network namespace", "started": "2026-11-21T03:00:00.000Z", "finished": "2026-11-21T03:00:01.000Z",
    }  # fmt: skip
    return Evidence(**(values | changes))


def make_report(outcomes: dict[str, tuple[Outcome, str]] | None = None, items: tuple[Item, ...] = ITEMS, **changes: Any) -> Report:
    words = OUTCOMES | (outcomes or {})
    by_id = {item.id: item for item in items}
    measured = {
        "tests-pass": evidence(by_id["tests-pass"], facts={"passed": Fact(36, "tests"), "failed": Fact(0, "tests")}),
        "model-quality": evidence(
            by_id["model-quality"],
            facts={"roc_auc": Fact(0.9466, n=55589, low=0.9441, high=0.9491, level=0.95), "format": Fact("onnx"), "exact": Fact(True)},
            findings=("October is worse than November",),
            pictures=PICTURES,
        ),
        "model-outputs": evidence(by_id["model-outputs"], status="error", facts={}, message="the isolated child ran out of memory"),
    }
    judged = {
        "tests-pass": ({"required": "failed == 0", "measured": "failed = 0 tests", "met": True},),
        "model-quality": (
            {
                "required": "roc_auc > 0.95 with confidence 95%",
                "measured": "roc_auc = 0.9466 (95% interval 0.9441 to 0.9491, n = 55,589)",
                "met": False,
                "reason": words["model-quality"][1],
            },
        ),
    }
    results = tuple(
        ItemResult(item.id, *words[item.id], requirements=judged.get(item.id, ()), mandatory=item.kind == "mandatory") for item in items
    )
    go = all(result.outcome in (Outcome.PASS, Outcome.WAIVED, Outcome.NOT_APPLICABLE) for result in results)
    checklist = Checklist("gate", "Gate of a random forest API", "1.2.0", "2026-11-01", items, {"latency": ("require",)})
    verdict = Verdict(
        "late-arrivals", Decision.GO if go else Decision.NO_GO, changes.get("subject", SUBJECT), checklist.digest, "sha256:" + "9" * 64,
        results, "2026-11-21T03:00:02.000Z", changes.get("notes", ("chen.dsse.json does not count: wrong key",)),
    )  # fmt: skip
    return Report(verdict.system, verdict, checklist, changes.get("evidence", measured), "2026-11-21T03:00:02.000Z")


PHASES = (
    Phase("before", "Before the release", 30),
    Phase("release", "Release and approval", 15),
    Phase("after", "After it", None, "continuous"),
)
PHASE_OF = {"Code": "before", "Model": "before", "Monitoring": "after"}


def full_report() -> Report:
    """The same with phases, scores, the sources' own words and a runbook."""
    items = tuple(
        replace(
            item, phase=PHASE_OF.get(item.section, "release"), weight=10.0 if item.section in ("Code", "Model") else 0.0,
            ml_test=(number + 1,), words={"PASS": "CLEAN", "FAIL": "DIRTY", "NOT_RUN": "pending"}, runbook="runbook#quality-drops",
        )
        for number, item in enumerate(ITEMS)
    )  # fmt: skip
    report = make_report(items=items)
    return replace(report, checklist=replace(report.checklist, phases=PHASES))
