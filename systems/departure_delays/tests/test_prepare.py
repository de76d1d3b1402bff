"""What preparation does with ordinary flights, and with the odd ones."""

from __future__ import annotations

from datetime import date, datetime

import pytest

import prepare
from features import NAMES, TARGET, TIME, read_schema


def test_a_flight_has_the_listed_features_in_their_order_and_nothing_that_happens_later(airport):
    airport.flight()
    airport.weather(temp=20.0, origin="JFK")
    airport.weather(temp=39.0)
    (row,) = airport.rows()
    assert sorted(row) == sorted([TIME, *NAMES, TARGET, prepare.LANDED])
    assert (row["temp"], row["hour"], row["weekday"], row["minutes"]) == (39.0, 6, 2, 105.0)
    assert (row[TIME], row[prepare.LANDED]) == (datetime(2013, 3, 5, 6, 0), datetime(2013, 3, 5, 8, 0))
    assert not {"dep_delay", "arr_delay", "air_time", "dep_time"} & set(NAMES)


def test_a_missing_hour_of_weather_leaves_nulls_and_an_impossible_wind_becomes_one(airport):
    airport.flight()
    assert [airport.rows()[0][name] for name in ("temp", "humid", "wind_speed", "precip", "pressure", "visib")] == [None] * 6
    airport.weather(wind_speed=1048.36)
    (row,) = airport.rows()
    assert (row["wind_speed"], row["temp"]) == (None, 39.0)


def test_cancelled_and_diverted_flights_have_no_label_and_are_left_out_but_were_on_the_timetable(airport):
    airport.flight(dep_delay=None, dep_time=None, arr_delay=None)
    airport.flight(arr_delay=None)
    airport.flight(flight=7)
    (row,) = airport.rows()
    assert row["departures"] == 3


@pytest.mark.parametrize(("delay", "late"), [(15, 0), (16, 1), (-60, 0), (1301, 1)])
def test_late_means_more_than_fifteen_minutes(airport, delay, late):
    airport.flight(arr_delay=delay)
    assert airport.rows()[0]["late"] == late


def test_the_tables_follow_each_other_up_to_the_day_on_which_they_are_made():
    found = prepare.parts(date(2013, 12, 1), 30)
    ends = list(found.values())
    assert list(found) == ["train", "validation", "test", "live"]
    assert all(earlier[1] == later[0] for earlier, later in zip(ends, ends[1:], strict=False))
    assert found["test"] == (date(2013, 11, 1), date(2013, 12, 1))
    with pytest.raises(SystemExit, match="leaves no day for the table train"):
        prepare.parts(date(2013, 2, 1), 30)


def test_the_tables_on_disk_are_the_same_twice_and_only_the_live_one_knows_when_flights_landed(airport, tmp_path):
    import duckdb

    for month in range(1, 13):
        airport.flight(month=month)
        airport.flight(month=month, day=28, arr_delay=90.0)
    facts = airport.write(tmp_path / "a")
    assert facts == airport.write(tmp_path / "b")
    for part in facts:
        assert (tmp_path / "a" / f"{part}.parquet").read_bytes() == (tmp_path / "b" / f"{part}.parquet").read_bytes()
        columns = duckdb.sql(f"SELECT * FROM '{tmp_path / 'a' / part}.parquet'").columns
        assert columns == [TIME, *NAMES, TARGET, *([prepare.LANDED] if part == "live" else [])]
    assert [facts[part]["rows"] for part in facts] == [18, 2, 2, 2]


def test_the_small_setting_keeps_every_fourth_flight_and_says_so(airport, tmp_path):
    for month in range(1, 13):
        for hour in range(4):
            airport.flight(month=month, sched_dep_time=600 + 100 * hour, sched_arr_time=745 + 100 * hour)
    facts = airport.write(tmp_path, small=True)
    assert sum(one["rows"] for one in facts.values()) == 12
    assert '"setting": "small"' in (tmp_path / "tables.json").read_text()


@pytest.mark.parametrize("change", [{"distance": None}, {"distance": 60_000.0}, {"sched_arr_time": 601}])
def test_a_table_that_breaks_the_schema_is_not_written(airport, tmp_path, change):
    for month in range(1, 13):
        airport.flight(month=month, **change)
    with pytest.raises(SystemExit, match=r"configs/schema\.yaml"):
        airport.write(tmp_path)
    assert not list(tmp_path.glob("*.parquet"))


def test_the_schema_names_the_columns_of_the_feature_list_in_its_order():
    assert list(read_schema()["columns"]) == list(NAMES)


def test_what_is_later_is_counted_from_the_tables_that_lie_there_and_keeps_their_setting(airport, tmp_path):
    for month in range(1, 13):
        for hour in range(4):
            airport.flight(month=month, sched_dep_time=600 + 100 * hour, sched_arr_time=745 + 100 * hour)
    airport.write(tmp_path, small=True)
    assert prepare.gone_on(tmp_path, 20) == (date(2013, 12, 21), True)
    with pytest.raises(SystemExit, match="nobody knows what is later"):
        prepare.gone_on(tmp_path / "nowhere", 20)
