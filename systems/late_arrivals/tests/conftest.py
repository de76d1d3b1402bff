"""A few flights and hours of weather, made by hand, in the shape of the package's CSV files."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import prepare

FLIGHT = {
    "year": 2013, "month": 3, "day": 5, "dep_time": 605, "sched_dep_time": 600, "dep_delay": 5, "arr_time": 800,
    "sched_arr_time": 805, "arr_delay": -5, "carrier": "UA", "flight": 1, "tailnum": "N1", "origin": "EWR", "dest": "ORD",
    "air_time": 100, "distance": 719, "hour": 6, "minute": 0, "time_hour": "2013-03-05T11:00:00Z",
}  # fmt: skip
WEATHER = {
    "origin": "EWR", "year": 2013, "month": 3, "day": 5, "hour": 6, "temp": 39.0, "dewp": 30.0, "humid": 70.0, "wind_dir": 200,
    "wind_speed": 10.0, "wind_gust": None, "precip": 0.0, "pressure": 1012.0, "visib": 10.0, "time_hour": "2013-03-05T11:00:00Z",
}  # fmt: skip


class Airport:
    """Flights and weather to prepare: `flight()` and `weather()` add one with some values changed, `rows()` prepares a part."""

    def __init__(self) -> None:
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute(
            "CREATE TABLE flights (year BIGINT, month BIGINT, day BIGINT, dep_time BIGINT, sched_dep_time BIGINT, dep_delay BIGINT, "
            "arr_time BIGINT, sched_arr_time BIGINT, arr_delay BIGINT, carrier VARCHAR, flight BIGINT, tailnum VARCHAR, origin VARCHAR, "
            "dest VARCHAR, air_time BIGINT, distance BIGINT, hour BIGINT, minute BIGINT, time_hour VARCHAR)"
        )
        self.connection.execute(
            "CREATE TABLE weather (origin VARCHAR, year BIGINT, month BIGINT, day BIGINT, hour BIGINT, temp DOUBLE, dewp DOUBLE, "
            "humid DOUBLE, wind_dir BIGINT, wind_speed DOUBLE, wind_gust DOUBLE, precip DOUBLE, pressure DOUBLE, visib DOUBLE, "
            "time_hour VARCHAR)"
        )
        prepare.fill_calendar(self.connection)

    def flight(self, **changes: object) -> None:
        self._insert("flights", FLIGHT | changes)

    def weather(self, **changes: object) -> None:
        self._insert("weather", WEATHER | changes)

    def rows(self, first: int = 1, last: int = 12, late: int = 45) -> list[dict[str, object]]:
        result = self.connection.execute(prepare.QUERY, {"late": late, "first": first, "last": last, "every": 1})
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def _insert(self, table: str, row: dict[str, object]) -> None:
        self.connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", list(row.values()))


@pytest.fixture
def airport():
    airport = Airport()
    yield airport
    airport.connection.close()
