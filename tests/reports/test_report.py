"""What a report says before any format: order, counts, the headline, the next step."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.evidence.record import Fact
from gonogo.reports.html import render_html
from gonogo.reports.markdown import render_markdown
from gonogo.reports.report import fact_text, printable, reason_beyond, requirement_lines
from gonogo.reports.text import render_text
from gonogo.verdict.outcome import Outcome

MEASURED = dict.fromkeys(("model-quality", "model-outputs", "latency", "drift-alarm"), (Outcome.PASS, "it holds"))


def test_what_blocks_comes_first_mandatory_before_optional_in_the_checklists_order(report):
    assert [entry.item.id for entry in report.blocking] == [
        "model-quality",
        "model-outputs",
        "latency",
        "approve-technical",
        "approve-product",
        "drift-alarm",
    ]


def test_every_item_of_the_verdict_is_in_exactly_one_section(report):
    shown = [entry.item.id for _, entries in report.sections for entry in entries]
    assert sorted(shown) == sorted(result.item for result in report.verdict.items)


def test_an_item_that_the_checklist_does_not_know_is_still_shown(make_report):
    report = make_report()
    strange = type(report)(report.system, report.verdict, type(report.checklist)("gate", "t", "1", "", report.checklist.items[:1]))
    assert len(strange.entries) == len(report.verdict.items)
    assert dict(strange.sections)["Unknown"]


def test_the_counts_add_up_to_the_items(report):
    assert sum(count for _, count in report.counts) == len(report.verdict.items)
    assert dict(report.counts)[Outcome.NOT_RUN] == 3


def test_the_headline_of_a_go_and_the_next_step(all_good):
    assert all_good.go
    assert all_good.headline == "All 9 items are satisfied."
    assert all_good.next_step == "gonogo release"


def test_when_only_signatures_are_missing_the_report_says_whose(make_report):
    report = make_report(MEASURED)
    assert report.headline == "Everything measured passes; 2 signatures are missing."
    assert report.next_step == "gonogo sign technical-lead, gonogo sign product-owner"


def test_a_stale_signature_is_not_called_missing(make_report):
    report = make_report(MEASURED | {"approve-product": (Outcome.STALE, "signed for another bundle")})
    assert report.headline == "2 of 9 items block the release."


def test_nobody_is_sent_to_sign_while_no_signature_would_count(make_report):
    changed = replace(
        make_report(MEASURED), verdict=replace(make_report(MEASURED).verdict, blocked=("the policy changed.",), policy="sha256:1")
    )
    assert changed.headline == "Everything measured passes, but the policy changed."
    assert changed.next_step == "gonogo policy"
    signed = make_report(MEASURED | {"approve-product": (Outcome.STALE, "signed, but the log was cut")})
    cut = replace(signed, verdict=replace(signed.verdict, blocked=("the log was cut.",)))
    assert cut.next_step == "mend what is said above, then gonogo check"


def test_the_first_signature_of_all_is_asked_for_it_pins_the_policy(make_report):
    first = replace(make_report(MEASURED), verdict=replace(make_report(MEASURED).verdict, blocked=("no policy is pinned yet.",)))
    assert first.headline == "Everything measured passes; 2 signatures are missing."
    assert first.next_step == "gonogo sign technical-lead, gonogo sign product-owner"


def test_where_nobody_has_a_role_that_signs_a_key_is_made_first(make_report):
    report = replace(make_report(MEASURED), unmanned=("product-owner",))
    assert report.next_step == "gonogo key new NAME --role product-owner, then gonogo check"


@pytest.mark.parametrize("render", [partial(render_text, color=False), render_markdown, render_html], ids=["text", "markdown", "html"])
def test_what_was_not_measured_for_want_of_an_input_is_not_repaired_as_if_it_had_failed(make_report, render):
    items = tuple(replace(item, remedy="Go back at once.") for item in make_report().checklist.items)
    missing = (Outcome.ERROR, "input endpoint: the service asks for a key.")
    report = make_report(MEASURED | {"model-outputs": missing}, items=items)
    [entry] = [entry for entry in report.entries if entry.item.id == "model-outputs"]
    assert (bool(entry.obstacle), entry.remedy) == (True, "")
    failed = make_report(MEASURED | {"model-outputs": (Outcome.FAIL, "no")}, items=items)
    assert render(failed).count("Go back at once") == render(report).count("Go back at once") + 1
    stale = make_report(MEASURED | {"model-outputs": (Outcome.STALE, "changed since it was measured: model")}, items=items)
    assert render(stale).count("Go back at once") == render(report).count("Go back at once")


def test_a_failed_measurement_is_explained_also_while_nothing_counts(report):
    void = replace(report, verdict=replace(report.verdict, blocked=("the policy changed.",), policy="sha256:1"))
    assert void.next_step == "gonogo explain model-quality"


def test_a_conditional_item_wants_an_answer_before_a_signature(make_report):
    items = tuple(replace(item, kind="conditional") if item.id == "approve-product" else item for item in make_report().checklist.items)
    report = make_report(MEASURED, items=items)
    assert report.headline == "2 of 9 items block the release."
    assert report.next_step == "gonogo explain approve-product"


def test_a_sign_off_that_said_no_is_explained_not_asked_for_again(make_report):
    report = make_report(MEASURED | {"approve-product": (Outcome.FAIL, "rejected by ben")})
    assert report.next_step == "gonogo explain approve-product"


def test_a_failed_measurement_is_explained_before_anybody_is_asked_to_sign(report):
    assert report.next_step == "gonogo explain model-quality"


def test_a_requirement_that_nobody_judged_is_not_met(report):
    (stale,) = [entry for entry in report.entries if entry.item.id == "latency"]
    assert requirement_lines(stale) == (("p95 < 50 ms", "not judged", False),)


def test_a_reason_is_not_said_twice(report):
    entries = {entry.item.id: entry for entry in report.entries}
    assert reason_beyond(entries["model-quality"]) == ""
    assert reason_beyond(entries["latency"]) == "the model file changed after it was measured"


@pytest.mark.parametrize(
    ("fact", "text"),
    [
        (Fact(0.97654, n=55589, low=0.974, high=0.979, level=0.95), "0.9765 (0.974 to 0.979 at 95%), n = 55,589"),
        (Fact(2.6, "ms"), "2.6 ms"),
        (Fact(55589, "rows"), "55,589 rows"),
        (Fact(True), "yes"),
        (Fact("onnx"), "onnx"),
        (Fact("nan"), "nan"),
        (Fact(float("nan")), "nan"),
        (Fact(float("-inf"), "ms"), "-inf"),
        (Fact(3.5, "furlongs"), "3.5 furlongs"),
    ],
)
def test_a_fact_is_said_with_its_unit_interval_and_samples(fact, text):
    assert fact_text(fact) == text


@given(st.text())
def test_printable_text_holds_no_character_that_moves_a_cursor_or_turns_the_reading(text):
    shown = printable(text)
    assert len(shown) == len(text)
    assert not any(character in shown for character in "\x1b\r\n\x00\x07\x08\x9b\u202e\u2066\u200b")


@pytest.mark.parametrize(
    "render", [partial(render_text, color=False, width=400), render_markdown, render_html], ids=["text", "markdown", "html"]
)
def test_every_report_shows_what_the_pack_asks_beside_what_this_project_demands_and_why(make_report, render):
    report = make_report()
    changed = replace(report.checklist.item("model-quality"), pack_demand="mandatory quality(): roc_auc > 0.99", reason="a hard task")
    items = tuple(changed if item.id == changed.id else item for item in report.checklist.items)
    checklist = replace(report.checklist, items=items, overrides={"model-quality": ("require",)})
    said = render(replace(report, checklist=checklist)).replace("&gt;", ">").replace("\\", "")
    assert "require; the pack asks mandatory quality(): roc_auc > 0.99; reason: a hard task" in said
    assert "the pack asks" not in render(report)
