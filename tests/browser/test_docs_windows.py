"""The page /docs of a model that takes windows, in a real browser: the window is a field of JSON, filled in, sent and judged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from browsing import FAINT, Opened
from gonogo.release.verify import unpack
from gonogo.service.trial import TrialServer
from gonogo.trust.keys import PublicKey

pytestmark = pytest.mark.xdist_group("browser")
SEALED = Path(__file__).parents[1] / "golden" / "release-4"


@pytest.fixture(scope="module")
def opened(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    release = unpack(SEALED / "golden-1.0.0.tar.gz", PublicKey.load(SEALED / "store.pub"), tmp_path_factory.mktemp("windows"))
    with TrialServer(release.bundle, accept_weaker=True) as trial:
        made = Opened(browser, f"{trial.base_url}/docs", 390, "light")
        yield made
        made.context.close()


def predict(opened: Opened) -> Any:
    """Press the button; what is answered, once the page shows it."""
    opened.page.evaluate("document.getElementById('answer').replaceChildren()")
    with opened.page.expect_response("**/predict*") as answered:
        opened.page.get_by_role("button", name="Predict").click()
    opened.page.wait_for_selector("#answer pre")
    return answered.value.json()


def test_the_example_is_filled_in_and_gets_an_answer(opened: Opened) -> None:
    field = opened.page.get_by_label("window")
    assert [len(row) for row in json.loads(field.input_value())] == [3] * 20
    answer = predict(opened)
    assert set(answer["predictions"][0]["also"]) == {"start", "end"}
    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.page.evaluate(FAINT) == []
    assert opened.problems == []


def test_a_wrong_place_is_told_at_the_field_and_the_example_comes_back(opened: Opened) -> None:
    field = opened.page.get_by_label("window")
    window = json.loads(field.input_value())
    window[3] = window[3][:2]
    field.fill(json.dumps(window))
    assert predict(opened)["status"] == 422
    assert "'window'[3] has 2 values, not 3" in opened.page.locator("#w0").inner_text()
    assert field.get_attribute("aria-invalid") == "true"
    opened.page.get_by_role("button", name="Fill in the example").click()
    assert predict(opened)["predictions"]
