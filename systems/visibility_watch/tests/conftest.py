"""Hours of weather made by hand, in the shape of the package's CSV file."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import prepare

START = datetime(2013, 3, 5)
HOUR = {
    "origin": "JFK", "temp": 50.0, "dewp": 40.0, "humid": 70.0, "wind_dir": 360, "wind_speed": 10.0, "wind_gust": None, "precip": 0.0,
    "pressure": 1012.0, "visib": 10.0,
}  # fmt: skip


class Station:
    """Weather to prepare: `hour(n)` adds the nth hour with some readings changed, `rows()` prepares all of it."""

    def __init__(self) -> None:
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute(
            "CREATE TABLE weather (origin VARCHAR, temp DOUBLE, dewp DOUBLE, humid DOUBLE, wind_dir BIGINT, wind_speed DOUBLE, "
            "wind_gust DOUBLE, precip DOUBLE, pressure DOUBLE, visib DOUBLE, time_hour VARCHAR)"
        )

    def hour(self, number: int, **readings: object) -> None:
        at = (START + timedelta(hours=number)).strftime("%Y-%m-%dT%H:%M:%SZ")
        values = HOUR | readings | {"time_hour": at}
        self.connection.execute(f"INSERT INTO weather VALUES ({', '.join('?' * len(values))})", list(values.values()))

    def hours(self, first: int, last: int, **readings: object) -> None:
        for number in range(first, last + 1):
            self.hour(number, **readings)

    def year(self) -> None:
        """Every hour of 2013, with low visibility at night."""
        self.connection.execute("""
            INSERT INTO weather SELECT 'JFK', 50.0, 40.0, 70.0, 360, 10.0, NULL, 0.0, 1012.0,
                CASE WHEN date_part('hour', moment) < 4 THEN 1 ELSE 10 END, strftime(moment, '%Y-%m-%dT%H:%M:%SZ')
            FROM generate_series(TIMESTAMP '2013-01-01', TIMESTAMP '2013-12-31 23:00:00', INTERVAL 1 HOUR) AS hours(moment)
        """)

    def rows(self) -> dict[int, dict[str, object]]:
        """The rows of JFK by the number of their hour."""
        for table in ("readings", "hours"):
            self.connection.execute(f"DROP TABLE IF EXISTS {table}")
        self.connection.execute(prepare.READINGS)
        self.connection.execute(prepare.QUERY)
        result = self.connection.execute("SELECT * FROM hours WHERE origin = 'JFK' ORDER BY hour")
        names = [column[0] for column in result.description]
        rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
        return {int((row["hour"] - START).total_seconds() // 3600): row for row in rows}


@pytest.fixture
def station():
    station = Station()
    yield station
    station.connection.close()
