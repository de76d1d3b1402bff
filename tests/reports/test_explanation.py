"""All about one item."""

from __future__ import annotations

import json
from dataclasses import replace

from gonogo.reports.explanation import Explanation, Runbook, render_explanation
from gonogo.verdict.history import Past

PAST = tuple(
    Past(f"2026-11-{day:02}T03:00:00.000Z", "model-quality", "FAIL", f"roc_auc = 0.9{day}", "sha256:1", "sha256:2") for day in range(1, 13)
)


def explained(report, number: int = 1, **more) -> Explanation:
    return Explanation(report.entries[number], **more)


def test_an_item_is_told_with_its_facts_isolation_digests_and_every_finding(report):
    entry = report.entries[1]
    many = replace(entry, evidence=replace(entry.evidence, findings=tuple(f"finding {n}" for n in range(9))))
    text = render_explanation(Explanation(many))
    for expected in ("0.9466 (0.9441 to 0.9491 at 95%), n = 55,589", "network namespace", many.evidence.digest, "S4-2a", "finding 8"):
        assert expected in text


def test_each_offender_is_told_so_that_it_can_be_waived(report):
    entry = replace(report.entries[1], result=replace(report.entries[1].result, offenders=("row 3 is odd", "row 7 is odd")))
    text = render_explanation(Explanation(entry))
    assert "offender    row 3 is odd" in text
    assert "offender    row 7 is odd" in text


def test_the_question_and_the_meaning_of_a_fact_are_told(report):
    text = render_explanation(explained(report, question="Does it tell late from punctual?", meanings={"roc_auc": "area under the curve"}))
    assert "question    Does it tell late from punctual?" in text
    assert "n = 55,589  (area under the curve)" in text


def test_the_history_is_told_the_newest_first_and_the_rest_is_counted(report):
    text = render_explanation(explained(report, history=PAST))
    lines = [line for line in text.splitlines() if "roc_auc = 0.9" in line and "2026-11-" in line]
    assert [line.split("2026-11-")[1][:2] for line in lines] == [f"{day:02}" for day in range(12, 2, -1)]
    assert "and 2 earlier" in text


def test_the_runbook_is_told_and_so_is_one_that_is_not_there(report):
    found = render_explanation(explained(report, runbook=Runbook("RUNBOOK.md#quality-drops", "Quality drops", "Take it back first.")))
    assert "runbook     RUNBOOK.md#quality-drops: Quality drops" in found
    assert "Take it back first." in found
    missing = render_explanation(explained(report, runbook=Runbook("runbook#x", problem="RUNBOOK.md has no section #x")))
    assert "runbook     runbook#x: RUNBOOK.md has no section #x" in missing


def test_an_item_without_evidence_can_be_told(report):
    assert "product-owner" in render_explanation(explained(report, -1))


def test_the_sources_own_word_for_the_outcome_stands_beside_it(report):
    entry = replace(report.entries[1], item=replace(report.entries[1].item, words={"FAIL": "DIRTY"}))
    assert render_explanation(Explanation(entry)).startswith("FAIL (DIRTY)  model-quality")


def test_the_document_for_programs_is_json(report):
    document = json.loads(json.dumps(explained(report, history=PAST, runbook=Runbook("a#b")).to_json(), allow_nan=False))
    assert document["history"][0]["outcome"] == "FAIL"
    assert document["item"]["id"] == "model-quality"
