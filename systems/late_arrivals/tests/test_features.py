"""The calendar and the list of features."""

from __future__ import annotations

from datetime import date

import pytest

from features import FEATURES, NUMBERS, SEASONS, TARGET, TIME, WORDS, calendar, season


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2013, 3, 5), "ordinary"),
        (date(2013, 5, 26), "holiday"),
        (date(2013, 5, 28), "holiday"),
        (date(2013, 5, 29), "ordinary"),
        (date(2013, 7, 4), "holiday"),
        (date(2013, 7, 20), "summer"),
        (date(2013, 11, 29), "holiday"),
        (date(2013, 12, 19), "ordinary"),
        (date(2013, 12, 20), "christmas"),
        (date(2013, 12, 27), "christmas"),
        (date(2013, 12, 31), "holiday"),
    ],
)
def test_a_day_has_the_season_of_its_date(day, expected):
    assert season(day) == expected


def test_every_day_of_the_year_has_exactly_one_known_season():
    days = calendar(2013)
    assert len(days) == 365
    assert len(dict(days)) == 365
    assert {name for _, name in days} == set(SEASONS)


def test_nothing_that_happens_after_departure_is_a_feature():
    later = {"arr_delay", "arr_time", "air_time", TARGET, TIME}
    assert not later & set(FEATURES)
    assert FEATURES == NUMBERS + WORDS
    assert len(set(FEATURES)) == len(FEATURES)
