"""The page /docs in a real browser, asking a real service: it shows this model, asks /predict, and says what is wrong at the field."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from browsing import FAINT, OUTSIDE, SCREENSHOTS, Opened
from supervised import NEW, Service, serving

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module")
def service(sealed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("docs"), sealed) as running:
        yield running.start(NEW)  # it carries an explainer


class DocsPage(Opened):
    def predict(self) -> Any:
        """Press the button; the answer that the page then shows."""
        self.page.evaluate("document.getElementById('answer').replaceChildren()")
        with self.page.expect_response("**/predict*") as answered:
            self.page.get_by_role("button", name="Predict").click()
        self.page.wait_for_selector("#answer pre")
        assert json.loads(self.page.locator("#answer pre").inner_text()) == answered.value.json()
        return answered.value.json()


@pytest.fixture
def opened(request: pytest.FixtureRequest, browser: Browser, service: Service) -> Iterator[DocsPage]:
    width, scheme = getattr(request, "param", (390, "light"))
    made = DocsPage(browser, f"{service.url}/docs", width, scheme)
    yield made
    made.context.close()


@pytest.mark.parametrize("opened", [(w, s) for w in (390, 1400) for s in ("light", "dark")], indirect=True)
def test_nothing_sticks_out_nothing_is_too_faint_and_nothing_comes_from_elsewhere(
    opened: DocsPage, service: Service, request: pytest.FixtureRequest
) -> None:
    page = opened.page
    opened.predict()
    assert page.evaluate(OUTSIDE.replace("!e.closest('svg')", "!e.closest('svg') && !e.closest('pre')")) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(FAINT) == []
    assert opened.problems == []
    assert {url.partition("/docs")[0].partition("/predict")[0] for url in opened.requested} == {service.url}
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    width, scheme = request.node.callspec.params["opened"]
    page.screenshot(path=SCREENSHOTS / f"docs-{width}-{scheme}.png", full_page=True)


def test_the_example_that_is_filled_in_gets_an_answer(opened: DocsPage) -> None:
    answer = opened.predict()
    assert answer["release"] == NEW
    assert opened.page.locator("#answer .label").inner_text() == answer["predictions"][0]["label"]
    assert opened.page.locator("#answer tbody tr").count() == 2
    assert float(opened.page.get_by_label("amount").input_value()) == pytest.approx(0.0, abs=3)
    assert opened.page.get_by_label("city").input_value() in ("paris", "london", "oslo")


def test_an_explanation_is_shown_when_it_is_asked_for(opened: DocsPage) -> None:
    opened.page.get_by_label("explain the answer").check()
    opened.page.get_by_label("amount").fill("1.5")
    explained = opened.predict()["explanations"][0]
    table = opened.page.locator("#answer table").nth(1)
    assert "What moved the score of 1" in table.locator("caption").inner_text()
    assert table.locator("tbody th").all_inner_texts() == sorted(
        explained["contributions"], key=lambda name: -abs(explained["contributions"][name])
    )


def test_every_problem_is_said_at_its_field_and_the_first_has_the_focus(opened: DocsPage) -> None:
    page = opened.page
    page.get_by_label("amount").fill("1e39")
    told = opened.predict()
    assert [error["feature"] for error in told["errors"]] == ["amount"]
    assert page.locator("#w0").inner_text() == told["errors"][0]["message"]
    assert page.get_by_label("amount").get_attribute("aria-invalid") == "true"
    assert page.evaluate("document.activeElement.id") == "f0"
    page.get_by_role("button", name="Fill in the example").click()
    assert page.get_by_label("amount").get_attribute("aria-invalid") == "false"
    assert "predictions" in opened.predict()


def test_an_empty_field_of_a_nullable_feature_is_null(opened: DocsPage) -> None:
    opened.page.get_by_label("amount").fill("")
    with opened.page.expect_request("**/predict") as asked:
        opened.page.get_by_role("button", name="Predict").click()
    assert asked.value.post_data_json["features"]["amount"] is None


def test_the_keyboard_alone_is_enough(opened: DocsPage) -> None:
    page = opened.page
    page.get_by_label("amount").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "f1"
    with page.expect_response("**/predict") as answered:
        page.keyboard.press("Enter")
    assert answered.value.status == 200
    unnamed = "[...document.querySelectorAll('input, select, button')].filter(e => !(e.labels?.length || e.textContent.trim()))"
    assert page.evaluate(f"{unnamed}.length") == 0


def test_the_policy_forbids_what_the_page_does_not_need(opened: DocsPage) -> None:
    blocked = opened.page.evaluate(
        """() => new Promise(done => {
             document.addEventListener('securitypolicyviolation', event => done(event.effectiveDirective));
             const script = document.createElement('script'); script.textContent = '1'; document.body.append(script); })"""
    )
    assert blocked == "script-src-elem"


def test_the_examples_work_as_they_stand(opened: DocsPage) -> None:
    python = subprocess.run(
        [sys.executable, "-c", opened.page.locator("#python").inner_text()], capture_output=True, text=True, timeout=60, check=True
    )
    assert "'label'" in python.stdout
    if shutil.which("curl"):
        curl = subprocess.run(
            ["sh", "-c", opened.page.locator("#curl").inner_text()], capture_output=True, text=True, timeout=60, check=True
        )
        assert json.loads(curl.stdout)["predictions"]
