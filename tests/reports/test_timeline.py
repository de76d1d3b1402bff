"""Series over time: gaps are gaps, limits stand beside their series, samples below, all in words; nothing hostile reaches the page."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from gonogo.base.clock import stamp
from gonogo.reports.timeline import FLOOR, HIGH, Limit, Point, draw_timeline, sparkline

SINCE = datetime(2026, 11, 21, tzinfo=UTC)
UNTIL = SINCE + timedelta(hours=1)


def point(minute: int, value: float | None, n: int = 10, width: float = 0.0) -> Point:
    low, high = (None, None) if value is None else (value - width, value + width)
    return Point(stamp(SINCE + timedelta(minutes=minute)), value, n, low, high)


def draw(points, limits=(), **more):
    return draw_timeline("Latency", {"P95": points}, limits, since=SINCE, until=UNTIL, unit="ms", **more)


def polylines(svg: str, kind: str) -> list[list[tuple[float, float]]]:
    return [
        [tuple(map(float, place.split(","))) for place in found.split()]  # type: ignore[misc]
        for found in re.findall(rf'<polyline points="([^"]+)" class="{kind}"', svg)
    ]


def test_a_line_runs_over_the_time_it_was_measured_and_words_say_the_same():
    drawn = draw([point(0, 1.0), point(30, 3.0), point(59, 2.0, n=7, width=0.5)]).drawn
    [line] = polylines(drawn.svg, "curve")
    assert len(line) == 3
    assert line[0][0] < line[1][0] < line[2][0]
    assert line[1][1] < line[2][1] < line[0][1], "higher is further up"
    assert drawn.words.startswith("P95: last 2 ms (1.5 ms to 2.5 ms) of n = 7, highest 3 ms at 2026-11-21 00:30 UTC.")


def test_what_was_not_measured_is_a_gap_and_never_a_zero():
    minutes = [*range(10), *range(30, 40)]
    lines = polylines(draw([point(minute, 2.0) for minute in minutes]).drawn.svg, "curve")
    assert [len(line) for line in lines] == [10, 10]
    values = [2.0, 2.0, None, 2.0, 2.0]
    lines = polylines(draw([point(minute, value) for minute, value in enumerate(values)]).drawn.svg, "curve")
    assert [len(line) for line in lines] == [2, 2]


def test_a_point_alone_is_a_dot():
    assert "<circle" in draw([point(3, 1.0)]).drawn.svg


@pytest.mark.parametrize("points", [[], [point(0, None, 0)], [point(0, float("nan"))]])
def test_nothing_measured_is_said_with_the_limits(points):
    drawn = draw(points, [Limit("slow", 50, "critical")]).drawn
    assert drawn.svg == ""
    assert drawn.words == "Nothing was measured in this time. Limits: slow (critical) rings above 50 ms."


def test_every_limit_is_drawn_at_its_height_with_its_name():
    drawn = draw([point(0, 10.0), point(50, 30.0)], [Limit("warn", 20.0), Limit("slow", 50.0)]).drawn
    heights = sorted(line[0][1] for line in polylines(drawn.svg, "limit"))
    [line] = polylines(drawn.svg, "curve")
    assert heights[0] < line[1][1] < heights[1] < line[0][1] < FLOOR
    assert "warn 20 ms" in drawn.svg
    assert "slow 50 ms" in drawn.svg


def test_a_limit_far_above_is_an_arrow_unless_the_picture_is_to_scale():
    points, far = [point(0, 1.0), point(50, 2.0)], [Limit("slow", 1000.0), Limit("slower", 2000.0)]
    drawn = draw(points, far).drawn
    assert polylines(drawn.svg, "limit") == []
    assert "↑ slow 1,000 ms and 1 more" in drawn.svg
    assert polylines(drawn.svg, "curve")[0][1][1] < FLOOR - HIGH / 2, "the series fills the picture"
    assert len(polylines(draw(points, far, to_scale=True).drawn.svg, "limit")) == 2


def test_intervals_are_a_band_and_samples_are_bars():
    svg = draw([point(minute, 5.0, n=minute, width=1.0) for minute in range(1, 6)]).drawn.svg
    assert svg.count('class="band curve-band"') == 1
    assert len(re.findall('class="samples"', svg)) == 5
    assert "n = 5" in svg


def test_lines_differ_by_more_than_colour_and_carry_their_names():
    series = {name: [point(0, 1.0), point(9, value)] for name, value in (("P50", 1.0), ("P95", 2.0), ("P99", 3.0))}
    svg = draw_timeline("Latency", series, since=SINCE, until=UNTIL, unit="ms").drawn.svg
    assert {kind: len(polylines(svg, kind)) for kind in ("curve", "harm", "third")} == {"curve": 1, "harm": 1, "third": 1}
    assert all(f">{name}</text>" in svg for name in series)


def test_a_share_is_told_in_percent_and_rows_hold_every_point():
    timeline = draw_timeline(
        "Errors", {"bad": [point(0, 0.0123, 400, 0.002)]}, [Limit("errors", 0.05)], since=SINCE, until=UNTIL, unit="share"
    )
    assert "last 1.23 % (1.03 % to 1.43 %) of n = 400" in timeline.drawn.words
    assert timeline.rows == ((stamp(SINCE), "bad", "1.23 %", "1.03 % to 1.43 %", "400"),)


def test_names_of_strangers_are_text():
    hostile = '"><script>alert(1)</script>'
    timeline = draw_timeline(hostile, {hostile: [point(0, 1.0), point(1, 2.0)], "b": []}, [Limit(hostile, 1.5)], since=SINCE, until=UNTIL)
    assert "<script" not in timeline.drawn.svg


@pytest.mark.parametrize("values", [[0.0, 0.0], [1e-12, 2e-12], [1e12, 2e12], [-1.0, 1.0]])
def test_any_size_is_drawn_inside_the_picture(values):
    for limits in ([], [Limit("at", 5.0)]):
        svg = draw([point(minute, value) for minute, value in enumerate(values)], limits).drawn.svg
        [line] = polylines(svg, "curve")
        assert all(FLOOR - HIGH - 0.01 <= y <= FLOOR + 0.01 for _, y in line)


def test_a_spark_is_a_line_with_its_limit_and_empty_without_two_values():
    assert sparkline([point(0, 1.0)], None, "x") == ""
    svg = sparkline([point(0, 1.0), point(1, 2.0)], 1.5, 'P95 "now"')
    assert (len(polylines(svg, "curve")), len(polylines(svg, "limit"))) == (1, 1)
    assert polylines(sparkline([point(0, 1.0), point(1, 2.0)], 99.0, "x"), "limit") == []
