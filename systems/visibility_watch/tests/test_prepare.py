"""What preparation does with ordinary hours, and with the odd ones. Above all: no feature may know what is to come."""

from __future__ import annotations

import json

import pytest

import prepare
from features import AHEAD, CANDIDATES, DROPPED, FEATURES, LOOK_BACK, TARGET, TIME


def test_no_feature_changes_when_the_future_does(station):
    station.hours(0, 12)
    before = station.rows()[8]
    station.connection.execute("DELETE FROM weather WHERE time_hour > '2013-03-05T08:00:00Z'")
    station.hours(9, 12, visib=0.5, temp=20.0, dewp=20.0, precip=1.0, pressure=980.0, wind_speed=40.0, wind_dir=90)
    after = station.rows()[8]
    assert [after[name] for name in CANDIDATES] == [before[name] for name in CANDIDATES]
    assert (before[TARGET], after[TARGET]) == (0, 1)


def test_no_feature_looks_back_further_than_is_said(station):
    station.hours(0, 12)
    before = station.rows()[9]
    station.connection.execute(f"DELETE FROM weather WHERE time_hour < '2013-03-05T0{9 - LOOK_BACK}:00:00Z'")
    assert station.rows()[9] == before


@pytest.mark.parametrize(("at", "low"), [(0, 0), (1, 1), (2, 1), (3, 1), (4, 0)])
def test_low_means_at_some_time_within_the_next_three_hours_and_not_now(station, at, low):
    for number in range(6):
        station.hour(number, visib=2.5 if number == at else 10.0)
    assert station.rows()[0][TARGET] == low


def test_three_miles_are_not_low(station):
    station.hours(0, 3, visib=3.0)
    assert station.rows()[0][TARGET] == 0


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_an_hour_whose_next_three_are_not_all_known_is_left_out(station, missing):
    station.hour(0)
    for number in {1, 2, 3} - {missing}:
        station.hour(number)
    assert station.rows() == {}
    station.hour(missing, visib=None)
    assert station.rows() == {}


def test_a_missing_hour_leaves_a_null_and_moves_no_other_hour_into_its_place(station):
    station.hours(0, 3, visib=4.0)
    station.hours(5, 12)
    assert station.rows()[5]["visib_1h"] is None
    assert station.rows()[6]["visib_1h"] == 10.0
    assert station.rows()[7]["visib_3h"] is None
    assert station.rows()[6]["visib_3h"] == 4.0
    assert station.rows()[6]["visib_lowest_6h"] == 4.0


def test_the_lowest_visibility_of_the_area_is_that_of_all_airports_in_the_same_hour(station):
    station.hours(0, 3)
    station.hour(0, origin="EWR", visib=1.0)
    station.hour(1, origin="LGA", visib=0.5)
    assert station.rows()[0]["visib_area"] == 1.0
    assert station.rows()[0]["visib"] == 10.0


def test_wind_is_told_by_where_it_blows_from(station):
    station.hour(0, wind_dir=90, wind_speed=12.0)
    station.hours(1, 3)
    row = station.rows()[0]
    assert row["wind_east"] == pytest.approx(12.0)
    assert row["wind_north"] == pytest.approx(0.0, abs=1e-9)


def test_a_wind_that_cannot_be_becomes_null(station):
    station.hour(0, wind_speed=1048.36)
    station.hours(1, 3)
    assert station.rows()[0]["wind_speed"] is None
    assert station.rows()[0]["temp"] == 50.0


def test_an_hour_that_stands_twice_is_one_hour(station):
    station.hours(0, 3)
    station.hour(0)
    assert list(station.rows()) == [0]


@pytest.mark.parametrize("until", [2, 8, 9])
def test_the_parts_follow_each_other_and_the_gap_is_as_long_as_what_is_looked_at(until):
    months = [month for first, last in prepare.parts(until).values() for month in range(first, last + 1)]
    assert months == list(range(1, 13))
    assert prepare.GAP > LOOK_BACK + AHEAD


def test_the_tables_on_disk_are_the_same_twice_and_lie_apart(station, tmp_path):
    station.year()
    facts = [_written(station, tmp_path / name) for name in ("a", "b")]
    assert facts[0] == facts[1]
    for part in prepare.parts():
        assert (tmp_path / "a" / f"{part}.parquet").read_bytes() == (tmp_path / "b" / f"{part}.parquet").read_bytes()
    assert facts[0]["validation"]["first"] == f"2013-09-01T{prepare.GAP:02}:00:00"
    assert facts[0]["train"]["last"] == "2013-08-31T23:00:00"


def test_the_model_takes_all_candidates_but_those_that_were_dropped():
    assert set(FEATURES) | set(DROPPED) == set(CANDIDATES)
    assert not {TIME, TARGET} & set(CANDIDATES)


def _written(station, folder):
    for table in ("readings", "hours"):
        station.connection.execute(f"DROP TABLE IF EXISTS {table}")
    facts = prepare.write(station.connection, folder)
    assert json.loads((folder / "tables.json").read_text())["parts"] == facts
    return facts
