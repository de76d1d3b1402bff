"""Judging again: a verdict survives only with the records that it follows from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gonogo.base.canonical import canonical_bytes, parse_json
from gonogo.checklist.reading import read_checklist
from gonogo.errors import VerificationError
from gonogo.evidence.record import Evidence
from gonogo.verdict.judge import Answer, evidence_digest
from gonogo.verdict.outcome import Decision, Outcome
from gonogo.verdict.rejudge import confirm, read_verdict

from .conftest import AUC, LEAD, MAYBE, NICE, Case, measured, waiver


def whole() -> Case:
    case = Case(AUC, MAYBE, NICE, LEAD)
    case.answers["maybe"] = Answer(False, "not here")
    case.evidence["nice"] = measured(NICE, 0.1)
    case.waivers = [waiver(NICE)]
    case.sign()
    return case


def test_a_verdict_reads_back_and_is_confirmed_from_its_written_records() -> None:
    case = whole()
    verdict = case.judge()
    assert verdict.decision is Decision.GO
    again = read_verdict(parse_json(canonical_bytes(verdict.to_json())))
    assert again == verdict
    checklist = read_checklist(parse_json(canonical_bytes(case.checklist.to_json())))
    evidence = {item: Evidence.from_json(parse_json(canonical_bytes(one.to_json()))) for item, one in case.evidence.items()}
    confirm(again, checklist, evidence, case.sign_offs, case.waivers)


def test_the_evidence_digest_can_be_computed_from_the_verdict_alone() -> None:
    case = whole()
    verdict = case.judge()
    assert evidence_digest(case.checklist, verdict.items) == verdict.evidence_digest


def test_a_verdict_whose_records_say_otherwise_is_refused_by_item() -> None:
    case = whole()
    verdict = case.judge()
    with pytest.raises(VerificationError, match="auc"):
        confirm(verdict, case.checklist, {**case.evidence, "auc": measured(AUC, 0.5)}, case.sign_offs, case.waivers)
    with pytest.raises(VerificationError, match="auc"):
        confirm(verdict, case.checklist, {}, case.sign_offs, case.waivers)
    with pytest.raises(VerificationError, match="lead"):
        confirm(verdict, case.checklist, case.evidence, [], case.waivers)
    with pytest.raises(VerificationError, match="nice"):
        confirm(verdict, case.checklist, case.evidence, case.sign_offs)
    with pytest.raises(VerificationError, match="another checklist"):
        confirm(verdict, replace(case.checklist, title="Other"), case.evidence, case.sign_offs, case.waivers)


def test_a_forged_outcome_is_refused() -> None:
    case = Case(AUC, LEAD)
    case.evidence["auc"] = measured(AUC, 0.5)
    verdict = case.judge()
    passed = tuple(replace(one, outcome=Outcome.PASS) for one in verdict.items)
    with pytest.raises(VerificationError, match="auc, lead"):
        confirm(replace(verdict, items=passed, decision=Decision.GO), case.checklist, case.evidence, case.sign_offs)
    with pytest.raises(VerificationError, match="says GO, its records say NO-GO"):
        confirm(replace(verdict, decision=Decision.GO), case.checklist, case.evidence, case.sign_offs)


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "MAYBE"},
        {"items": [{}]},
        {"items": None},
        {"more": 1},
        {"format": "other"},
        {"time": "now"},
        {"time": None},
        {"notes": 3},
    ],
)
def test_a_record_that_is_no_verdict_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_verdict({**Case().judge().to_json(), **change})


def test_an_outcome_that_is_no_word_is_refused() -> None:
    data = Case().judge().to_json()
    data["items"][0]["outcome"] = "FINE"
    with pytest.raises(ValueError, match="FINE"):
        read_verdict(data)
