"""The tables for training again: the newest month is the test, and no month is in two tables."""

from __future__ import annotations

import pytest

import prepare


@pytest.mark.parametrize("newest", range(3, 12))
def test_the_months_of_the_tables_follow_each_other(newest):
    found = prepare.parts(newest)
    assert list(found) == ["train", "validation", "test", "live"]
    months = [month for first, last in found.values() for month in range(first, last + 1)]
    assert months == list(range(1, newest + 2))
    assert found["test"] == (newest, newest)


def test_without_a_newest_month_they_are_those_that_are_released():
    assert prepare.parts(None) == prepare.PARTS
