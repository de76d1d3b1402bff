"""Every pack of the product in every report: with nothing done nothing is approved, with everything done all scores are full."""

from __future__ import annotations

import json

import pytest

from gonogo.checklist.items import Pack
from gonogo.checklist.load import bundled_packs
from gonogo.reports.form import BLANK, render_form
from gonogo.reports.html import render_html
from gonogo.reports.json import render_json
from gonogo.reports.junit import render_junit
from gonogo.reports.markdown import render_markdown
from gonogo.reports.report import Report
from gonogo.reports.sarif import render_sarif
from gonogo.reports.text import render_text
from gonogo.verdict.outcome import Decision, ItemResult, Outcome, Verdict
from gonogo.verdict.sign_off import SignOff

PACKS = bundled_packs()
SUBJECT, EVIDENCE = "sha256:" + "5" * 64, "sha256:" + "9" * 64
TIME = "2026-11-21T03:00:00.000Z"


def report(pack: Pack, outcome: Outcome, decision: Decision) -> Report:
    results = tuple(ItemResult(item.id, outcome, "because", mandatory=item.kind == "mandatory") for item in pack.gate.items)
    return Report("small", Verdict("small", decision, SUBJECT, pack.gate.digest, EVIDENCE, results, TIME), pack.gate, {}, TIME)


def signatures(pack: Pack, decision: str) -> list[SignOff]:
    items = {role: tuple(item.id for item in pack.gate.items if item.sign_off == role) for role in pack.roles}
    return [
        SignOff(role, f"Person of {role}", "k", names, SUBJECT, EVIDENCE, pack.gate.digest, decision, "read it", TIME)  # type: ignore[arg-type]
        for role, names in items.items()
        if names
    ]


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.name)
@pytest.mark.parametrize("outcome", [Outcome.NOT_RUN, Outcome.STALE, Outcome.FAIL])
def test_with_nothing_done_no_report_says_go_and_no_form_is_signed_or_approved(pack: Pack, outcome: Outcome) -> None:
    open_ = report(pack, outcome, Decision.NO_GO)
    for text in (
        render_html(open_),
        json.dumps(render_json(open_)),
        render_junit(open_),
        render_markdown(open_),
        json.dumps(render_sarif(open_, "gonogo.yaml")),
        render_text(open_, color=False),
    ):
        assert "NO-GO" in text
    form = render_form(open_, pack.form, signatures(pack, "reject" if outcome is Outcome.FAIL else "approve"))
    assert "APPROVED" not in form.replace("NOT APPROVED", "")
    if outcome is not Outcome.FAIL and open_.sign_offs:
        assert BLANK in form
        assert "Person of" not in form
    assert [score.total for score in open_.scores] == [0.0] * len(open_.scores)


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.name)
def test_with_everything_done_every_phase_has_passed_and_the_form_names_who_signed(pack: Pack) -> None:
    done = report(pack, Outcome.PASS, Decision.GO)
    assert {phase.status for phase in done.phases if phase.items} <= {"passed"}
    form = render_form(done, pack.form, signatures(pack, "approve"))
    assert BLANK not in form
    for role in {entry.item.sign_off for entry in done.sign_offs}:
        assert f"Person of {role}" in form
    for score in done.scores:
        if score.name == "Readiness":
            assert score.total == score.most == 100
