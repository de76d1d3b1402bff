"""The dashboard in a real browser, during a live rollout of a real service: every page on a telephone and on a desk, light and dark; what
is followed stays where one reads it; the rollout is aborted with a key. Screenshots are kept in `.cache/screenshots`.

Accessibility is judged by axe-core, which `axe-playwright-python` carries: nothing of it is in the product.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from browsing import FAINT, OUTSIDE, SCREENSHOTS, Opened
from in_flight import NEW, OLD, InFlight, label_a_week, make_system, remember_a_week

pytestmark = [pytest.mark.xdist_group("dashboard"), pytest.mark.timeout(300)]

PAGES = ["", "traffic", "drift", "quality", "alarms", "releases", "checklist", "audit", "sign-in"]
LOOKS = [
    *((path, width, scheme) for path in PAGES for width in (390, 1400) for scheme in ("light", "dark")),
    *((f"traffic/{span}", width, scheme) for span, width, scheme in (("24h", 390, "light"), ("7d", 1400, "dark"))),
]


@pytest.fixture(scope="module")
def flight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InFlight]:
    """1.0.0 in service with a week behind it, and a rollout to 1.1.0 in its first judged stage."""
    folder = make_system(tmp_path_factory.mktemp("flight"))
    remember_a_week(folder)
    label_a_week(folder)
    running = InFlight(folder)
    try:
        running.start()
        running.roll_out()
        yield running
    finally:
        running.stop()


@pytest.fixture
def open_page(flight: InFlight, browser: Browser) -> Iterator[Any]:
    opened: list[Opened] = []

    def go(path: str = "", width: int = 1400, scheme: str = "light") -> Opened:
        opened.append(Opened(browser, f"{flight.dashboard}/{path}", width, scheme))
        return opened[-1]

    yield go
    for one in opened:
        one.context.close()


def followed(page: Page) -> None:
    """Until the page says that it is followed."""
    expect(page.locator("#state")).to_have_text("live")


def sign_in(page: Page, flight: InFlight, name: str = "olga") -> None:
    page.goto(f"{flight.dashboard}/sign-in")
    page.get_by_label("API key").fill(flight.keys[name])
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize(("path", "width", "scheme"), LOOKS)
def test_every_page_fits_can_be_read_and_is_open_to_everybody(open_page, flight, path, width, scheme):
    opened = open_page(path, width, scheme)
    page = opened.page
    if path != "sign-in":
        followed(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.evaluate(OUTSIDE)
    assert page.evaluate(OUTSIDE) == []
    assert page.evaluate(FAINT) == []
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["target"]) for one in found if one["impact"] in ("serious", "critical")] == []
    assert opened.problems == []
    assert [url for url in opened.requested if not url.startswith(flight.dashboard)] == []
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"dashboard-{path.replace('/', '-') or 'now'}-{width}-{scheme}.png", full_page=True)


@pytest.mark.parametrize("path", ["drift", "alarms", "traffic", "checklist"])
def test_what_is_folded_fits_too(open_page, path):
    page = open_page(path, 390).page
    followed(page)
    page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true; })")
    assert page.evaluate(OUTSIDE) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(FAINT) == []


def test_dark_is_dark_and_light_is_light(open_page):
    brightness = {}
    for scheme in ("light", "dark"):
        color = open_page("", 1400, scheme).page.evaluate("getComputedStyle(document.body).backgroundColor")
        brightness[scheme] = sum(int(part) for part in color.strip("rgb()").split(","))
    assert brightness["dark"] < 200
    assert brightness["light"] > 600


def test_the_first_page_says_what_is_live_why_and_how_far_the_rollout_is(open_page):
    page = open_page().page
    expect(page.locator("#health")).to_contain_text(re.compile("WELL|UNCERTAIN"))
    expect(page.get_by_text(f"{OLD} is live since")).to_be_visible()
    why = page.get_by_role("region", name="Why it is live")
    for words in ("GO", "ana approves", "technical-lead", "judged", "audit chain intact"):
        expect(why).to_contain_text(words)
    rollout = page.get_by_role("region", name=f"Rollout {OLD} → {NEW}")
    expect(rollout).to_contain_text(re.compile(r"ANALYZING at 25 %.*safe [+-]\d+\.\d of \d+\.\d, harm [+-]\d+\.\d of \d+\.\d", re.DOTALL))
    expect(rollout.get_by_role("img")).to_be_visible()
    for tile in ("Health", "Latency", "Requests", "Model", "Errors"):
        expect(page.get_by_role("article", name=tile)).to_be_visible()
    expect(page.get_by_role("article", name="Latency")).to_contain_text(re.compile(r"P50.*P95.*limit 1,000 ms.*P99", re.DOTALL))
    expect(page.get_by_role("article", name="Model")).to_contain_text(re.compile(r"ECE.*PSI.*mean prediction", re.DOTALL))


def test_every_limit_is_drawn_beside_its_series_with_samples_and_interval(open_page):
    page = open_page("alarms").page
    followed(page)
    page.locator("#rule-drift").evaluate("e => { e.open = true; }")  # it is so when it rings; its window is longer than a simulated step
    picture = page.locator("#rule-drift .chart")
    expect(picture.locator("polyline.limit").first).to_be_attached()
    expect(picture).to_contain_text("rings above 0.2")
    picture.locator(".words > summary").click()
    row = picture.get_by_role("row").nth(1)
    expect(row).to_contain_text(re.compile(r"[\d.]+ to [\d.]+\s*[\d,]+$"))
    page.goto(page.url.replace("alarms", "traffic"))
    expect(page.get_by_text(re.compile("latency-p95 1,000 ms")).first).to_be_visible()


def test_what_came_true_stands_beside_what_was_sealed_with_coverage_and_the_calibration_curve(open_page):
    page = open_page("quality").page
    expect(page.get_by_role("region", name="What is known")).to_contain_text(
        re.compile(r"[\d,]+ of [\d,]+ predictions have a label \(\d+\.\d %")
    )
    row = page.get_by_role("row", name=re.compile("^ROC-AUC"))
    expect(row).to_contain_text(re.compile(r"0\.\d{4} 0\.\d{4} – 0\.\d{4}, n = 2,\d{3}.*0\.\d{4} 0\.\d{4} – 0\.\d{4}, n = 120", re.DOTALL))
    curve = page.locator("figure", has_text="Calibration curve")
    expect(curve.locator("polyline.curve")).to_be_attached()
    expect(curve.locator("polyline.harm")).to_be_attached()
    expect(page.locator("figure", has_text="Predictions with a label, by day")).to_be_visible()


def test_what_is_followed_keeps_its_place_its_focus_and_what_is_unfolded(open_page, flight):
    page = open_page().page
    followed(page)
    page.evaluate("document.querySelector('#why').scrollIntoView()")
    link = page.get_by_role("link", name="The checklist and its evidence")
    link.focus()
    page.evaluate("window.marked = document.activeElement")
    before = page.evaluate("[scrollY, document.querySelector('#asof').dateTime, document.querySelector('.steps').textContent]")
    page.wait_for_function("before => document.querySelector('.steps').textContent !== before[2]", arg=before, timeout=20000)
    after = page.evaluate("[scrollY, document.querySelector('#asof').dateTime]")
    assert after[1] > before[1]
    assert abs(after[0] - before[0]) < 60, "what stands above may grow by a line"
    assert page.evaluate("window.marked === document.activeElement && document.activeElement.isConnected")


def test_what_is_unfolded_stays_unfolded(open_page):
    page = open_page("traffic").page
    followed(page)
    words = page.locator("#volume-words")
    words.locator("summary").click()
    told = words.inner_text()
    page.wait_for_function("told => document.querySelector('#volume-words').innerText !== told", arg=told, timeout=30000)
    assert words.evaluate("e => e.open")


def test_a_page_can_be_held_still_and_followed_again(open_page):
    page = open_page().page
    followed(page)
    hold = page.get_by_role("button", name="Hold still")
    hold.click()
    expect(page.locator("#state")).to_have_text("held still")
    still = page.locator("#asof").get_attribute("datetime")
    page.wait_for_timeout(5000)
    assert page.locator("#asof").get_attribute("datetime") == still
    page.get_by_role("button", name="Follow").click()
    page.wait_for_function("still => document.querySelector('#asof').dateTime > still", arg=still, timeout=15000)


def test_nothing_moves_away_under_a_pressed_button_and_what_came_meanwhile_is_shown_after_it(open_page):
    page = open_page().page
    followed(page)
    page.locator("#part").hover(position={"x": 2, "y": 2})
    page.mouse.down()
    still = page.locator("#asof").get_attribute("datetime")
    page.wait_for_timeout(5000)
    assert page.locator("#asof").get_attribute("datetime") == still
    page.mouse.up()
    page.wait_for_function("still => document.querySelector('#asof').dateTime > still", arg=still, timeout=15000)


@pytest.mark.parametrize("held", [False, True])
def test_a_page_that_hears_nothing_says_so_everywhere_and_comes_back(flight, browser, held):
    with browser.new_context(viewport={"width": 1400, "height": 900}) as context:
        page = context.new_page()
        page.clock.install()
        blocked: list[bool] = [True]
        page.route("**/events*", lambda route: route.abort() if blocked[0] else route.continue_())
        page.goto(flight.dashboard)
        if held:
            page.get_by_role("button", name="Hold still").click()
        page.clock.fast_forward(60000)
        expect(page.locator("#state")).to_contain_text("NOT UP TO DATE")
        expect(page.locator(".bar")).to_have_class(re.compile("stale"))
        expect(page).to_have_title("NOT UP TO DATE · small · Now")
        expect(page.locator("#dot")).to_have_class("dot open")
        assert page.locator("#part").evaluate("e => getComputedStyle(e).filter") == "grayscale(1)"
        blocked[0] = False
        page.clock.fast_forward(20000)
        expect(page.locator("#state")).to_have_text("held still" if held else "live")
        expect(page).to_have_title(re.compile("^(WELL|UNCERTAIN|NOT WELL) · small · Now"))
        assert page.locator("#part").evaluate("e => getComputedStyle(e).filter") == "none"


def test_a_stream_that_says_nothing_is_not_called_live(flight, browser):
    with browser.new_context() as context:
        context.add_init_script("""addEventListener("DOMContentLoaded", () => {
          window.words = [];
          new MutationObserver(() => words.push(document.getElementById("state").textContent)).observe(
            document.getElementById("state"), {childList: true, characterData: true, subtree: true});
        })""")
        page = context.new_page()
        page.route("**/events*", lambda route: route.fulfill(status=200, content_type="text/event-stream", body=": nothing\n\n"))
        page.goto(flight.dashboard)
        page.wait_for_timeout(2500)
        assert set(page.evaluate("words")) == {"connecting"}


def test_a_page_that_nobody_sees_lets_its_connection_go_so_that_the_eighth_page_loads_too(flight, browser):
    """A browser opens six connections to one address."""
    see = """hidden => { Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
                        document.dispatchEvent(new Event("visibilitychange")); }"""
    with browser.new_context() as context:
        pages = []
        for _ in range(8):
            page = context.new_page()
            page.goto(flight.dashboard, timeout=15000)
            followed(page)
            page.evaluate(see, True)
            expect(page.locator("#state")).to_have_text("connecting")
            pages.append(page)
        then = pages[0].locator("#asof").get_attribute("datetime")
        pages[0].evaluate(see, False)
        pages[0].wait_for_function("then => document.querySelector('#asof').dateTime > then", arg=then, timeout=15000)


def test_without_the_script_a_page_loads_itself_again(flight, browser):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(flight.dashboard)
        first = page.locator("#asof").get_attribute("datetime")
        for _ in range(60):
            page.wait_for_timeout(500)
            if page.locator("#asof").get_attribute("datetime") != first:
                break
        assert page.locator("#asof").get_attribute("datetime") > first


def test_it_can_be_used_by_keyboard_alone(open_page):
    page = open_page().page
    followed(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.goto(page.url.partition("#")[0])
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Drift":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Drift", level=1)).to_be_visible()
    outline = page.evaluate("""() => { const a = document.querySelector('nav a'); a.focus(); return getComputedStyle(a).outlineStyle; }""")
    assert outline != "none"


def test_who_only_reads_sees_no_button_that_acts_and_a_readers_key_does_not_help(open_page, flight):
    page = open_page().page
    followed(page)
    assert page.locator("[id^=act-]").count() == 0
    page.goto(f"{flight.dashboard}/act/abort")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    sign_in(page, flight, "rita")
    expect(page.get_by_role("alert")).to_contain_text("rita has the role reader; to act needs the role operator")


def test_an_operator_acknowledges_and_silences_an_alarm(open_page, flight):
    flight.until(lambda status: any(alarm["ringing"] for alarm in status["alarms"]), 90)
    page = open_page().page
    sign_in(page, flight)
    ringing = page.locator(".alarm", has_text="FIRING").first
    ringing.get_by_role("link", name="Acknowledge").click()
    page.get_by_label("Note").fill("I look at the source")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator(".flash")).to_contain_text("olga looks after")
    expect(page.locator(".alarm", has_text="FIRING").filter(has_text="olga looks after it")).to_be_visible(timeout=20000)
    page.locator(".alarm", has_text="FIRING").first.get_by_role("link", name="Silence").click()
    page.get_by_label("For how many hours").fill("1.5")
    page.get_by_label("Reason").fill("the source is mended until noon")
    page.get_by_role("button", name="Silence").click()
    expect(page.locator(".flash")).to_contain_text("is silent until")
    expect(page.get_by_text("the source is mended until noon")).to_be_visible()
    page.goto(f"{flight.dashboard}/alarms")
    page.get_by_role("link", name="End it").click()
    page.get_by_role("button", name="End it").click()
    expect(page.locator(".flash")).to_contain_text("is over")


def test_a_rule_that_rings_is_unfolded_and_stays_folded_once_a_reader_has_folded_it(open_page, flight):
    flight.until(lambda status: any(alarm["ringing"] for alarm in status["alarms"]), 90)
    page = open_page("alarms", 390).page
    followed(page)
    rule = page.locator("#rule-drift")
    assert rule.evaluate("e => e.open")
    assert page.locator("details[open]").count() == 1
    rule.locator("summary").first.click()
    then = page.locator("#asof").get_attribute("datetime")
    page.wait_for_function("then => document.querySelector('#asof').dateTime > then", arg=then, timeout=30000)
    assert not rule.evaluate("e => e.open")


def test_an_operator_aborts_the_rollout_and_is_named_in_the_log(open_page, flight):
    opened = open_page("", 390, "dark")
    page = opened.page
    sign_in(page, flight)
    expect(page.get_by_role("banner")).to_contain_text("olga")
    page.locator("#act-pause").click()
    page.get_by_label("Reason").fill("coffee")
    page.locator("#confirm").click()
    expect(page.locator(".flash")).to_contain_text("is paused")
    page.locator("#act-abort").click()
    expect(page.get_by_text(f"{OLD} → {NEW} is")).to_be_visible()
    assert Axe().run(page).response["violations"] == []
    page.screenshot(path=SCREENSHOTS / "dashboard-abort-390-dark.png", full_page=True)
    page.get_by_label("Reason").fill("it looks odd")
    page.locator("#confirm").click()
    expect(page.locator("#rollout").locator("..")).to_contain_text("ROLLED_BACK", timeout=30000)
    expect(page.locator("#rollout").locator("..")).to_contain_text("it looks odd", timeout=20000)
    status = flight.until(lambda status: status["rollout"]["finished"])
    assert status["rollout"]["state"] == "ROLLED_BACK"
    assert status["production"]["release"] == OLD
    page.goto(f"{flight.dashboard}/audit")
    expect(page.get_by_text(re.compile("by olga")).first).to_be_visible(timeout=30000)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    assert page.locator("[id^=act-]").count() == 0
    assert opened.problems == []


def test_an_operator_resumes_and_promotes_a_rollout_to_its_end_and_rolls_it_back(open_page, flight):
    """On a telephone: nobody drives the rollout any more, so the service does from the resume on."""
    flight.roll_out()
    opened = open_page("", 390)
    page = opened.page
    sign_in(page, flight)

    def act(verb: str, reason: str) -> None:
        page.locator(f"#act-{verb}").click()
        expect(page.locator("#confirm")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.evaluate(OUTSIDE)
        assert Axe().run(page).response["violations"] == []
        page.screenshot(path=SCREENSHOTS / f"dashboard-{verb}-390-light.png", full_page=True)
        if reason:
            page.get_by_label("Reason").fill(reason)
        page.locator("#confirm").click()

    act("pause", "a look at the scores")
    expect(page.locator(".flash")).to_contain_text("is paused")
    expect(page.locator("#rollout").locator("..")).to_contain_text("paused", timeout=20000)
    act("resume", "")
    expect(page.locator(".flash")).to_contain_text(re.compile("resumed|goes on"))
    flight.until(lambda status: status["rollout"]["state"] == "ANALYZING")
    act("promote", "seen enough")
    status = flight.until(lambda status: status["rollout"]["finished"])
    assert (status["rollout"]["state"], status["production"]["release"]) == ("COMPLETED", NEW)
    expect(page.get_by_text(f"{NEW} is live since")).to_be_visible(timeout=20000)
    act("rollback", "the callers complain")
    status = flight.until(lambda status: status["production"]["release"] == OLD)
    assert status["production"]["by"] == "olga"
    assert "the callers complain" in status["production"]["reason"]
    expect(page.get_by_text(f"{OLD} is live since")).to_be_visible(timeout=20000)
    assert opened.problems == []
