"""The last stage in NumPy and in the graph."""

from __future__ import annotations

import numpy as np
import pytest

from season_correction import correct, shifts


def test_a_season_whose_mean_is_right_is_not_moved():
    scores = np.array([0.25, 0.75, 0.25, 0.75] * 50)
    late = np.array([0, 1, 1, 0] * 50)
    seasons = np.array(["ordinary", "summer", "holiday", "christmas"]).repeat(50)
    for shift in shifts(scores, late, seasons).values():
        assert shift == pytest.approx(0, abs=0.1)


def test_a_season_with_more_late_flights_than_said_is_moved_up():
    scores = np.full(400, 0.5)
    late = np.array([1, 1, 1, 0] * 100)
    seasons = np.array(["ordinary", "summer", "holiday", "christmas"]).repeat(100)
    shift = shifts(scores, late, seasons)
    assert correct(np.array([0.5]), ["summer"], shift) == pytest.approx(0.75)


def test_an_unknown_season_is_left_as_it_is():
    assert correct(np.array([0.3]), ["carnival"], {"summer": 1.0}) == pytest.approx(0.3)


def test_the_order_of_scores_within_a_season_stays():
    moved = correct(np.array([0.0, 0.1, 0.5, 0.9, 1.0]), ["summer"] * 5, {"summer": -0.7})
    assert np.all(np.diff(moved) > 0)
