"""The rule finds what was drawn, where it was drawn, and leaves alone what is not clear."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import path

from bars import real
from features import WINDOW
from spans import BACK, CLEAR, CONSOLIDATION, HINT, RETRACEMENT, consolidation, retracement, span_of


def climb(start: float, steps: int, by: float) -> list[float]:
    return [start + by * step for step in range(1, steps + 1)]


def rest() -> list[float]:
    """A climb, 30 bars within half a bar's range, and another climb."""
    levels = climb(100, 40, 1.0)
    levels += [140 + 0.25 * (-1) ** bar for bar in range(30)]
    return levels + climb(140, WINDOW - 70, 1.0)


def way_back() -> list[float]:
    """A climb of 60, half of it lost again, and on."""
    levels = climb(100, 60, 1.0) + climb(160, 30, -1.0)
    return levels + climb(130, WINDOW - 90, 1.4)


def test_a_drawn_rest_is_a_consolidation_where_it_was_drawn():
    span = span_of(path(rest()))
    assert span is not None
    assert span.label == CONSOLIDATION
    assert abs(span.start - 40) <= 4
    assert abs(span.end - 69) <= 4


def test_a_drawn_way_back_is_a_retracement_where_it_was_drawn():
    span = span_of(path(way_back()))
    assert span is not None
    assert (span.label, span.start, span.end) == (RETRACEMENT, 60, 90)


def test_a_straight_climb_shows_neither():
    assert span_of(path(climb(100, WINDOW, 1.0))) is None


@pytest.mark.parametrize("lost", [0.2, 0.9])
def test_a_way_back_of_too_little_or_too_much_is_none(lost):
    assert not BACK[0] <= lost <= BACK[1]
    levels = climb(100, 60, 1.0) + climb(160, 30, -2.0 * lost) + climb(160 - 60 * lost, WINDOW - 90, 5.0)
    assert retracement(path(levels), HINT) is None


def test_a_window_that_shows_both_has_no_label():
    levels = climb(100, 40, 1.0) + climb(140, 20, -1.0) + [120 + 0.25 * (-1) ** bar for bar in range(WINDOW - 60)]
    window = path(levels)
    assert consolidation(window, CLEAR) is not None
    assert retracement(window, CLEAR) is not None
    assert span_of(window) is None


@pytest.mark.parametrize("series", ["sp500", "nasdaq"])
def test_spans_of_real_bars_lie_in_their_window(series):
    bars = real(series)
    found = [span for start in range(0, len(bars) - WINDOW, 25) if (span := span_of(bars[start : start + WINDOW]))]
    assert {span.label for span in found} == {CONSOLIDATION, RETRACEMENT}
    assert all(0 <= span.start <= span.end <= WINDOW - 1 for span in found)
    assert all(span.end - span.start + 1 >= CLEAR.run for span in found if span.label == CONSOLIDATION)


def test_the_rule_is_blind_to_the_scale(made):
    window = made[100 : 100 + WINDOW]
    larger = type(window)("larger", window.days, *(prices * 50 for prices in (window.open, window.high, window.low, window.close)))
    assert span_of(larger) == span_of(window)
    assert np.isfinite(larger.close).all()
