"""Whatever a pack, a check or a person says: a report stays what it is, and says it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from junitparser import JUnitXml
from markdown_it import MarkdownIt

import reported
from gonogo.checklist.items import Checklist
from gonogo.reports.form import render_form
from gonogo.reports.html import render_html
from gonogo.reports.junit import render_junit
from gonogo.reports.markdown import code, prose, render_markdown
from gonogo.reports.report import Report, printable
from gonogo.reports.sarif import render_sarif
from gonogo.reports.text import render_text
from gonogo.verdict.outcome import Outcome, Verdict
from gonogo.verdict.score import Score, ml_test_score, readiness

#: Text with what has a meaning in one of the formats far more often than by chance.
WORDS = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(
            [
                "`",
                "``",
                "|",
                "\\",
                "<b>",
                "&amp;",
                "](x)",
                "![",
                "**",
                "_",
                "#",
                "- ",
                "1. ",
                "> ",
                "~~~",
                "\n",
                "\r\n",
                "\u2028",
                "\x1b[2J",
                "{{",
                "]]>",
            ]
        ),
    ),
    max_size=8,
).map("".join)
PARSER = MarkdownIt("gfm-like", {"html": True, "linkify": False})


def said(words: str) -> Report:
    """The report in which every stranger says these words."""
    report = reported.full_report()
    items = tuple(replace(item, statement=words, why=words, remedy=words) for item in report.checklist.items)
    quality = replace(report.evidence["model-quality"], findings=(words,))
    results = tuple(replace(result, reason=words) for result in report.verdict.items)
    verdict = replace(report.verdict, items=results, notes=(words,))
    return replace(report, checklist=replace(report.checklist, items=items), verdict=verdict, evidence={"model-quality": quality})


@settings(max_examples=60)
@given(WORDS)
def test_every_format_can_be_written_and_read_again(words: str) -> None:
    report = said(words)
    JUnitXml.fromstring(render_junit(report).encode())
    json.dumps(render_sarif(report, "gonogo.yaml"), allow_nan=False).encode()
    for text in (render_text(report, color=False), render_form(report, "", []), render_html(report), render_markdown(report)):
        assert "NO-GO" in text
        assert "\x1b" not in text
        text.encode()


@given(WORDS)
def test_prose_is_one_run_of_text_in_a_paragraph_and_in_a_cell(words: str) -> None:
    for line in (f"x {prose(words)} y", f"| a |\n|---|\n| x {prose(words)} y |"):
        inlines = [token for token in PARSER.parse(line) if token.type == "inline" and token.content.startswith("x")]
        (inline,) = inlines
        assert {child.type for child in inline.children or ()} <= {"text", "text_special"}
        shown = "".join(child.content for child in inline.children or ()).replace("\u2060", "")
        assert shown.split() == f"x {printable(words)} y".replace("\u2060", "").split()


@given(WORDS)
def test_code_is_one_span_in_a_paragraph_and_in_a_cell(words: str) -> None:
    for line in (f"x {code(words)} y", f"| a |\n|---|\n| x {code(words)} y |"):
        (inline,) = [token for token in PARSER.parse(line) if token.type == "inline" and token.content.startswith("x")]
        assert [child.type for child in inline.children or ()] == ["text", "code_inline", "text"]


@given(
    st.lists(st.sampled_from(Outcome), min_size=9, max_size=9),
    st.integers(0, 8),
    st.sampled_from(sorted(set(Outcome) - {Outcome.PASS, Outcome.NOT_APPLICABLE})),
)
def test_a_pass_less_never_raises_a_score(outcomes: list[Outcome], which: int, worse: Outcome) -> None:
    report = reported.full_report()

    def totals(words: list[Outcome]) -> list[float]:
        results = tuple(replace(one, outcome=word) for one, word in zip(report.verdict.items, words, strict=True))
        verdict = replace(report.verdict, items=results)
        scorers: tuple[Callable[[Checklist, Verdict], Score | None], ...] = (readiness, ml_test_score)
        return [score.total for scorer in scorers if (score := scorer(report.checklist, verdict))]

    before = totals([Outcome.PASS if place == which else word for place, word in enumerate(outcomes)])
    after = totals([worse if place == which else word for place, word in enumerate(outcomes)])
    assert len(before) == len(after) == 2
    assert all(later <= earlier for later, earlier in zip(after, before, strict=True))
