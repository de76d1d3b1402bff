"""The dashboard's pages from records: nothing hostile becomes markup, what is not known is said, who only reads gets nothing that acts."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gonogo.web import alarms, audit, checklist, drift, now, quality, releases, traffic
from gonogo.web.dashboard import PAGES, Frame, render_page, render_part, script, style_sheet
from gonogo.web.engine import ago
from html_page import Page

HOSTILE = '</style><script>alert(1)</script><img src=x onerror="alert(2)">'
OLD = "shop@1.0.0"
TIME = "2026-11-21T04:01:00.000Z"


def bounded(value: float | None) -> dict[str, Any]:
    return {"value": value, "low": value, "high": value}


@pytest.fixture
def counted() -> dict[str, Any]:
    times = [f"2026-11-21T03:{minute:02}:00.000Z" for minute in range(10, 60, 10)]
    point = {
        "n": 100,
        "seconds": 600.0,
        "per_minute": 10.0,
        "answers": 100,
        "rows": 100,
        "mean_score": 0.3,
        "latency": {"p50": bounded(1.0), "p95": bounded(2.0), "p99": bounded(3.0)},
        "counts": {"4xx": 1, "5xx": 0, "bad": 0},
        "errors": {"4xx": bounded(0.01), "5xx": bounded(0.0), "bad": bounded(0.0)},
    }
    rules = [
        {"name": HOSTILE, "signal": "latency", "labels": {"quantile": "p95"}, "above": 1.5, "clear": 1.0, "level": "critical"},
        {"name": "volume-drop", "signal": "volume_drop", "labels": {}, "above": 0.5, "clear": 0.3, "level": "critical"},
    ]
    return {
        "span": "1h",
        "words": "the last hour",
        "since": "2026-11-21T03:00:00.000Z",
        "until": "2026-11-21T04:00:00.000Z",
        "step_seconds": 60.0,
        "whole": [{"time": time, **point} for time in times],
        "releases": {OLD: [{"time": time, **point} for time in times]},
        "usual": {"per_minute": 12.0, "of": HOSTILE},
        "rules": rules,
    }


@pytest.fixture
def drifted() -> dict[str, Any]:
    psi = {"value": 0.31, "low": 0.2, "high": 0.4, "n": 900, "p_value": 1e-9}
    hours = [{"time": f"2026-11-21T0{hour}:00:00.000Z", **psi} for hour in range(4)]
    feature = {
        "labels": ["up to 1", HOSTILE, "missing"],
        "reference": [50, 40, 10],
        "live": [20, 70, 10],
        "psi": psi,
        "hours": hours,
        "missing": 0.1,
        "limits": [{"rule": HOSTILE, "above": 0.2, "level": "warning"}],
    }
    return {
        "release": OLD,
        "problem": "",
        "since": "2026-11-20T04:00:00.000Z",
        "until": "2026-11-21T04:00:00.000Z",
        "rows": 900,
        "reference": {"source": HOSTILE, "rows": 100, "score_source": "test"},
        "features": [{"feature": "(score)", **feature}, {"feature": HOSTILE, **feature}],
    }


@pytest.fixture
def kept() -> dict[str, Any]:
    estimate = {"value": 0.9, "low": 0.85, "high": 0.95, "n": 400}
    figures = dict.fromkeys(quality.FIGURES, estimate)
    day = {"day": "2026-11-20", "rows": 500, "labelled": 400, "coverage": 0.8, "mature": True}
    part = {"rows": 50, "labelled": 40, "coverage": 0.8, "figures": figures, "before": dict.fromkeys(quality.FIGURES)}
    mine = {
        "rows": 500,
        "labelled": 400,
        "coverage": 0.8,
        "figures": figures,
        "before": figures,
        "why": HOSTILE,
        "threshold": 0.5,
        "by_day": [day],
        "reliability": [{"n": 10, "score": 0.2, "share": 0.3}, {"n": 10, "score": 0.8, "share": 0.7}],
        "reliability_before": [],
        "confusion": [[5, 1], [2, 9]],
        "classes": ["0", HOSTILE],
        "by_class": [{"class": HOSTILE, "figures": figures, "before": dict.fromkeys(quality.FIGURES)}],
        "slices": {HOSTILE: part},
    }
    return {"kept": True, "mature_after_seconds": 3600.0, "least_coverage": 0.5, "releases": {OLD: mine}}


@pytest.fixture
def views(status, counted, drifted, kept) -> dict[str, dict[str, Any]]:
    """Every page of a system whose every word is hostile."""
    rule = {
        "name": "drift",
        "signal": "psi",
        "above": 0.2,
        "clear": 0.1,
        "level": "warning",
        "words": HOSTILE,
        "runbook": HOSTILE,
        "rows": (),
        "false_alarms": 0.01,
        "alarms": [],
    }
    event = {"seq": 7, "kind": HOSTILE, "time": TIME, "actor": HOSTILE, "body": {HOSTILE: [HOSTILE]}, "hash": "sha256:" + "1" * 64}
    for alarm in status["alarms"]:
        alarm |= {"key": "k|" + HOSTILE, "level": HOSTILE, "acknowledged": HOSTILE, "held_back": HOSTILE, "runbook": HOSTILE}
    live = {
        "release": OLD,
        "problem": "",
        "decision": "GO",
        "headline": HOSTILE,
        "judged": TIME,
        "checklist": HOSTILE,
        "counts": [],
        "sealed": TIME,
        "sign_offs": [{"person": HOSTILE, "role": HOSTILE, "decision": "approve", "time": TIME}],
        "waived": [HOSTILE],
    }
    silences = [{"id": HOSTILE, "rule": HOSTILE, "until": TIME, "by": HOSTILE, "reason": HOSTILE}]
    over = {"since": "2026-11-20T04:00:00.000Z", "until": TIME, "rules": {}}
    changes = {
        "old": OLD,
        "new": HOSTILE,
        "figures": [],
        "groups": {"model": [{"what": HOSTILE, "before": None, "after": HOSTILE}]},
    }
    moves = [{"from": "1.0.0", "to": HOSTILE, "time": TIME, "by": HOSTILE, "reason": HOSTILE}]
    return {
        "now": now.view(status, live, counted, silences, [HOSTILE]),
        "traffic": traffic.view(status, counted, ("1h", "24h")),
        "drift": drift.view(drifted, status),
        "quality": quality.view(kept, OLD, status, [{"name": HOSTILE, "signal": "auc_drop", "labels": {}, "above": 0.05}]),
        "alarms": alarms.view(status, [rule], {HOSTILE: f"# Title\n\n{HOSTILE} [a](javascript:alert(1)) ![b](http://x/y)"}, silences, over),
        "releases": releases.view(status, moves, changes, HOSTILE, (HOSTILE, "1.0.0")),
        "checklist": checklist.view(OLD, None),
        "audit": audit.view({"events": [event], "total": 7, "problems": [HOSTILE], "verified": TIME}),
    }


def frame(**more: Any) -> Frame:
    return Frame(HOSTILE, "NOT WELL", TIME, **more)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("operator", ["", HOSTILE])
def test_hostile_words_are_text_and_no_markup(views, page, operator):
    html = render_page(page, views[page], frame(operator=operator, token="t", said=HOSTILE))
    seen = Page(html)
    scripts = [value for tag, name, value in seen.attributes if tag == "script" and name == "src"]
    assert scripts == ["/dashboard.js"]
    assert seen.tags.count("script") == 1
    assert "img" not in seen.tags
    assert not [name for _, name, _ in seen.attributes if name.startswith("on") or name == "style"]
    assert "<script>alert(1)</script>" in seen.words
    local = [value for _, name, value in seen.attributes if name in ("href", "src", "action")]
    assert all(re.match(r"[/#](?!/)", value) for value in local), local


@pytest.mark.parametrize("page", PAGES)
def test_who_only_reads_gets_no_form_and_no_way_to_act(views, page):
    html = render_part(page, views[page], frame())
    assert 'href="/act/' not in html
    assert 'method="post"' not in html
    assert 'href="/act/' not in render_page(page, views[page], frame())


def test_an_operator_may_act_on_a_rollout_that_moves_and_go_back_when_none_does(views, status, counted):
    acting = render_part("now", views["now"], frame(operator="olga", token="t"))
    assert re.findall(r"/act/(\w+)\"", acting) == ["abort", "pause", "promote"]
    status["rollout"] |= {"paused": "ana looks at the scores"}
    paused = render_part("now", now.view(status, None, counted, [], []), frame(operator="olga", token="t"))
    assert re.findall(r"/act/(\w+)\"", paused) == ["abort", "resume", "promote"]
    assert "PAUSED" in paused
    assert "ana looks at the scores" in paused
    status["rollout"] |= {"paused": "", "driven": False, "state": "SMOKE"}
    left = render_part("now", now.view(status, None, counted, [], []), frame(operator="olga", token="t"))
    assert re.findall(r"/act/(\w+)\"", left) == ["abort", "pause", "resume"]
    assert "NOBODY DRIVES IT" in left
    status["rollout"]["finished"] = True
    still = render_part("now", now.view(status, None, counted, [], []), frame(operator="olga", token="t"))
    assert re.findall(r"/act/(\w+)\"", still) == ["rollback"]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_its_landmarks_one_first_heading_and_a_way_past_the_head(views, page):
    html = render_page(page, views[page], frame())
    seen = Page(html)
    assert {"header", "nav", "main", "footer"} <= set(seen.tags)
    assert seen.tags.count("h1") == 1
    assert ("a", "href", "#main") in seen.attributes
    assert html.count('aria-current="page"') == 1
    labelled = {value for _, name, value in seen.attributes if name == "aria-labelledby"}
    ids = [value for _, name, value in seen.attributes if name == "id"]
    assert labelled <= set(ids)
    assert len(ids) == len(set(ids)), "every id is there once, so that a part can be replaced in place"
    pictures = seen.tags.count("svg")
    told = [value for tag, name, value in seen.attributes if tag == "svg" and name in ("aria-label", "aria-hidden")]
    assert len(told) == pictures


def test_the_model_is_at_a_glance_and_what_is_not_known_is_said(empty, counted):
    page = Page(render_part("now", now.view(empty, None, {**counted, "releases": {}, "whole": []}, [], []), frame()))
    for words in ("NOTHING LIVE", "Nothing is live", "does not answer", "not loaded", "It does not run.", "No rule has been judged yet"):
        assert words in page.said
    assert "unknown" in page.said


def test_drift_is_told_as_the_rules_judge_it(drifted, status):
    status["signals"] = [
        {
            "signal": "psi",
            "labels": {"release": OLD, "feature": "(score)"},
            "value": 0.31,
            "threshold": 0.2,
            "unit": "PSI",
            "n": 900,
            "low": 0.2,
            "high": 0.4,
            "window_seconds": 900.0,
        }
    ]
    status["alarms"] = []
    drifted["features"] = drifted["features"][:1]
    assert "large, and may be chance" in Page(render_part("drift", drift.view(drifted, status), frame())).said
    status["alarms"] = [{"signal": "psi", "labels": {"release": OLD, "feature": "(score)"}, "condition": "BREACH"}]
    said = Page(render_part("drift", drift.view(drifted, status), frame())).said
    assert "1 beyond a limit" in said
    assert "0.310 in 15 min" in said
    assert "0.200 – 0.400" in said


def test_the_summaries_of_a_window_are_one_line_and_a_table_of_channels(drifted, status):
    feature = drifted["features"][0]
    names = [f"window.{channel}.{summary}" for channel in ("close", "volume") for summary in ("mean", "spread")]
    drifted["features"] = [feature, *({**feature, "feature": name, "tensor": "window"} for name in names), {**feature, "feature": "plain"}]
    psi = {"signal": "psi", "threshold": 0.2, "unit": "PSI", "n": 900, "low": 0.0, "high": 1.0, "window_seconds": 900.0}
    values = dict(zip(names, (0.01, 0.02, 0.31, 0.03), strict=True))
    status["signals"] = [{**psi, "labels": {"release": OLD, "feature": name}, "value": value} for name, value in values.items()]
    status["alarms"] = [{"signal": "psi", "labels": {"release": OLD, "feature": "window.volume.mean"}, "condition": "BREACH"}]
    view = drift.view(drifted, status)
    assert [row.name for row, _ in view["rows"]] == ["(score)", "window.volume.mean", "plain"]
    (tensor,) = view["tensors"]
    assert (tensor.name, tensor.size, tensor.summaries, tensor.worst.name) == ("window", 4, ("mean", "spread"), "window.volume.mean")
    assert [(channel, [cell.value for cell in cells]) for channel, cells in tensor.channels] == [
        ("close", [0.01, 0.02]), ("volume", [0.31, 0.03]),
    ]  # fmt: skip
    said = Page(render_part("drift", view, frame())).said
    for words in ("the worst of 4 summaries", "PSI now, channel by channel", "1 beyond a limit"):
        assert words in said


def test_figures_of_classes_stand_beside_those_that_are_sealed(kept, status):
    estimate = {"value": 0.625, "low": 0.5, "high": 0.75, "n": 40}
    mine = kept["releases"][OLD]
    mine["by_class"] = [
        {"class": name, "figures": dict.fromkeys(quality.OF_CLASS, estimate), "before": dict.fromkeys(quality.OF_CLASS)} for name in "abc"
    ]
    rule = {"name": "b-is-lost", "signal": "recall_drop", "labels": {"class": "b"}, "above": 0.1}
    status["alarms"] = [{"signal": "recall_drop", "labels": {"release": OLD, "class": "b"}, "condition": "BREACH"}]
    view = quality.view(kept, OLD, status, [rule])
    recall = next(row for row in view["rows"] if row.name == "recall")
    assert (recall.bad, recall.limit) == (False, ""), "the rule is of one class, the figure is of all"
    said = Page(render_part("quality", view, frame())).said
    assert said.count("0.6250") == 9
    assert "means over the classes" in said


def test_the_confusion_matrix_says_what_was_told_of_rows_that_are_of_a_class(kept, status):
    kept["releases"][OLD] |= {"confusion": [[5, 1], [2, 9]], "classes": ["no", "yes"]}  # told no: 5 are no, 1 is yes
    drawn = quality.view(kept, OLD, status, [])["confusion"]
    assert "Of 7 that are no: 5 predicted no (71.4%), 2 predicted yes (28.6%)." in drawn.words


def of_score(value: float | None, n: int = 900) -> dict[str, Any]:
    labels = {"release": OLD, "feature": "(score)"}
    bounds = {"value": value, "low": value, "high": value}
    return {"signal": "psi", "labels": labels, "threshold": 0.2, "unit": "PSI", "n": n, "window_seconds": 900.0, **bounds}


def judged(signal: dict[str, Any], condition: str, **more: Any) -> dict[str, Any]:
    return {"signal": signal["signal"], "labels": signal["labels"], "condition": condition, "ringing": False, **more}


def drift_said(drifted: dict[str, Any], status: dict[str, Any]) -> str:
    return Page(render_part("drift", drift.view({**drifted, "features": drifted["features"][:1]}, status), frame())).said


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_feature_of_which_no_number_is_known_is_not_as_the_baseline_and_none_is_called_within_its_limit(drifted, status, value):
    said = drift_said(drifted, {**status, "signals": [of_score(value)], "alarms": []})
    assert "? 1 cannot be judged" in said
    assert "✓" not in said
    assert "unknown" in said
    assert "as the baseline" not in said
    nothing = drift_said(drifted, {**status, "signals": [], "alarms": []})
    assert "? 1 cannot be judged" in nothing
    assert "✓" not in nothing


def test_drift_is_well_when_everything_that_is_judged_is(drifted, status):
    well = of_score(0.01)
    said = drift_said(drifted, {**status, "signals": [well], "alarms": [judged(well, "CLEAR")]})
    assert "✓ None is beyond a limit." in said
    assert "as the baseline" in said
    few = of_score(0.01, n=12)
    said = drift_said(drifted, {**status, "signals": [few], "alarms": [judged(few, "UNKNOWN")]})
    assert "? 1 cannot be judged" in said
    assert "12 rows are too few to judge" in said
    drifted["features"][0]["limits"] = []
    assert "? No rule judges any of them." in drift_said(drifted, {**status, "signals": [{**well, "threshold": None}], "alarms": []})


def test_drift_of_an_old_look_is_not_well_and_says_how_old_it_is_and_a_breach_stays_one(drifted, status):
    old = {**status, "watch": {**status["watch"], "time": "2026-11-20T04:00:59.000Z", "fresh": False}}
    well = of_score(0.01)
    said = drift_said(drifted, {**old, "signals": [well], "alarms": [judged(well, "CLEAR")]})
    assert "? 1 cannot be judged, as last seen 2026-11-20 04:00:59 UTC" in said
    assert "✓" not in said
    assert "✗ 1 beyond a limit" in drift_said(drifted, {**old, "signals": [well], "alarms": [judged(well, "BREACH")]})


def tones(status: dict[str, Any], counted: dict[str, Any]) -> dict[str, str]:
    return {tile.title: tile.tone for tile in now.view(status, None, counted, [], [])["tiles"]}


@pytest.mark.parametrize("signal", ["volume_drop", "volume_spike"])
def test_requests_are_not_well_while_their_volume_rings_nor_while_nobody_can_say(status, counted, signal):
    volume = {"signal": signal, "labels": {}}
    base = {alarm["rule"]: alarm for alarm in status["alarms"]}["errors"]
    told = {condition: {**base, **judged(volume, condition)} for condition in ("BREACH", "CLEAR", "UNKNOWN")}
    assert tones({**status, "alarms": [told["CLEAR"]]}, counted)["Requests"] == "good"
    assert tones({**status, "alarms": [told["BREACH"]]}, counted)["Requests"] == "bad"
    assert tones({**status, "alarms": [{**told["CLEAR"], "ringing": True}]}, counted)["Requests"] == "bad"
    assert tones({**status, "alarms": [told["UNKNOWN"]]}, counted)["Requests"] == "open"
    html = render_part("now", now.view({**status, "alarms": [told["BREACH"]]}, None, counted, [], []), frame())
    assert "✗ 10" in Page(html).said


def test_no_tile_is_well_by_a_look_that_is_old_and_a_breach_stays_one(status, counted):
    old = {**status, "watch": {**status["watch"], "fresh": False}}
    for one in old["signals"]:
        one["labels"]["release"] = OLD
    old["alarms"] = []
    told = tones(old, counted)
    assert set(told.values()) == {"good", "open"}
    assert [title for title, tone in told.items() if tone == "good"] == ["Health"], "the service is asked, not the watch"
    errors = next(one for one in old["signals"] if one["signal"] == "error_rate")
    assert tones({**old, "alarms": [judged(errors, "BREACH")]}, counted)["Errors"] == "bad"


def test_a_tile_is_not_well_while_one_of_its_limits_cannot_be_judged(status, counted):
    share = {**status["signals"][0], "labels": {"release": OLD}}
    blind = {**share, "signal": "server_error_share", "value": None}
    still = {**status, "alarms": []}
    assert tones({**still, "signals": [share]}, counted)["Errors"] == "good"
    assert tones({**still, "signals": [share, blind]}, counted)["Errors"] == "open"
    assert tones({**still, "signals": [share, {**blind, "threshold": None}]}, counted)["Errors"] == "good"


def test_a_reading_that_is_no_number_is_unknown_at_a_glance(status, counted):
    for one in status["signals"]:
        one |= {"value": float("nan"), "labels": {**one["labels"], "release": OLD}}
    status["alarms"] = []
    errors = next(tile for tile in now.view(status, None, counted, [], [])["tiles"] if tile.title == "Errors")
    assert [line.value for line in errors.lines] == ["unknown"]
    assert errors.tone == "open"


def test_of_very_many_features_all_are_told_and_those_that_moved_most_are_drawn(drifted, status):
    drifted["features"] = [{**drifted["features"][0], "feature": f"f{number}"} for number in range(500)]
    status["signals"] = [
        {**status["signals"][1], "labels": {"release": OLD, "feature": f"f{number}"}, "value": number / 500, "low": None, "high": None}
        | {"window_seconds": 900.0}
        for number in range(500)
    ]
    html = render_part("drift", drift.view(drifted, status), frame())
    assert html.count('<th scope="row">') == 500
    assert html.count('class="card feature"') == drift.MOST_DRAWN
    assert 'id="f-f499"' in html
    assert 'id="f-f1"' not in html
    assert len(html) < 1_000_000


def test_what_was_sealed_stands_beside_what_came_true_with_the_figure_that_rings(kept, status):
    rules = [
        {"name": "auc-fell", "signal": "auc_drop", "labels": {}, "above": 0.05},
        {"name": "calibration", "signal": "ece", "labels": {}, "above": 0.1},
    ]
    said = Page(render_part("quality", quality.view(kept, OLD, status, rules), frame())).said
    assert (
        "ROC-AUC in service: 0.9000 0.8500 – 0.9500, n = 400 sealed: 0.9000 0.8500 – 0.9500, n = 400 rings below 0.850 (auc-fell)" in said
    )
    assert "above 0.1 (calibration)" in said
    assert "400 of 500 predictions have a label ( 80.0 % , limit 50 %)" in said


def test_an_estimate_that_is_no_number_is_unknown(kept, status):
    status["signals"] = [{**status["signals"][0], "signal": "ece_trend", "labels": {"release": OLD}, "value": float("nan")}]
    assert "ece_trend (watched) unknown" in Page(render_part("quality", quality.view(kept, OLD, status, []), frame())).said


def test_volume_is_drawn_with_what_is_usual_and_where_rules_ring(counted, status):
    words = traffic.view(status, counted, ("1h",))["volume"].drawn.words
    assert "volume-drop (critical) rings below 6" in words


def test_a_broken_chain_is_the_first_thing_said_of_the_log(views):
    said = Page(render_part("audit", views["audit"], frame())).said
    assert said.index("the chain is broken") < said.index("The newest")


def test_the_frame_says_how_it_is_in_words_and_pages_load_again_without_a_script(views):
    html = render_page("traffic", views["traffic"], frame(seconds=2.0))
    assert "<title>NOT WELL · &lt;/style&gt;" in html
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in html


def test_style_and_script_ask_nobody_else():
    for text in (style_sheet().decode(), script().decode()):
        assert not re.search(r"https?://|@import|url\(|eval\(|innerHTML", text)


@pytest.mark.parametrize(
    ("then", "words"),
    [
        (None, "never"),
        ("2026-11-21T04:01:30.000Z", "0 s ago"),
        ("2026-11-21T04:00:00.000Z", "60 s ago"),
        ("2026-11-21T03:01:00.000Z", "60 min ago"),
        ("2026-11-20T04:01:00.000Z", "24 h ago"),
        ("2026-11-01T04:01:00.000Z", "20 d ago"),
    ],
)
def test_how_long_ago(then, words):
    assert ago(then, TIME) == words
