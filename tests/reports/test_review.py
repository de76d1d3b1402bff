"""A review's report says WELL or NOT WELL, of which release and time, with pictures, or in words where none can be drawn."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from gonogo.base.clock import stamp
from gonogo.checklist.items import Checklist, Item, Review
from gonogo.evidence.check import options_digest
from gonogo.evidence.record import Evidence, Fact
from gonogo.reports.html import render_html
from gonogo.reports.markdown import render_markdown
from gonogo.reports.review import ReviewReport, render_review_json, render_reviews_text
from gonogo.reports.text import Paint, render_text
from gonogo.verdict.judge import judge

NOW = datetime(2026, 6, 2, tzinfo=UTC)
LIVE = datetime(2026, 6, 1, 6, tzinfo=UTC)
SUBJECT = "sha256:" + "a" * 64
POINTS = [{"time": f"2026-06-01T{hour:02}:00:00.000Z", "value": 3.0 + hour, "n": 7} for hour in range(6, 20)]
PICTURES = {
    "latency": {"kind": "series", "title": "Latency", "unit": "ms", "since": stamp(LIVE), "until": stamp(NOW), "lines": {"p95": POINTS}},
    "drift": {"kind": "bars", "title": "PSI against the baseline", "items": [{"name": "<b>amount</b>", "value": 0.3}]},
}


def report(value: float, *, signed: bool = False) -> ReviewReport:
    items = [Item("day-latency", "Service", "It is quick.", check="traffic", require=("p95 <= 50 ms",))]
    items += [Item("day-read", "Read", "Somebody has read it.", sign_off="lead")] if signed else []
    checklist = Checklist("c-day", "A day in service", "1.0.0", "2026-01-01", tuple(items))
    inputs = {"passed": "sha256:" + "b" * 64}
    facts = {"p95": Fact(value, "ms", n=1000, low=value - 1, high=value + 1, level=0.95)}
    evidence = Evidence(
        "day-latency",
        "traffic",
        options_digest({}),
        inputs,
        "measured",
        facts,
        ("1,000 requests",),
        "",
        {},
        "",
        stamp(LIVE),
        stamp(NOW),
        PICTURES,
    )
    verdict = judge(
        checklist, system="shop", subject=SUBJECT, evidence={"day-latency": evidence}, current_inputs={"day-latency": inputs}, sign_offs=[],
        answers={}, now=NOW,
    )  # fmt: skip
    return ReviewReport.of(verdict, Review("day", checklist), {"day-latency": evidence}, release="shop@1.0.0", now=NOW, live_since=LIVE)


def test_a_well_day_says_so_with_its_release_and_time_in_every_form() -> None:
    made = report(20.0)
    assert (made.word, made.since, made.until) == ("WELL", stamp(LIVE), stamp(NOW))
    for text in (render_text(made, color=False), render_markdown(made), render_html(made)):
        assert "WELL" in text
        assert "NOT WELL" not in text
        assert "shop@1.0.0" in text
    document = render_review_json(made)
    assert (document["status"], document["review"]["period"], document["review"]["seconds"]) == ("WELL", "day", 86400.0)
    json.dumps(document, allow_nan=False)


def test_a_day_that_is_not_well_says_what_is_required_and_measured_and_what_to_type() -> None:
    made = report(80.0)
    text = render_text(made, color=False)
    assert "shop  NOT WELL  1 of 1 items are not well" in text
    assert "p95 <= 50 ms" in text
    assert "gonogo review run day" in text
    assert "gonogo release" not in text
    assert "What is not well" in render_html(made)


def test_what_only_lacks_a_signature_asks_for_it() -> None:
    made = report(20.0, signed=True)
    assert (made.word, made.next_step) == ("NOT WELL", "gonogo review sign day lead")
    assert "somebody has yet to sign" in made.headline


def test_pictures_are_in_the_page_and_in_words_in_markdown_and_strangers_words_are_text() -> None:
    made = report(20.0)
    page = render_html(made)
    assert page.count("<svg") >= 2
    assert "<script" not in page
    assert "<b>amount</b>" not in page
    words = render_markdown(made)
    assert "## What was measured, in words" in words
    assert "PSI against the baseline" in words
    assert "<b>" not in words


@pytest.mark.parametrize(
    ("state", "due"),
    [("overdue", "2026-06-01T00:00:00.000Z"), ("later", "2026-06-09T00:00:00.000Z"), ("no more", None), ("nothing is live", None)],
)
def test_the_list_says_how_the_last_one_was_and_when_the_next_one_is_due(state: str, due: str | None) -> None:
    last = {"well": False, "time": "2026-05-31T00:00:00.000Z", "release": "shop@1.0.0", "findings": ["day-latency: FAIL"]}
    row = {"period": "day", "title": "A day", "state": state, "due": due, "last": last}
    text = render_reviews_text([row, {**row, "period": "week", "last": None}], Paint(color=False))
    assert state in text
    assert "NOT WELL" in text
    assert "day-latency: FAIL" in text
    assert "not made yet" in text
    assert (due or "") in text
