"""A small airport of its own for the tests of the preparation, in the shape of the package's tables."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest

import prepare

FLIGHT = {
    "year": 2013, "month": 3, "day": 5, "dep_time": 605, "sched_dep_time": 600, "dep_delay": 5.0, "arr_time": 800, "sched_arr_time": 745,
    "arr_delay": 15.0, "carrier": "B6", "flight": 1, "tailnum": "N1", "origin": "EWR", "dest": "BOS", "air_time": 95.0, "distance": 200.0,
    "hour": 6, "minute": 0, "time_hour": "2013-03-05T11:00:00Z",
}  # fmt: skip
WEATHER = {
    "origin": "EWR", "time_hour": "2013-03-05T11:00:00Z", "temp": 39.0, "humid": 61.0, "wind_speed": 10.0, "precip": 0.0,
    "pressure": 1012.0, "visib": 10.0,
}  # fmt: skip
TYPES = {int: "INTEGER", float: "DOUBLE", str: "VARCHAR"}


class Airport:
    """Flights and weather in a database in memory."""

    def __init__(self) -> None:
        self.connection = duckdb.connect(config={"threads": 1})
        for table, row in (("flights", FLIGHT), ("weather", WEATHER)):
            self.connection.execute(f"CREATE TABLE {table} ({', '.join(f'{name} {TYPES[type(value)]}' for name, value in row.items())})")

    def flight(self, **changes: object) -> None:
        self._insert("flights", FLIGHT | changes)

    def weather(self, **changes: object) -> None:
        self._insert("weather", WEATHER | changes)

    def rows(self) -> list[dict[str, object]]:
        result = self.connection.execute(prepare.QUERY, {"late": 15, "every": 1})
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def write(self, folder, **changes) -> dict[str, dict[str, object]]:
        return prepare.write(self.connection, folder, **{"today": date(2013, 12, 1), "days": 30, "small": False, **changes})

    def _insert(self, table: str, row: dict[str, object]) -> None:
        self.connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", list(row.values()))


@pytest.fixture
def airport():
    airport = Airport()
    yield airport
    airport.connection.close()
