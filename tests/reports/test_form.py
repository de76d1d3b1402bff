"""The sign-off form: filled in from evidence, never signed by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gonogo.errors import UsageError
from gonogo.reports.form import BLANK, render_form
from gonogo.verdict.outcome import Outcome
from gonogo.verdict.sign_off import SignOff

TEMPLATE = """\
Model: {{ system }}, AUC {{ fact("model-quality", "roc_auc") }}, target met: {{ outcome("model-quality") }}
Technical lead: {{ signed("technical-lead") }}
Status: {{ status }}
"""


def signature(report, decision: str = "approve", **changes) -> SignOff:
    verdict = report.verdict
    record = SignOff(
        "technical-lead", "Ana", "aa", ("approve-technical",), verdict.subject, verdict.evidence_digest, verdict.checklist_digest,
        decision, "not yet" if decision == "reject" else "", "2026-11-21T02:00:00.000Z",
    )  # fmt: skip
    return replace(record, **changes)


def test_nobody_has_signed_and_nothing_is_approved_before_somebody_did(report):
    text = render_form(report, TEMPLATE, [])
    assert f"Technical lead: {BLANK}" in text
    assert "Status: NOT APPROVED" in text
    assert "AUC 0.9466 (0.9441 to 0.9491 at 95%), n = 55,589, target met: FAIL" in text


def test_a_signature_that_the_verdict_does_not_count_is_not_shown(report):
    assert f"Technical lead: {BLANK}" in render_form(report, TEMPLATE, [signature(report)])


def test_an_approval_that_counts_is_shown_with_name_and_day(make_report):
    report = make_report({"approve-technical": (Outcome.PASS, "Ana approved")})
    text = render_form(report, TEMPLATE, [signature(report)])
    assert "Technical lead: Ana, 2026-11-21" in text
    assert "Status: NOT APPROVED" in text


def test_a_refusal_is_shown_with_its_reason_and_makes_the_form_rejected(make_report):
    report = make_report({"approve-technical": (Outcome.FAIL, "Ana refused")})
    text = render_form(report, TEMPLATE, [signature(report, "reject")])
    assert "Technical lead: REFUSED by Ana, 2026-11-21: not yet" in text
    assert "Status: REJECTED" in text


def test_a_go_is_approved(all_good):
    assert "Status: APPROVED" in render_form(all_good, TEMPLATE, [signature(all_good)])


def test_a_stale_measurement_is_not_printed_as_a_number(make_report):
    report = make_report({"model-quality": (Outcome.STALE, "another model")})
    assert "AUC not measured, target met: STALE" in render_form(report, TEMPLATE, [])


@pytest.mark.parametrize(
    "template",
    [
        "{{ nothing }}",
        "{{ signed('chef') }}",
        "{{ outcome('no-item') }}",
        "{{ fact('quality', 'no_fact') }}",
        "{{ phase('no-phase') }}",
        "{{ section('no section') }}",
        "{{ status",
        "{% for x in %}",
        "{{ ''.__class__.__mro__ }}",
        "{{ outcome() }}",
    ],
)
def test_a_form_with_a_hole_or_a_trick_in_it_is_refused(report, template):
    with pytest.raises(UsageError, match="cannot be filled in"):
        render_form(report, template, [])


def test_a_pack_without_a_form_gets_a_plain_one_with_every_section_and_role(report):
    text = render_form(report, "", [])
    for expected in ("Model", "technical-lead", "product-owner", "Waived: waived-docs", "NOT APPROVED", report.verdict.subject):
        assert expected in text


def test_words_of_strangers_are_escaped(make_report):
    report = make_report({"approve-technical": (Outcome.PASS, "x")})
    text = render_form(report, TEMPLATE, [signature(report, person="<b>Ana</b> | [x](y)")])
    assert "<b>" not in text
    assert "\\|" in text
    assert "[x](" not in text
