"""The page: whole, self-contained, and deaf to hostile words."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from gonogo.evidence.record import Fact
from gonogo.reports.html import prose, render_html, when
from gonogo.verdict.outcome import ItemResult, Outcome

VOID = {"meta", "br", "img", "link", "input", "hr"}
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"' onmouseover='alert(3)' {{ 7 * 7 }} </style></svg>\033[2J"


class Page(HTMLParser):
    """Checks while it reads that every tag is closed, and collects what a page could do."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.words = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        self.ids += [value for name, value in attributes if name == "id"]
        self.links += [value for name, value in attributes if name in ("href", "src", "action", "xlink:href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data


def test_the_page_says_verdict_counts_and_every_item(report):
    words = Page(render_html(report)).words
    assert "NO-GO" in words
    assert "6 of 9 items block the release." in words
    for entry in report.entries:
        assert entry.item.statement in words
        assert entry.item.id in words


def test_a_failure_says_required_measured_why_and_how_to_repair(report):
    html = render_html(report)
    card = html[html.index('aria-label="model-quality"') :]
    card = Page(card[card.index(">") + 1 : card.index("</section>")]).words
    for expected in ("roc_auc > 0.95 with confidence 95%", "roc_auc = 0.9466", "Below it the desk is wrong", "Train on more months."):
        assert expected in card


def test_the_digests_that_were_signed_stand_in_full(report):
    words = Page(render_html(report)).words
    for digest in (report.verdict.subject, report.verdict.checklist_digest, report.verdict.evidence_digest):
        assert digest in words
    assert report.evidence["model-quality"].digest in words


def test_nothing_is_loaded_from_elsewhere_and_nothing_runs(report):
    html = render_html(report)
    page = Page(html)
    assert not page.tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    assert all(link.startswith("#") for link in page.links)
    assert not any(name.startswith("on") for name in page.attributes)
    assert not re.search(r"https?://|url\(|@import", html)
    assert "default-src 'none'" in html


def test_every_inner_link_leads_somewhere_and_ids_are_unique(report):
    page = Page(render_html(report))
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links} <= set(page.ids)


def hostile_report(make_report):
    report = make_report()
    items = tuple(
        replace(item, statement=HOSTILE, why=HOSTILE, remedy=HOSTILE, section=HOSTILE, rows=(HOSTILE,)) for item in report.checklist.items
    )
    quality = replace(
        report.evidence["model-quality"],
        findings=(HOSTILE,),
        message=HOSTILE,
        facts={HOSTILE: Fact(HOSTILE)},
        inputs={HOSTILE: HOSTILE},
        tools={HOSTILE: HOSTILE},
        isolation=HOSTILE,
        pictures={
            HOSTILE: {"kind": "bars", "title": HOSTILE, "items": [{"name": HOSTILE, "value": 1}]},
            "matrix": {"kind": "confusion_matrix", "title": HOSTILE, "labels": [HOSTILE, "b"], "counts": [[1, 2], [3, 4]]},
            "bins": {"kind": "histogram", "title": HOSTILE, "labels": [HOSTILE], "series": {HOSTILE: [1]}},
        },
    )
    hostile = make_report(items=items, evidence={"model-quality": quality}, notes=(HOSTILE,), subject=HOSTILE)
    results = tuple(replace(result, reason=HOSTILE) for result in hostile.verdict.items)
    results = (replace(results[0], requirements=({"required": HOSTILE, "measured": HOSTILE, "met": False},)), *results[1:])
    return replace(hostile, system=HOSTILE, generated=HOSTILE, verdict=replace(hostile.verdict, items=results, system=HOSTILE))


def test_hostile_words_of_a_pack_a_check_or_a_person_stay_words(make_report):
    html = render_html(hostile_report(make_report))
    page = Page(html)
    assert not page.tags & {"script", "img"}
    assert not any(name.startswith("on") for name in page.attributes)
    assert "<script>alert(1)</script>" in page.words
    assert "{{ 7 * 7 }}" in page.words
    assert "\033" not in html


def test_a_hostile_item_name_stays_inside_its_link(make_report):
    report = make_report()
    name = "x\" onclick='alert(1)'><b>"
    item = replace(report.checklist.items[-1], id=name)
    results = (*report.verdict.items[:-1], ItemResult(name, Outcome.NOT_RUN, "nobody"))
    checklist = replace(report.checklist, items=(*report.checklist.items[:-1], item))
    page = Page(render_html(replace(report, checklist=checklist, verdict=replace(report.verdict, items=results))))
    assert "onclick" not in page.attributes
    assert name in page.words


def test_a_go_has_no_list_of_what_stands_in_the_way(all_good):
    page = Page(render_html(all_good))
    assert "blocking" not in page.ids
    assert "All 9 items are satisfied." in page.words


def test_without_a_bundle_the_page_says_so(make_report):
    words = Page(render_html(make_report(subject=None, evidence={}))).words
    assert "none could be built" in words
    assert "There is no evidence." in words


def test_each_picture_is_shown_once_with_its_words(report):
    page = Page(render_html(report))
    assert render_html(report).count("<svg") == len(report.evidence["model-quality"].pictures) == 6
    for words in ("51,600 predicted in time", "A dot on the diagonal keeps its promise", "Area 0.9466", "dep_delay 0.41", "P99 5.44 ms"):
        assert words in page.words


def test_items_that_share_a_check_do_not_repeat_its_pictures(make_report):
    report = make_report()
    twice = {**report.evidence, "tests-pass": replace(report.evidence["model-quality"], item="tests-pass")}
    assert render_html(make_report(evidence=twice)).count("<svg") == 6


def test_a_picture_that_cannot_be_drawn_does_not_break_the_page(make_report):
    report = make_report()
    broken = replace(report.evidence["model-quality"], pictures={"a": {"kind": "roc", "points": "?"}, "b": None, "c": {"kind": "new"}})
    assert render_html(make_report(evidence={"model-quality": broken})).count("<svg") == 0


def test_the_page_fits_a_phone_by_its_styles(report):
    html = render_html(report)
    assert 'name="viewport" content="width=device-width' in html
    assert "prefers-color-scheme: dark" in html
    assert not re.search(r"[^-]min-width:\s*(?!0|4px)\d", html)
    assert "white-space: pre;" not in html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("run `gonogo check` now", "run <code>gonogo check</code> now"),
        ("one ` alone", "one ` alone"),
        ("`<b>` & <i>", "<code>&lt;b&gt;</code> &amp; &lt;i&gt;"),
        ("", ""),
    ],
)
def test_what_stands_between_backticks_is_code_and_everything_is_escaped(text, html):
    assert prose(text) == html


def test_a_time_is_told_for_people_and_what_is_no_time_is_left():
    assert when("2026-11-21T03:00:02.123Z") == "2026-11-21 03:00:02 UTC"
    assert when("yesterday") == "yesterday"


def test_how_good_the_model_is_comes_before_the_other_pictures(make_report):
    report = make_report()
    quality = report.evidence["model-quality"]
    swapped = replace(quality, pictures=dict(reversed(quality.pictures.items())))
    words = Page(render_html(make_report(evidence={**report.evidence, "model-quality": swapped}))).words
    assert words.index("Confusion matrix") < words.index("ROC curve") < words.index("What the model looks at")


def test_whether_a_requirement_is_met_is_a_sign_and_not_a_colour_alone(report):
    html = " ".join(render_html(report).split())
    assert 'class="bad">✗ roc_auc' in html


def test_the_outcome_of_an_item_is_heard_on_a_telephone_too(report):
    assert ".chip { display: none" not in render_html(report)
