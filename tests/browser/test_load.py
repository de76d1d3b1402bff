"""The page of a load test in a real browser: on a telephone and on a desk, light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from browsing import FAINT, OUTSIDE, SCREENSHOTS
from gonogo.reports.load import render_load_html

pytestmark = pytest.mark.xdist_group("browser")

CURVE = [[0.0, 0.4], [0.5, 1.25], [0.9, 2.0], [0.95, 2.5], [0.99, 8.0], [0.999, 14.0], [1.0, 20.0]]
DOCUMENT: dict[str, Any] = {
    "target": "https://service.internal.example:8443/" + "long" * 30, "release": "late-arrivals@1.0.0", "good": False, "requests": 100000,
    "concurrency": 100, "errors": 12, "error_kinds": {"status 503": 11, "wrong golden scores": 1}, "p50_ms": 1.25, "p95_ms": 2.5,
    "p99_ms": 8.0, "mean_ms": 1.5, "max_ms": 20.0, "throughput": 498.5, "seconds": 200.0, "answers_compared": 90000,
    "max_answer_difference": 3e-8, "memory_mb": 104.4, "golden_checked": 10000, "golden_wrong": 1, "rate": 500.0, "behind_ms": 0.21,
    "warm_up": {"requests": 400, "stable": True, "medians_ms": []}, "releases": {"late-arrivals@1.0.0": 90000, "late-arrivals@1.1.0": 9988},
    "intervals": {"p50_ms": [1.2, 1.3], "p95_ms": [2.4, 2.7], "p99_ms": [7.0, 8.8]}, "curve": CURVE,
    "baseline": {"p50_ms": 1.0, "p95_ms": 2.0, "p99_ms": 4.0, "curve": [[share, 0.7 * ms] for share, ms in CURVE]},
}  # fmt: skip


@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_can_be_read_and_shows_its_curve(width: int, scheme: Any, browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "load.html"
    file.write_text(render_load_html(DOCUMENT), encoding="utf-8")
    with browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme) as context:
        page = context.new_page()
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.goto(file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(OUTSIDE) == []
        assert page.evaluate(FAINT) == []
        assert page.locator("svg.picture").bounding_box()["width"] > 300
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"load-{width}-{scheme}.png", full_page=True)
    assert problems == []
