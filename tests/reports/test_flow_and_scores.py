"""Phases, scores, waivers and the sources' own words stand in every report; and a score opens nothing in any of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from gonogo.reports.html import render_html
from gonogo.reports.json import render_json
from gonogo.reports.junit import render_junit
from gonogo.reports.markdown import render_markdown
from gonogo.reports.report import Report
from gonogo.reports.sarif import render_sarif
from gonogo.reports.text import render_text
from gonogo.verdict.outcome import Outcome

FORMATS: dict[str, Callable[[Report], str]] = {
    "html": lambda report: re.sub(r"<[^>]+>", " ", render_html(report).split("</style>")[1]),
    "json": lambda report: json.dumps(render_json(report)),
    "junit": render_junit,
    "markdown": render_markdown,
    "sarif": lambda report: json.dumps(render_sarif(report, "gonogo.yaml")),
    "text": lambda report: render_text(report, color=False),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_report_says_phases_scores_and_what_is_waived(full_report, name):
    text = " ".join(FORMATS[name](full_report).split())
    for expected in ("efore", "open", "waits", "Readiness", "ML Test Score", "until 2026-12-24 by ana"):
        assert expected in text


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("json", "sarif")])
def test_reports_for_people_say_that_a_score_opens_nothing(full_report, name):
    assert "never opens the gate" in " ".join(FORMATS[name](full_report).split())


@pytest.mark.parametrize("name", ["html", "markdown", "text", "junit", "sarif"])
def test_the_sources_own_word_stands_beside_the_outcome(full_report, name):
    assert "FAIL (DIRTY)" in " ".join(FORMATS[name](full_report).split())


def test_phases_are_passed_open_or_wait_for_an_open_one(full_report):
    assert [(phase.id, phase.status, phase.done, phase.items) for phase in full_report.phases] == [
        ("before", "open", 1, 3),
        ("release", "waits", 2, 5),
        ("after", "waits", 0, 1),
    ]
    results = tuple(replace(one, outcome=Outcome.PASS) for one in full_report.verdict.items[:3])
    later = replace(full_report, verdict=replace(full_report.verdict, items=(*results, *full_report.verdict.items[3:])))
    assert [phase.status for phase in later.phases] == ["passed", "open", "waits"]


@pytest.mark.parametrize("name", ["html", "markdown", "text"])
def test_what_blocks_is_told_with_its_section_remedy_and_the_command_to_repeat_it(full_report, name):
    text = " ".join(FORMATS[name](full_report).split())
    for expected in ("Train on more months.", "gonogo check --only model-quality", "gonogo sign technical-lead", "Model"):
        assert expected in text
    assert "45 min" in text


def test_a_full_score_leaves_a_refused_verdict_refused(full_report):
    items = tuple(replace(one, outcome=Outcome.PASS) for one in full_report.verdict.items)
    refused = replace(full_report, verdict=replace(full_report.verdict, items=items, blocked=("the policy changed.",)))
    assert refused.headline == "All 9 items are satisfied, but the policy changed."
    assert refused.scores[0].total == refused.scores[0].most
    for render in FORMATS.values():
        assert "NO-GO" in render(refused)
        assert "the policy changed." in render(refused)
