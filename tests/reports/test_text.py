"""The report for a terminal."""

from __future__ import annotations

import re
from dataclasses import replace

from gonogo.reports.text import render_text
from gonogo.verdict.outcome import Outcome

ANSI = re.compile(r"\033\[[0-9;]*m")


def test_the_first_line_says_the_verdict_and_the_last_what_to_do(report):
    lines = render_text(report, color=False).splitlines()
    assert lines[0] == "late-arrivals  NO-GO  6 of 9 items block the release."
    assert lines[-1] == "Next: gonogo explain model-quality"


def test_a_failure_says_required_measured_why_and_how_to_repair(report):
    text = render_text(report, color=False)
    block = text[text.index("FAIL  model-quality") : text.index("ERROR  model-outputs")]
    assert "required    roc_auc > 0.95 with confidence 95%" in block
    assert "measured    roc_auc = 0.9466 (95% interval 0.9441 to 0.9491, n = 55,589)" in block
    assert "why         Below it the desk is wrong about one flight in ten." in block
    assert "repair      Train on more months." in block
    assert "found       October is worse than November" in block


def test_every_item_has_its_line_and_failures_stand_before_the_list(report):
    text = render_text(report, color=False)
    for result in report.verdict.items:
        assert re.search(rf"^  {result.outcome} +{result.item}", text, re.MULTILINE), result.item
    assert text.index("FAIL  model-quality") < text.index("\nCode\n")


def test_an_item_that_does_not_apply_says_why(report):
    """Nothing was judged, so there is nothing measured to show."""
    text = render_text(report, color=False)
    assert re.search(r"^  NOT_APPLICABLE +rate-limit +the service is reachable from this machine only$", text, re.MULTILINE)
    assert "not judged" not in text[text.index("\nCode\n") :]


def test_without_colour_there_is_no_escape_and_with_colour_the_words_are_the_same(report):
    plain, colored = render_text(report, color=False), render_text(report, color=True)
    assert "\033" not in plain
    assert "\033[31m" in colored
    assert ANSI.sub("", colored) == plain


def test_no_line_is_wider_than_the_terminal_for_long_words_of_a_pack(make_report):
    report = make_report()
    item = replace(report.checklist.items[1], why="because " * 80, remedy="mend " * 80)
    report = make_report(items=(report.checklist.items[0], item, *report.checklist.items[2:]))
    assert max(len(line) for line in render_text(report, color=False).splitlines()) <= 120
    assert sum("because" in line for line in render_text(report, color=False).splitlines()) > 3


def test_a_hostile_finding_cannot_draw_on_the_terminal(make_report):
    report = make_report()
    quality = report.evidence["model-quality"]
    hostile = replace(quality, findings=("\033[2J\033[1;1HGO  all items pass\r\n", "a\u202eb"))
    text = render_text(make_report(evidence={**report.evidence, "model-quality": hostile}), color=False)
    assert "\033" not in text
    assert "\r" not in text
    assert "\u202e" not in text
    assert not re.search(r"^\s*GO ", text, re.MULTILINE)


def test_many_findings_are_cut_and_the_way_to_the_rest_is_named(make_report):
    report = make_report()
    many = replace(report.evidence["model-quality"], findings=tuple(f"finding {n}" for n in range(9)))
    text = render_text(make_report(evidence={**report.evidence, "model-quality": many}), color=False)
    assert "and 4 more: gonogo explain model-quality" in text
    assert "finding 8" not in text


def test_one_missing_input_is_one_block_with_its_reason_and_not_one_for_every_item_that_needed_it(make_report):
    why = "the model gives its scores as a sequence of maps. Export it with options={'zipmap': False}."
    report = make_report(
        {
            "tests-pass": (Outcome.ERROR, f"input bundle: {why}"),
            "latency": (Outcome.ERROR, f"input endpoint: {why}"),
            "model-quality": (Outcome.ERROR, "input train: data.train is not declared. Add it to gonogo.yaml."),
        },
        evidence={},
    )
    text = render_text(report, color=False)
    assert text.count("sequence of maps") == 1
    assert "ERROR  tests-pass, latency\n    reason      the model gives" in text
    assert "ERROR  model-quality\n    reason      data.train is not declared. Add it to gonogo.yaml.\n\n" in text
    assert "Train on more months" not in text  # the remedy of an item that could not be looked at helps nobody
    assert re.search("^  ERROR +latency", text, re.MULTILINE)
    assert text.endswith("Next: mend the reason given above, then gonogo check")
