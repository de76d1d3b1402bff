"""Approvals come from a GO, and from nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gonogo.base.canonical import digest
from gonogo.errors import NotApprovedError
from gonogo.verdict.approval import Approval, approve
from gonogo.verdict.outcome import Decision, Outcome

from .conftest import AUC, LEAD, NICE, SUBJECT, Case, measured


def go() -> Case:
    case = Case(AUC, LEAD)
    case.sign()
    return case


def test_a_go_makes_an_approval_of_its_subject() -> None:
    verdict = go().judge()
    approval = approve(verdict)
    assert (approval.system, approval.subject, approval.verdict) == ("credit-risk", SUBJECT, verdict)
    assert approval.verdict_digest == digest(verdict.to_json())


def test_a_no_go_is_refused_naming_what_is_in_the_way() -> None:
    case = Case(AUC, LEAD)
    case.evidence["auc"] = measured(AUC, 0.5)
    with pytest.raises(NotApprovedError) as caught:
        approve(case.judge())
    assert str(caught.value) == (
        "credit-risk (sha256:abababababab…) is not approved: 2 of 2 items did not pass (auc, lead). See `gonogo explain auc`."
    )
    assert caught.value.exit_code == 1


def test_who_is_refused_for_what_is_stale_or_missing_is_told_to_measure_first() -> None:
    case = Case(AUC, LEAD)
    case.sign()
    case.evidence["auc"] = replace(measured(AUC), inputs={**measured(AUC).inputs, "bundle": "sha256:" + "00" * 32})
    assert [one.outcome for one in case.judge().items] == [Outcome.STALE, Outcome.STALE]
    for unmeasured in (case, Case(AUC, LEAD)):
        with pytest.raises(NotApprovedError, match="Run `gonogo check` first"):
            approve(unmeasured.judge())
    also_failing = Case(AUC, replace(AUC, id="other"), LEAD)
    also_failing.evidence["auc"] = case.evidence["auc"]
    also_failing.evidence["other"] = replace(measured(AUC, 0.5), item="other")
    with pytest.raises(NotApprovedError, match="Run `gonogo check` first"):
        approve(also_failing.judge())


def test_failures_alone_are_called_failures() -> None:
    case = Case(AUC, replace(AUC, id="other"))
    case.evidence["auc"] = measured(AUC, 0.5)
    with pytest.raises(NotApprovedError, match=r"1 of 2 items failed \(auc\)"):
        approve(case.judge())


def test_a_verdict_that_says_go_against_its_own_items_is_refused() -> None:
    case = Case(AUC, LEAD)
    for forged in (
        replace(case.judge(), decision=Decision.GO),
        replace(go().judge(), subject=None),
        replace(go().judge(), items=()),
        replace(go().judge(), items=tuple(replace(one, outcome=Outcome.WAIVED) for one in go().judge().items)),
        replace(go().judge(), items=tuple(replace(one, mandatory=False) for one in go().judge().items)),
    ):
        with pytest.raises(NotApprovedError):
            approve(forged)


def test_a_no_go_whose_items_are_all_good_is_refused_too() -> None:
    with pytest.raises(NotApprovedError):
        approve(replace(go().judge(), decision=Decision.NO_GO))
    with pytest.raises(NotApprovedError, match="no mandatory item"):
        approve(Case(NICE).judge())


def test_without_a_bundle_there_is_nothing_to_approve() -> None:
    with pytest.raises(NotApprovedError, match="there is no bundle"):
        approve(replace(go().judge(), subject=None))


def test_an_approval_cannot_be_made_by_hand() -> None:
    verdict = go().judge()
    with pytest.raises(TypeError, match="by hand"):
        Approval("credit-risk", SUBJECT, digest(verdict.to_json()), verdict, proof=object())
