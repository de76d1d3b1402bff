"""A load test for people: what was sent, the quantiles with their intervals, what was wrong."""

from __future__ import annotations

import re
from typing import Any

from gonogo.reports.load import render_load_html, render_load_text

DOCUMENT: dict[str, Any] = {
    "target": "http://127.0.0.1:8400", "good": True,
    "release": "small@1.0.0", "requests": 1000, "concurrency": 100, "errors": 0, "error_kinds": {},
    "p50_ms": 1.25, "p95_ms": 2.5, "p99_ms": 8.0, "mean_ms": 1.5, "max_ms": 20.0, "throughput": 41234.5, "seconds": 0.02,
    "answers_compared": 700, "max_answer_difference": 0.0, "memory_mb": 104.4, "golden_checked": 100, "golden_wrong": 0, "rate": None,
    "behind_ms": None, "warm_up": {"requests": 400, "stable": True, "medians_ms": [2.0, 1.3, 1.3, 1.2]}, "releases": {"small@1.0.0": 1000},
    "intervals": {"p50_ms": [1.2, 1.3], "p95_ms": [2.4, 2.7], "p99_ms": [7.0, None]}, "baseline": None,
    "curve": [[0.0, 0.5], [0.5, 1.25], [0.99, 8.0], [1.0, 20.0]],
}  # fmt: skip
BASELINE = {"p50_ms": 1.0, "p95_ms": 2.0, "p99_ms": 4.0, "curve": [[0.0, 0.4], [0.5, 1.0], [1.0, 9.0]]}


def test_the_text_says_how_it_was_sent_and_how_long_it_took() -> None:
    text = render_load_text(DOCUMENT)
    assert "1,000 requests from 100 clients, each waiting for its answer (closed loop)" in text
    assert "0 errors, 41,234 right answers a second" in text
    assert re.search(r"P50 +1\.25 ms +95 %: 1\.20 to 1\.30", text)
    assert re.search(r"P99 +8\.00 ms +95 %: above 7\.00", text)
    assert "700 answers to rows that had one already: the same" in text
    assert "100 golden requests: none with other scores than sealed" in text
    assert "400 requests before, to warm up: the median was stable" in text


def test_a_schedule_errors_and_the_sealed_baseline_are_said() -> None:
    text = render_load_text(
        {
            **DOCUMENT, "good": False,
            "rate": 500.0, "behind_ms": 0.12, "errors": 7, "error_kinds": {"status 503": 4, "wrong golden scores": 3},
            "baseline": BASELINE, "max_answer_difference": "inf", "golden_wrong": 3, "releases": {"small@1.0.0": 900, "small@1.1.0": 93},
        }
    )  # fmt: skip
    assert "at 500 a second by a schedule over 100 connections at most (open loop)" in text
    assert "the schedule was kept within 0.12 ms for 99 of 100 requests" in text
    assert "✗ 4 × status 503" in text
    assert "sealed: 2.00 ms" in text
    assert "of another label or class" in text
    assert "3 with other scores than sealed" in text
    assert "answered by small@1.0.0 (900), small@1.1.0 (93)" in text


def test_answers_that_differ_are_no_success() -> None:
    text = render_load_text({**DOCUMENT, "good": False, "max_answer_difference": 2e-6})
    assert "✗ one row got answers that differ by more than 1e-6" in text
    assert 'class="banner no-go"' in render_load_html({**DOCUMENT, "good": False, "max_answer_difference": 2e-6})


def test_a_load_test_of_an_older_format_is_a_baseline_without_a_curve() -> None:
    page = render_load_html({**DOCUMENT, "baseline": {"p50_ms": 1.0, "p95_ms": 2.0, "p99_ms": 4.0}})
    assert page.count("<polyline") == 1
    assert "<td>4.00</td>" in page


def test_the_page_has_the_curve_beside_the_sealed_one_and_loads_nothing() -> None:
    page = render_load_html({**DOCUMENT, "baseline": BASELINE})
    assert page.count("<polyline") == 2
    assert "as sealed" in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    assert not re.search(r"<script|src=|@import|url\(", page)


def test_what_others_wrote_is_escaped() -> None:
    page = render_load_html({**DOCUMENT, "target": "http://127.0.0.1/<script>", "errors": 1, "error_kinds": {"<b>\x1b[2J": 1}})
    assert "<script>" not in page
    assert "&lt;b&gt;" in page
    assert "\x1b" not in page
    assert "\x1b" not in render_load_text({**DOCUMENT, "error_kinds": {"\x1b[2J": 1}})
