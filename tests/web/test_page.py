"""The status page: says at a glance whether it is well, shows every limit beside its value, runs nothing, escapes everything."""

from __future__ import annotations

import re

from gonogo.reports.status import render_alarms_text, render_status_text
from gonogo.web.page import render_status
from html_page import Page


def test_the_first_word_after_the_name_is_whether_it_is_well(status, empty):
    assert '<span class="word">NOT WELL</span>' in render_status(status)
    assert '<span class="word">NOTHING LIVE</span>' in render_status(empty)


def test_hostile_words_of_the_record_are_text_and_no_markup(status):
    page = Page(render_status(status))
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in page.words


def test_nothing_is_loaded_from_elsewhere_and_no_script_may_run(status):
    html = render_status(status)
    page = Page(html)
    assert ("meta", "content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes
    assert {name for _, name, _ in page.attributes} & {"src", "srcset", "action", "data"} == set()
    assert "href" not in {name for _, name, _ in page.attributes}
    assert "url(" not in html
    assert "@import" not in html


def test_every_value_stands_beside_its_limit_and_its_count(status):
    said = Page(render_status(status)).said
    assert "error_rate 0.2% 5% 1,234" in said
    assert "psi age ✗ 0.31 0.2 1,234" in said
    assert "psi few 0.42 0.2 1,234" in said, "not judged to be beyond its limit, so not marked as such"
    assert "latency p95 1.25 ms – 1,234" in said


def test_what_is_not_known_is_said_to_be_unknown(status):
    assert re.search(r"alert\(2\)\"> unknown 0.2 1,234", Page(render_status(status)).said)


def test_the_rollout_is_drawn_in_the_colours_of_the_page_and_told_with_limits(status):
    html = render_status(status)
    assert {"svg", "polyline"} <= set(Page(html).tags)
    for kind in ("curve", "harm", "ideal", "axis", "grid"):
        assert f".picture .{kind}" in html, f"lines of kind {kind} would be filled black"
    assert "new 1/80 bad, old 0/900; safe +1.5 of 3.0, harm +0.5 of 4.6" in Page(html).said


def test_alarms_that_are_not_quiet_come_first_and_each_with_its_state_in_words(status):
    said = Page(render_status(status)).said
    assert (
        said.index("FIRING drift")
        < said.index("PENDING drift")
        < said.index("UNKNOWN 1 cannot be judged now: latency")
        < said.index("OK 1 quiet: errors")
    )


def test_signals_of_a_watch_that_stopped_are_said_to_be_old(status):
    status["watch"]["fresh"] = False
    assert "as last seen 2026-11-21 04:00:59 UTC" in Page(render_status(status)).said
    assert "as last seen" not in Page(render_status({**status, "watch": {**status["watch"], "fresh": True}})).said


def test_an_arm_that_is_not_healthy_says_so(status):
    said = Page(render_status(status)).said
    assert said.count("NOT HEALTHY") == 1


def test_the_text_for_a_terminal_keeps_its_width_and_its_control_characters_to_itself(status):
    status["health"]["reasons"] = ["\033[2Jgone " + "word " * 60]
    text = render_status_text(status, 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "\033" not in text


def test_an_alarm_that_rings_and_cannot_be_seen_any_more_is_still_shown_alone(status):
    blind = [{**alarm, "state": "UNKNOWN"} for alarm in status["alarms"]]
    assert [line.split()[:2] for line in render_alarms_text(blind, 200).splitlines()] == [["UNKNOWN", "drift:"], ["UNKNOWN", "3"]]


def test_quiet_alarms_are_one_line_and_a_ringing_one_is_never_hidden(status):
    lines = render_alarms_text(status["alarms"], 200).splitlines()
    assert [line.split()[0] for line in lines] == ["FIRING", "PENDING", "UNKNOWN", "OK"]


def test_a_reading_that_is_no_number_is_unknown(status):
    status["signals"] = [{**status["signals"][0], "value": float("nan")}]
    said = Page(render_status(status)).said
    assert "error_rate unknown 5% 1,234" in said
    assert "nan" not in said
