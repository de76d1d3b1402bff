"""The page of a report in a real browser: on a telephone and on a desk, light and dark. Screenshots are kept in `.cache/screenshots`."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser

import reported
from browsing import FAINT, OUTSIDE, SCREENSHOTS, Opened, executable
from gonogo.reports.html import render_html
from gonogo.reports.report import Report

pytestmark = pytest.mark.xdist_group("browser")

WIDTHS = (390, 1400)
SCHEMES = ("light", "dark")
PAGES = [*(f"full-{width}-{scheme}" for width in WIDTHS for scheme in SCHEMES), *(f"long-{width}-light" for width in WIDTHS)]


def long_words() -> Report:
    """Every text of the report is one word without a place to break it."""
    report = reported.full_report()
    word = "unbreakable" * 30
    items = tuple(
        replace(
            item, id=f"{item.id}-{'x' * 200}", statement=word, why=word, remedy=word, section=f"{item.section}{word}", words={"FAIL": word}
        )
        for item in report.checklist.items
    )
    quality = replace(report.evidence["model-quality"], findings=(word,), message=word)
    results = tuple(
        replace(result, item=item.id, reason=word, requirements=({"required": word, "measured": word, "met": False, "reason": word},))
        for item, result in zip(items, report.verdict.items, strict=True)
    )
    verdict = replace(report.verdict, items=results, system=word, notes=(word,))
    checklist = replace(report.checklist, items=items, title=word, overrides={items[0].id: (word,)})
    return replace(report, system=word, verdict=verdict, checklist=checklist, evidence={items[1].id: quality})


class ReportPage(Opened):
    def open_everything(self) -> None:
        self.page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true; })")


@pytest.fixture
def opened(request: pytest.FixtureRequest, browser: Browser, tmp_path: Path) -> Iterator[ReportPage]:
    name, width, scheme = request.param.split("-")
    file = tmp_path / "report.html"
    file.write_text(render_html(long_words() if name == "long" else reported.full_report()), encoding="utf-8")
    made = ReportPage(browser, file.as_uri(), int(width), scheme)
    yield made
    made.context.close()


@pytest.mark.parametrize("opened", PAGES, indirect=True)
def test_nothing_sticks_out_nothing_is_too_faint_and_nothing_goes_wrong(opened: ReportPage, request: pytest.FixtureRequest) -> None:
    page = opened.page
    for _ in ("as it opens", "with everything unfolded"):
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.evaluate(OUTSIDE)
        assert page.evaluate(OUTSIDE) == []
        opened.open_everything()
    assert page.evaluate(FAINT) == []
    assert opened.problems == []
    assert [url for url in opened.requested if not url.startswith("file://")] == []
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    file = SCREENSHOTS / f"report-{request.node.callspec.params['opened']}.png"
    page.screenshot(path=file, full_page=True)
    width, height = struct.unpack(">II", file.read_bytes()[16:24])
    assert width == page.viewport_size["width"]  # type: ignore[index]
    assert height > 900


def test_dark_is_dark_and_light_is_light(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(render_html(reported.full_report()), encoding="utf-8")
    brightness = {}
    for scheme in SCHEMES:
        opened = ReportPage(browser, file.as_uri(), 390, scheme)
        color = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
        brightness[scheme] = sum(int(part) for part in color.strip("rgb()").split(","))
        opened.context.close()
    assert brightness["dark"] < 200
    assert brightness["light"] > 600


@pytest.mark.parametrize("opened", ["full-390-light"], indirect=True)
def test_an_item_unfolds_at_a_tap_and_links_lead_to_it(opened: ReportPage) -> None:
    item = opened.page.locator("#item-tests-pass")
    assert not item.locator("table.facts").is_visible()
    item.locator("summary").first.click()
    assert item.locator("table.facts").is_visible()
    opened.page.locator('a[href="#item-model-quality"]').first.click()
    assert opened.page.url.endswith("#item-model-quality")


def test_a_missing_browser_skips_on_a_laptop_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="make servers"):
        executable()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no Chromium"):
        executable()
