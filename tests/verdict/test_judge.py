"""The judge: nothing, late, broken, empty, NaN or stale is never a pass."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from gonogo.base.canonical import digest
from gonogo.checklist.items import Checklist, Item
from gonogo.errors import UsageError
from gonogo.evidence.record import Fact
from gonogo.verdict.apart import Someone
from gonogo.verdict.judge import Answer, judge
from gonogo.verdict.outcome import Decision, Outcome

from .conftest import AUC, INPUTS, LEAD, MAYBE, NICE, NOW, SUBJECT, Case, at, measured, outcomes, waiver


def test_everything_met_and_signed_is_go() -> None:
    case = Case(AUC, LEAD)
    case.sign()
    verdict = case.judge()
    assert verdict.decision is Decision.GO
    assert outcomes(verdict.items) == {"auc": "PASS", "lead": "PASS"}
    assert verdict.items[0].reason == "roc_auc = 0.95 (n = 1,000)"
    assert verdict.items[0].requirements[0]["met"] is True
    assert verdict.items[0].evidence == case.evidence["auc"].digest


def test_a_requirement_that_is_not_met_fails_and_says_what_was_measured() -> None:
    case = Case()
    case.evidence["auc"] = measured(AUC, 0.85)
    result = case.result("auc")
    assert result.outcome is Outcome.FAIL
    assert result.reason == "roc_auc = 0.85 (n = 1,000), but roc_auc > 0.9 is required"
    assert case.judge().decision is Decision.NO_GO


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "nan", "high", True])
def test_a_fact_that_is_no_number_is_an_error(value: Any) -> None:
    case = Case()
    case.evidence["auc"] = measured(AUC, value)
    assert case.result("auc").outcome is Outcome.ERROR


def test_a_fact_that_was_not_measured_is_an_error() -> None:
    case = Case()
    case.evidence["auc"] = measured(AUC, facts={"accuracy": Fact(1.0)})
    assert "no fact roc_auc was measured" in case.result("auc").reason
    assert case.result("auc").outcome is Outcome.ERROR


def test_one_requirement_of_several_that_fails_is_enough() -> None:
    case = Case(replace(AUC, require=("roc_auc > 0.9", "roc_auc > 0.99")))
    assert case.result("auc").outcome is Outcome.FAIL
    assert [one["met"] for one in case.result("auc").requirements] == [True, False]


def test_with_confidence_a_fact_without_an_interval_is_an_error() -> None:
    case = Case(replace(AUC, confidence=0.95))
    assert case.result("auc").outcome is Outcome.ERROR
    case.evidence["auc"] = measured(AUC, facts={"roc_auc": Fact(0.95, n=100, low=0.88, high=0.99, level=0.95)})
    assert case.result("auc").outcome is Outcome.FAIL
    case.evidence["auc"] = measured(AUC, facts={"roc_auc": Fact(0.95, n=900, low=0.93, high=0.97, level=0.95)})
    assert case.result("auc").outcome is Outcome.PASS


@pytest.mark.parametrize("require", [(), ("roc_auc >",), ("1 > 0",)])
def test_an_item_whose_requirement_could_never_fail_is_an_error(require: tuple[str, ...]) -> None:
    assert Case(replace(AUC, require=require)).result("auc").outcome is Outcome.ERROR


def test_without_evidence_nothing_was_run() -> None:
    case = Case()
    case.evidence.clear()
    assert case.result("auc").outcome is Outcome.NOT_RUN
    assert case.judge().decision is Decision.NO_GO


def test_without_evidence_the_reason_names_the_input_that_is_missing() -> None:
    case = Case()
    case.evidence.clear()
    case.inputs["auc"] = {"test": "missing: data/test.parquet is not there"}
    assert "test is missing: data/test.parquet is not there" in case.result("auc").reason


def test_a_check_that_could_not_measure_is_an_error_with_its_message() -> None:
    case = Case()
    case.evidence["auc"] = measured(AUC, status="error", message="the table has one class")
    assert (case.result("auc").outcome, case.result("auc").reason) == (Outcome.ERROR, "the table has one class")


def test_an_input_that_was_and_is_missing_is_an_error_not_stale() -> None:
    case = Case()
    gone = {"bundle": SUBJECT, "test": "missing:not there"}
    case.inputs["auc"] = gone
    case.evidence["auc"] = measured(AUC, status="error", message="input test: not there", inputs=gone)
    assert case.result("auc").outcome is Outcome.ERROR
    case.evidence["auc"] = measured(AUC, inputs=gone)
    assert case.result("auc").outcome is Outcome.STALE


STALE: dict[str, Callable[[Case], Any]] = {
    "an input changed": lambda case: case.inputs.update(auc={**INPUTS, "test": "sha256:" + "00" * 32}),
    "an input is gone": lambda case: case.inputs.update(auc={**INPUTS, "test": "missing:not there"}),
    "an input came": lambda case: case.inputs.update(auc={**INPUTS, "train": "sha256:" + "00" * 32}),
    "an input is no longer asked for": lambda case: case.inputs.update(auc={"bundle": SUBJECT}),
    "nobody says what the inputs are now": lambda case: case.inputs.clear(),
    "it names no input": lambda case: (case.inputs.update(auc={}), case.evidence.update(auc=measured(AUC, inputs={}))),
    "another check": lambda case: case.evidence.update(auc=measured(AUC, check="labels")),
    "other options": lambda case: case.evidence.update(auc=measured(AUC, options=digest({}))),
    "another bundle": lambda case: setattr(case, "subject", "sha256:" + "ef" * 32),
    "no bundle any more": lambda case: setattr(case, "subject", None),
    "from the future": lambda case: case.evidence.update(auc=measured(AUC, started=at(-1), finished=at(1))),
}


@pytest.mark.parametrize("change", STALE.values(), ids=STALE.keys())
def test_evidence_of_something_else_is_stale(change: Callable[[Case], Any]) -> None:
    case = Case()
    assert case.result("auc").outcome is Outcome.PASS
    change(case)
    assert case.result("auc").outcome is Outcome.STALE
    assert case.judge().decision is Decision.NO_GO


def test_evidence_grows_stale_with_age_counted_from_its_start() -> None:
    case = Case(replace(AUC, max_age=60.0))
    assert case.result("auc").outcome is Outcome.PASS
    case.evidence["auc"] = measured(AUC, started=at(-60.001))
    assert case.result("auc").outcome is Outcome.STALE
    case = Case(replace(AUC, max_age=1e25))  # longer than a calendar
    assert case.result("auc").outcome is Outcome.PASS


@pytest.mark.parametrize(
    "changes",
    [
        {"item": "other"},
        {"started": "yesterday"},
        {"finished": ""},
        {"started": "2026-01-01T00:00:00"},
        {"started": at(-1), "finished": at(-2)},
    ],
)
def test_malformed_evidence_is_an_error(changes: dict[str, str]) -> None:
    case = Case()
    case.evidence["auc"] = measured(AUC, **changes)
    assert case.result("auc").outcome is Outcome.ERROR


def test_an_empty_checklist_is_refused() -> None:
    empty = Checklist("gate", "Gate", "1.0.0", "2026-01-01", ())
    with pytest.raises(UsageError, match="empty"):
        judge(empty, system="x", subject=SUBJECT, evidence={}, current_inputs={}, sign_offs=[], answers={}, now=NOW)


def test_without_a_mandatory_item_it_is_never_go() -> None:
    case = Case(NICE)
    assert case.result("nice").outcome is Outcome.PASS
    assert case.judge().decision is Decision.NO_GO


def test_without_a_subject_it_is_never_go() -> None:
    case = Case(replace(AUC, id="auc"))
    case.inputs["auc"] = {"test": "sha256:" + "cd" * 32}
    case.evidence["auc"] = measured(AUC, inputs=case.inputs["auc"])
    case.subject = None
    assert case.result("auc").outcome is Outcome.PASS
    assert case.judge().decision is Decision.NO_GO


def test_a_conditional_item_needs_an_answer_with_a_reason() -> None:
    case = Case(AUC, MAYBE)
    assert case.result("maybe").outcome is Outcome.NOT_RUN
    assert "items.maybe.applies" in case.result("maybe").reason
    case.answers["maybe"] = Answer(False, "  ")
    assert case.result("maybe").outcome is Outcome.NOT_RUN
    case.answers["maybe"] = Answer(True, "it does")
    assert case.result("maybe").outcome is Outcome.PASS
    case.evidence.pop("maybe")
    assert case.result("maybe").outcome is Outcome.NOT_RUN
    case.answers["maybe"] = Answer(False, "not here")
    assert (case.result("maybe").outcome, case.result("maybe").reason) == (Outcome.NOT_APPLICABLE, "not here")
    assert case.judge().decision is Decision.GO


def test_an_optional_item_counts_unless_it_is_left_out_with_a_reason() -> None:
    case = Case(AUC, NICE)
    case.evidence["nice"] = measured(NICE, 0.1)
    assert case.judge().decision is Decision.NO_GO
    case.answers["nice"] = Answer(False, "")
    assert case.judge().decision is Decision.NO_GO
    case.answers["nice"] = Answer(False, "internal use")
    assert case.judge().decision is Decision.GO


def test_a_mandatory_item_cannot_be_answered_away() -> None:
    case = Case()
    case.evidence["auc"] = measured(AUC, 0.1)
    case.answers["auc"] = Answer(False, "we are in a hurry")
    assert case.result("auc").outcome is Outcome.FAIL


def test_a_live_waiver_excuses_a_measured_failure_and_stays_visible() -> None:
    case = Case(AUC, NICE)
    case.evidence["nice"] = measured(NICE, 0.1)
    case.waivers = [waiver(NICE)]
    result = case.result("nice")
    assert result.outcome is Outcome.WAIVED
    assert "waived until" in result.reason
    assert "known, mended next week" in result.reason
    assert case.judge().decision is Decision.GO


@pytest.mark.parametrize(
    "changes",
    [{"until": at(0)}, {"until": at(-1)}, {"time": at(1)}, {"until": "never"}, {"until": ""}, {"reason": " "}, {"item": "auc"},
     {"item": "gone"}, {"offender": "roc_auc > 0.8"}],
)  # fmt: skip
def test_a_waiver_that_is_not_in_force_excuses_nothing_and_is_noted(changes: dict[str, str]) -> None:
    case = Case(AUC, NICE)
    case.evidence["nice"] = measured(NICE, 0.1)
    case.waivers = [waiver(NICE, **changes)]
    assert case.result("nice").outcome is Outcome.FAIL
    assert any("excuses nothing" in note for note in case.judge().notes)


def test_a_waiver_for_another_bundle_excuses_nothing() -> None:
    case = Case(AUC, NICE)
    case.evidence["nice"] = measured(NICE, 0.1)
    case.waivers = [waiver(NICE, subject="sha256:" + "ef" * 32)]
    assert case.result("nice").outcome is Outcome.FAIL


def test_an_item_is_waived_only_when_every_finding_is() -> None:
    case = Case(AUC, NICE)
    case.evidence["nice"] = measured(NICE, 0.1, findings=("row 3 is odd", "row 7 is odd"))
    case.waivers = [waiver(NICE, offender="row 3 is odd")]
    assert case.result("nice").outcome is Outcome.FAIL
    assert case.result("nice").offenders == ("row 3 is odd", "row 7 is odd")
    case.waivers.append(waiver(NICE, offender="row 7 is odd", until=at(60)))
    assert case.result("nice").outcome is Outcome.WAIVED
    assert case.result("nice").reason.count("is waived until") == 2
    case.evidence["nice"] = measured(NICE, 0.1, findings=("row 3 is odd", "row 7 is odd", "row 9 is odd"))
    assert case.result("nice").outcome is Outcome.FAIL


def test_findings_that_are_too_many_to_be_named_cannot_be_waived() -> None:
    case = Case(AUC, NICE)
    case.evidence["nice"] = measured(NICE, 0.1, findings=("row 3 is odd", "… and 7 more"))
    case.waivers = [waiver(NICE, offender=one) for one in case.evidence["nice"].findings]
    assert (case.result("nice").outcome, case.result("nice").offenders) == (Outcome.FAIL, ())


@pytest.mark.parametrize("item", [AUC, replace(NICE, id="auc", waivable=False)])
def test_a_mandatory_or_unwaivable_item_cannot_be_waived(item: Item) -> None:
    case = Case(item, replace(AUC, id="other"))
    case.evidence["auc"] = measured(item, 0.1)
    case.waivers = [waiver(item)]
    assert (case.result("auc").outcome, case.result("auc").offenders) == (Outcome.FAIL, ())
    assert any("nothing can be waived there" in note for note in case.judge().notes)


def test_the_author_cannot_waive_where_the_author_is_kept_apart() -> None:
    case = Case(AUC, NICE)
    case.checklist = replace(case.checklist, apart=(("author", "technical-lead"),))
    case.evidence["nice"] = measured(NICE, 0.1)
    case.waivers = [waiver(NICE)]
    for author, outcome in ((None, "FAIL"), (Someone("ana"), "FAIL"), (Someone("Dan", "aa"), "FAIL"), (Someone("Dan", "dd"), "WAIVED")):
        case.author = author
        assert case.result("nice").outcome == outcome


def test_a_draft_is_never_go() -> None:
    case = Case()
    case.checklist = replace(case.checklist, status="draft")
    assert outcomes(case.judge().items) == {"auc": "PASS"}
    assert case.judge().decision is Decision.NO_GO
    assert case.judge().blocked == ("Gate is a draft, and a draft is never GO.",)


def test_what_was_not_measured_cannot_be_waived() -> None:
    case = Case(AUC, NICE)
    case.waivers = [waiver(NICE)]
    case.evidence["nice"] = measured(NICE, status="error", message="crashed")
    assert case.result("nice").outcome is Outcome.ERROR
    del case.evidence["nice"]
    assert case.result("nice").outcome is Outcome.NOT_RUN


def test_the_sign_off_of_a_conditional_item_waits_for_the_answer() -> None:
    maybe = replace(LEAD, id="limit", kind="conditional")
    case = Case(AUC, maybe)
    case.sign(items=("limit",))
    assert case.result("limit").outcome is Outcome.NOT_RUN
    case.answers["limit"] = Answer(True, "public")
    assert case.result("limit").outcome is Outcome.PASS


VOIDING: dict[str, Callable[[Case], Any]] = {
    "evidence measured again": lambda case: case.evidence.update(auc=measured(AUC, 0.96)),
    "evidence removed": lambda case: case.evidence.clear(),
    "the checklist changed": lambda case: setattr(case, "checklist", replace(case.checklist, version="1.0.1")),
    "the bundle changed": lambda case: setattr(case, "subject", "sha256:" + "ef" * 32),
    "an item answered away": lambda case: case.answers.update(nice=Answer(False, "no longer")),
    "a waiver came": lambda case: (case.evidence.update(nice=measured(NICE, 0.1)), setattr(case, "waivers", [waiver(NICE)])),
}


@pytest.mark.parametrize("change", VOIDING.values(), ids=VOIDING.keys())
def test_a_sign_off_is_void_when_what_was_signed_changes(change: Callable[[Case], Any]) -> None:
    case = Case(AUC, NICE, LEAD)
    case.sign()
    assert case.result("lead").outcome is Outcome.PASS
    change(case)
    assert case.result("lead").outcome is Outcome.STALE
    assert "changed since" in case.result("lead").reason
    assert case.judge().decision is Decision.NO_GO


def test_a_waiver_alone_voids_the_sign_off() -> None:
    case = Case(AUC, NICE, LEAD)
    case.evidence["nice"] = measured(NICE, 0.1)
    case.sign()
    case.waivers = [waiver(NICE)]
    assert outcomes(case.judge().items) == {"auc": "PASS", "nice": "WAIVED", "lead": "STALE"}


def test_nobody_has_signed_is_not_run() -> None:
    case = Case(AUC, LEAD)
    assert (case.result("lead").outcome, case.result("lead").reason) == (Outcome.NOT_RUN, "nobody has signed as technical-lead")


@pytest.mark.parametrize("changes", [{"role": "product-owner"}, {"items": ("other",)}])
def test_a_sign_off_in_another_role_or_for_another_item_is_none(changes: dict[str, Any]) -> None:
    case = Case(AUC, LEAD)
    case.sign(**changes)
    assert case.result("lead").outcome is Outcome.NOT_RUN


def test_the_latest_decision_counts_and_of_two_at_once_the_refusal() -> None:
    case = Case(AUC, LEAD)
    case.sign(time=at(-20))
    case.sign("reject", time=at(-10))
    assert case.result("lead").outcome is Outcome.FAIL
    assert "not yet" in case.result("lead").reason
    case.sign(time=at(-5))
    assert case.result("lead").outcome is Outcome.PASS
    case.sign("reject", time=at(-5))
    assert case.result("lead").outcome is Outcome.FAIL


def test_the_latest_decision_counts_in_whatever_order_the_sign_offs_come() -> None:
    case = Case(AUC, LEAD)
    case.sign(time=at(-20))
    case.sign("reject", time=at(-10))
    case.sign(time=at(-10))
    for order in permutations(case.sign_offs):
        case.sign_offs = list(order)
        assert case.result("lead").outcome is Outcome.FAIL


def test_a_sign_off_from_the_future_does_not_count_yet() -> None:
    case = Case(AUC, LEAD)
    case.sign(time=at(1))
    assert case.result("lead").outcome is Outcome.STALE


def test_the_verdict_keeps_the_order_of_the_checklist_and_the_moment() -> None:
    case = Case(LEAD, NICE, AUC)
    verdict = case.judge()
    assert [result.item for result in verdict.items] == ["lead", "nice", "auc"]
    assert [result.mandatory for result in verdict.items] == [True, False, True]
    assert (verdict.time, verdict.subject, verdict.checklist_digest) == ("2026-03-01T12:00:00.000Z", SUBJECT, case.checklist.digest)
