"""The report for a job summary or a comment: whole, and deaf to what strangers write into it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from gonogo.reports.markdown import code, prose, render_markdown
from gonogo.verdict.outcome import ItemResult, Outcome

HOSTILE = (
    "# h\n- x\r\n> q | a | b | `` ` ``` <script>alert(1)</script> "
    "![i](http://x/y.png) [l](javascript:z) **b** @admins #123 &lt; \\| $x$ :tada:"
)


def rendered(text: str) -> str:
    return MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(text)


def tags(text: str) -> Counter[str]:
    """How often each kind of token and each HTML stands in the document, text itself left out."""
    found: Counter[str] = Counter()
    for token in MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(text):
        found[token.type] += 1
        found.update(child.type for child in token.children or () if child.type != "text")
    return found


def test_the_document_says_verdict_counts_and_every_item(report):
    html = rendered(render_markdown(report))
    assert "<h1>✗ late-arrivals: NO-GO</h1>" in html
    assert "6 of 9 items block the release." in html
    for entry in report.entries:
        assert f"<code>{entry.item.id}</code>" in html
        assert entry.item.statement in html


def test_a_failure_says_required_measured_why_and_how_to_repair(report):
    text = render_markdown(report)
    block = text[text.index("### ✗ FAIL ROC-AUC") : text.index("### ! ERROR")]
    for expected in ("`roc_auc > 0.95 with confidence 95%`", "`roc_auc = 0.9466", "Why it matters: Below it", "Repair: Train on more"):
        assert expected in block
    assert "Found: `October is worse than November`" in block


def test_where_an_input_is_missing_its_reason_stands_and_not_every_requirement_that_could_not_be_judged(make_report):
    text = render_markdown(make_report({"model-outputs": (Outcome.ERROR, "input test: data.test is not there. Write it.")}))
    block = text[text.index("### ! ERROR") : text.index("### ↻ STALE")]
    assert "Reason: input test: data.test is not there. Write it." in block
    assert "| required |" not in block


def test_the_digests_that_were_signed_stand_in_full(report):
    text = render_markdown(report)
    for digest in (report.verdict.subject, report.verdict.checklist_digest, report.verdict.evidence_digest):
        assert f"`{digest}`" in text


def hostile(make_report, words: str):
    report = make_report()
    changes = {"statement": words, "why": words, "remedy": words, "section": words, "rows": (words,), "words": {"FAIL": words}}
    changes |= {"pack_demand": words, "reason": words}
    items = tuple(replace(item, **changes) for item in report.checklist.items)
    quality = replace(report.evidence["model-quality"], findings=(words,))
    made = make_report(items=items, evidence={"model-quality": quality}, notes=(words,), subject=words)
    results = []
    for result in made.verdict.items:
        pairs = tuple({**pair, "required": words, "measured": words, "reason": words} for pair in result.requirements)
        results.append(ItemResult(result.item, result.outcome, words, pairs, words, result.mandatory))
    verdict = replace(made.verdict, items=tuple(results), system=words)
    checklist = replace(made.checklist, title=words, overrides={"model-quality": (words,)})
    return replace(made, system=words, verdict=verdict, checklist=checklist)


def test_hostile_words_change_nothing_in_the_structure_of_the_document(make_report):
    plain = render_markdown(hostile(make_report, "plain words"))
    assert tags(render_markdown(hostile(make_report, HOSTILE))) == tags(plain)


def test_no_tag_link_or_picture_of_a_stranger_gets_through(make_report):
    html = rendered(render_markdown(hostile(make_report, HOSTILE)))
    assert "<script" not in html
    assert "<img" not in html
    assert "<a " not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize("text", ["", "`", "``", "a`b", "`a", "a``b`", " a ", "a|b", "\n\n", "\\`"])
def test_a_code_span_holds_any_text_and_ends_where_it_should(text):
    (inline,) = [token for token in MarkdownIt("commonmark").parse(f"x {code(text)} y") if token.type == "inline"]
    assert [child.type for child in inline.children or ()] == ["text", "code_inline", "text"]


@pytest.mark.parametrize("text", ["@admins", "#123", "ana@example.org", "see #4 and @x", "www.example.org"])
def test_nobody_is_called_and_no_issue_is_referred_to(text):
    assert "\u2060" in prose(text)
    marked = re.sub("(@|#|www)", "\\1\u2060", text)
    assert rendered(f"x {prose(text)}") == f"<p>x {marked}</p>\n"


def test_a_report_that_is_go_names_nothing_in_the_way(all_good):
    text = render_markdown(all_good)
    assert "# ✓ late-arrivals: GO" in text
    assert "What stands in the way" not in text
