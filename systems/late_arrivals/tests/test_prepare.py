"""What preparation does with ordinary flights, and with the odd ones."""

from __future__ import annotations

from datetime import datetime

import pytest

import prepare
from features import FEATURES, TARGET, TIME
from prepare import ON_THE_WAY


def test_a_flight_gets_the_weather_of_its_airport_and_hour(airport):
    airport.flight()
    airport.weather(temp=20.0, origin="JFK")
    airport.weather(temp=39.0)
    (row,) = airport.rows()
    assert row["temp"] == 39.0
    assert list(row) == [TIME, *FEATURES, TARGET, *ON_THE_WAY]
    assert (row["left_gate"], row["minutes_to_gate"]) == (datetime(2013, 3, 5, 6, 5), 115)
    assert row["scheduled"] == datetime(2013, 3, 5, 6, 0)


def test_a_missing_hour_of_weather_leaves_nulls_and_keeps_the_flight(airport):
    airport.flight()
    (row,) = airport.rows()
    assert [row[name] for name in ("temp", "humid", "wind_speed", "precip", "pressure", "visib")] == [None] * 6


def test_a_wind_that_cannot_be_becomes_null(airport):
    airport.flight()
    airport.weather(wind_speed=1048.36)
    (row,) = airport.rows()
    assert row["wind_speed"] is None
    assert row["temp"] == 39.0


def test_cancelled_and_diverted_flights_have_no_label_and_are_left_out(airport):
    airport.flight(dep_delay=None, dep_time=None, arr_delay=None)
    airport.flight(arr_delay=None)
    airport.flight(flight=7)
    assert len(airport.rows()) == 1


@pytest.mark.parametrize(("delay", "late"), [(45, 0), (46, 1), (-60, 0), (1301, 1)])
def test_late_means_more_than_the_limit(airport, delay, late):
    airport.flight(arr_delay=delay)
    assert airport.rows(late=45)[0]["late"] == late


def test_a_flight_over_midnight_has_a_positive_scheduled_time(airport):
    airport.flight(sched_dep_time=2359, sched_arr_time=344)
    (row,) = airport.rows()
    assert row["sched_minutes"] == 225
    assert row["sched_dep_minute"] == 1439


def test_departures_counts_the_timetable_of_the_same_airport_and_hour_cancelled_flights_too(airport):
    airport.flight(flight=1)
    airport.flight(flight=2, arr_delay=None, dep_delay=None)
    airport.flight(flight=3, origin="JFK")
    airport.flight(flight=4, time_hour="2013-03-05T12:00:00Z")
    assert [row["departures"] for row in airport.rows()] == [2, 1, 1]


def test_the_same_input_gives_the_same_rows_in_the_same_order_whatever_order_it_came_in(airport):
    flights = [{"flight": n, "origin": origin, "day": day} for n in (3, 1, 2) for origin in ("JFK", "EWR") for day in (9, 5)]
    for flight in flights:
        airport.flight(**flight)
    first = airport.rows()
    airport.connection.execute("DELETE FROM flights")
    for flight in reversed(flights):
        airport.flight(**flight)
    assert airport.rows() == first


def test_the_parts_follow_each_other_without_overlap():
    months = [month for first, last in prepare.PARTS.values() for month in range(first, last + 1)]
    assert months == list(range(1, 13))


def test_the_tables_on_disk_are_the_same_twice_and_in_order_of_time(airport, tmp_path):
    for month in range(1, 13):
        airport.flight(month=month)
        airport.flight(month=month, day=28, arr_delay=90)
    facts = prepare.write(airport.connection, tmp_path / "a", 45)
    assert facts == prepare.write(airport.connection, tmp_path / "b", 45)
    for part in prepare.PARTS:
        assert (tmp_path / "a" / f"{part}.parquet").read_bytes() == (tmp_path / "b" / f"{part}.parquet").read_bytes()
    assert facts["train"]["last"] < facts["validation"]["first"]
    assert facts["validation"]["last"] < facts["test"]["first"]
    assert facts["test"]["last"] < facts["live"]["first"]
    assert facts["train"]["rows"] == 16


def test_the_small_setting_keeps_every_nth_flight_in_order(airport):
    for hour in range(6):
        airport.flight(sched_dep_time=600 + 100 * hour)
    query = {"late": 45, "first": 1, "last": 12}
    every = [row[0] for row in airport.connection.execute(prepare.QUERY, {**query, "every": 1}).fetchall()]
    third = [row[0] for row in airport.connection.execute(prepare.QUERY, {**query, "every": 3}).fetchall()]
    assert third == every[2::3]
    assert len(every) == 6
