"""Several people in a role, refusals, the life of an approval, and who must be apart."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gonogo.verdict.apart import Someone, clashes
from gonogo.verdict.outcome import Decision, Outcome
from gonogo.verdict.sign_off import SignOff

from .conftest import AUC, LEAD, Case, at, outcomes

OWNER = replace(LEAD, id="owner", sign_off="product-owner")
ANA, BEN = {"person": "Ana", "key_id": "aa"}, {"person": "Ben", "key_id": "bb"}
DAY = 86400.0


def test_one_approval_of_several_people_will_do_and_one_refusal_blocks() -> None:
    case = Case(AUC, LEAD)
    case.sign(**ANA)
    assert case.result("lead").outcome is Outcome.PASS
    case.sign("reject", **BEN, time=at(-20))
    assert case.result("lead").reason == f"Ben refused as technical-lead on {at(-20)}: not yet"
    case.sign(**ANA, time=at(-5))
    assert case.result("lead").outcome is Outcome.FAIL


def test_a_refusal_is_withdrawn_by_whoever_gave_it_and_by_nobody_else() -> None:
    case = Case(AUC, LEAD)
    case.sign("reject", **BEN, time=at(-20))
    case.sign(**ANA, time=at(-10))
    assert case.result("lead").outcome is Outcome.FAIL
    case.sign(**BEN, time=at(-5))
    assert case.judge().decision is Decision.GO


@pytest.mark.parametrize(("days", "limit", "outcome"), [(29.9, 30, "PASS"), (30.1, 30, "STALE"), (0.9, 1, "PASS"), (1.1, 1, "STALE")])
def test_an_approval_lasts_as_long_as_the_checklist_says(days: float, limit: float, outcome: str) -> None:
    case = Case(AUC, LEAD)
    case.checklist = replace(case.checklist, sign_off_days=limit)
    case.sign()
    case.now += timedelta(days=days)
    result = case.result("lead")
    assert result.outcome == outcome
    assert outcome == "PASS" or f"more than {limit} days ago" in result.reason


def test_a_refusal_does_not_expire() -> None:
    case = Case(AUC, LEAD)
    case.sign("reject")
    case.now += timedelta(days=400)
    assert case.result("lead").outcome is Outcome.FAIL


def test_a_refusal_outlives_other_evidence_and_another_checklist_and_not_another_bundle() -> None:
    case = Case(AUC, LEAD)
    case.sign("reject", **BEN, time=at(-20))
    case.author = Someone("Dan", "dd")  # part of the evidence
    case.checklist = replace(case.checklist, sign_off_days=7)
    case.sign(**ANA)
    assert case.result("lead").reason == f"Ben refused as technical-lead on {at(-20)}: not yet"
    case.sign(**BEN, time=at(-5))
    assert case.judge().decision is Decision.GO
    case.sign("reject", **BEN, time=at(-4))
    case.subject = "sha256:another"
    assert case.result("lead").outcome is Outcome.STALE
    case.sign(**ANA)
    assert case.result("lead").outcome is Outcome.PASS


def test_another_author_is_another_thing_to_sign() -> None:
    case = Case(AUC, LEAD)
    case.sign()
    case.author = Someone("Dan", "dd")
    assert case.result("lead").outcome is Outcome.STALE
    case.sign()
    assert case.judge().to_json()["author"] == {"name": "Dan", "key_id": "dd"}
    assert case.judge().decision is Decision.GO


def apart(*groups: tuple[str, ...]) -> Case:
    case = Case(AUC, LEAD, OWNER)
    case.checklist = replace(case.checklist, apart=groups)
    return case


def approve(case: Case, role: str, person: dict[str, str]) -> SignOff:
    return case.sign(role=role, items=("lead", "owner"), **person)


LOOKS_LIKE_ANA = ("An\u200ba", "\u0410na", "\uff21na", "A\u00adna", "An\u03b1", "\u202eAna", "A\u200dn\ufeffa\u00a0")


@pytest.mark.parametrize("name", LOOKS_LIKE_ANA)
def test_a_name_that_only_looks_like_another_is_no_other_person(name: str) -> None:
    assert Someone("Ana", "aa").is_also(Someone(name, "bb"))
    assert not Someone("Anna", "aa").is_also(Someone(name, "bb"))


@pytest.mark.parametrize("ben", [BEN, {"person": " ANA ", "key_id": "bb"}, {"person": "Ben", "key_id": "aa"}])
def test_two_roles_kept_apart_need_two_names_and_two_keys(ben: dict[str, str]) -> None:
    case = apart(("technical-lead", "product-owner"))
    approve(case, "technical-lead", ANA)
    approve(case, "product-owner", ben)
    assert case.judge().decision is (Decision.GO if ben is BEN else Decision.NO_GO)
    assert outcomes(case.judge().items)["owner"] == ("PASS" if ben is BEN else "NOT_RUN")


def test_one_person_may_stand_in_both_roles_when_another_approves_in_one() -> None:
    case = apart(("technical-lead", "product-owner"))
    for role, person in (("technical-lead", ANA), ("product-owner", ANA)):
        approve(case, role, person)
    assert "must be different people" in case.result("owner").reason
    approve(case, "technical-lead", BEN)
    assert case.judge().decision is Decision.GO


@pytest.mark.parametrize(
    ("author", "go"),
    [(None, False), (Someone("ana"), False), (Someone("Dan", "aa"), False), (Someone("Dan"), True), (Someone("Dan", "dd"), True)],
)
def test_the_author_does_not_approve(author: Someone | None, go: bool) -> None:
    case = apart(("author", "technical-lead"))
    case.author = author
    approve(case, "technical-lead", ANA)
    approve(case, "product-owner", BEN)
    assert (case.judge().decision is Decision.GO) == go
    assert go or case.result("lead").outcome is Outcome.NOT_RUN


def test_a_role_without_approval_is_no_clash() -> None:
    group = (("a", "b", "c"),)
    assert clashes(group, {}, None) == {}
    assert clashes(group, {"a": [Someone("X")], "c": [Someone("Y")]}, None) == {}
    assert list(clashes(group, {"a": [Someone("X")], "b": [Someone("X")], "c": [Someone("Y")]}, None)) == ["b"]
    assert list(clashes(group, {"a": [Someone("X"), Someone("Y")], "b": [Someone("X"), Someone("Y")], "c": [Someone("Y")]}, None)) == ["c"]
