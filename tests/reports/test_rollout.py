"""The path of a rollout, in text and as a picture."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from gonogo.reports.rollout import draw_rollout, render_rollout_text

OLD, NEW = "shop@1.1.0", "shop@1.2.0"


def look(second: float, phase: str, share: int, **analysis: object) -> dict[str, object]:
    counted = {"canary": {"n": 80, "bad": 16}, "stable": {"n": 1520, "bad": 0}, "fail_at": 4.6, "pass_at": 3.0}
    return {
        "at": f"2026-11-21T03:00:{second:06.3f}Z",
        "phase": phase,
        "weights": {OLD: 10000 - share, NEW: share},
        "analysis": {**counted, **analysis} if analysis else None,
    }


@pytest.fixture
def rollout() -> dict[str, object]:
    return {
        "old": OLD,
        "new": NEW,
        "state": "ROLLED_BACK",
        "reason": "the new release fails more often",
        "figures": ["at 25 %: 80 requests, 16 bad"],
        "looks": [
            look(0, "PREPARING", 0),
            look(1, "SHIFTING", 500),
            look(2, "ANALYZING", 500, log_e_harm=-0.1, log_e_safe=1.0),
            look(9, "ANALYZING", 500, log_e_harm=-0.2, log_e_safe=3.1),
            look(10, "ANALYZING", 2500, log_e_harm=5.1, log_e_safe=-40.0),
            look(11, "ROLLED_BACK", 0),
        ],
    }


def test_the_text_has_one_line_per_change_and_the_end(rollout):
    lines = render_rollout_text(rollout).splitlines()
    assert lines[0] == f"{OLD} → {NEW}"
    changes = [line.split()[2] for line in lines if " s  " in line]
    assert changes == ["PREPARING", "SHIFTING", "ANALYZING", "ANALYZING", "ROLLED_BACK"]
    assert lines[5].endswith("25.00 %")
    assert lines[-2:] == ["ROLLED_BACK: the new release fails more often", "  at 25 %: 80 requests, 16 bad"]


def test_a_judged_stretch_says_its_counts_and_each_e_value_beside_its_limit(rollout):
    assert "            new 16/80 bad, old 0/1520; safe -40.0 of 3.0, harm +5.1 of 4.6" in render_rollout_text(rollout).splitlines()


def test_no_line_of_the_text_is_wider_than_80_columns(rollout):
    assert max(map(len, render_rollout_text(rollout).splitlines())) <= 80


def test_a_stretch_is_told_with_its_last_counts_and_time(rollout):
    assert "     9.0 s  ANALYZING" in render_rollout_text(rollout)
    assert "     2.0 s  ANALYZING" not in render_rollout_text(rollout)


def test_the_picture_is_well_formed_inside_its_frame_and_told_in_words(rollout):
    drawn = draw_rollout(rollout)
    root = ElementTree.fromstring(drawn.svg)
    _, _, width, height = (float(number) for number in root.get("viewBox").split())
    for shape in root.iter("polyline"):
        for pair in shape.get("points").split():
            x, y = (float(number) for number in pair.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height
    assert "ANALYZING at 25 %" in drawn.words
    assert "ROLLED_BACK: the new release fails more often" in drawn.words


def test_a_rollout_without_looks_has_words_and_no_picture(rollout):
    drawn = draw_rollout({**rollout, "looks": []})
    assert drawn.svg == ""
    assert "ROLLED_BACK" in drawn.words
    assert render_rollout_text({**rollout, "looks": []}).startswith(OLD)


def test_a_clock_that_was_set_back_does_not_turn_the_path_around(rollout):
    looks = [*rollout["looks"][:3], look(1, "ANALYZING", 500, log_e_harm=0.0, log_e_safe=1.2), rollout["looks"][-1]]
    points = ElementTree.fromstring(draw_rollout({**rollout, "looks": looks}).svg).find("polyline").get("points")
    xs = [float(pair.split(",")[0]) for pair in points.split()]
    assert xs == sorted(xs)


def test_hostile_words_stay_words(rollout):
    drawn = draw_rollout({**rollout, "new": "<script>", "reason": "\033[2J"})
    assert "<script>" not in drawn.svg
    assert "\033" not in render_rollout_text({**rollout, "reason": "\033[2J"})
