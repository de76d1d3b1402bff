"""The flights of the replay as a stream of requests in event time.

A `Pool` is a set of real flights. A healthy week is drawn from the pool of the held-out flights: on each day of the week `multiple` times
as many as there were on such days; every draw comes at the minute of the day at which the flight left its gate (the second is drawn), so
hours and nights, and the days of the week among each other, have the traffic that they had. On which day a flight comes is drawn too: a
Wednesday made of Wednesdays alone would be made of 35 real days, whose weather is not that of eight months (the PSI of the air pressure
came to 0.15 on such days, with nothing wrong).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from gonogo.model.encode import encode_rows
from gonogo.model.predict import scores

from features import FEATURES, TARGET

DAY = 86400
WEEK = 7 * DAY
BATCH = 5000
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Pool:
    """Flights: when each left the gate (`minute` of the week from Monday 0:00, and its `day` from 0), after how many seconds it was at the
    other gate (`arrives`), whether it was `late`, the rows as a caller sends them, and after `Model.see`, the model's inputs and scores."""

    minute: np.ndarray
    day: np.ndarray
    arrives: np.ndarray
    late: np.ndarray
    rows: Rows
    weeks: float  #: of real traffic that the rows are drawn from


@dataclass(frozen=True)
class Seen:
    """What the model was given and what it said, row by row of a pool."""

    inputs: dict[str, np.ndarray]
    scores: np.ndarray


@dataclass(frozen=True)
class Stretch:
    """Requests in the order in which they come: seconds of event time since the replay's Monday, and the row of the pool."""

    at: np.ndarray
    row: np.ndarray


def read_pool(path: Path, share: float = 1.0) -> Pool:
    """The flights of a table that holds `share` of those that there were."""
    columns = ", ".join(("left_gate", "minutes_to_gate", TARGET, *FEATURES))
    with duckdb.connect(config={"threads": 1}) as connection:
        table = connection.execute(f"SELECT {columns} FROM read_parquet(?) ORDER BY left_gate", [str(path)]).fetchall()
    left = np.array([row[0] for row in table], dtype="datetime64[s]")
    day = (left.astype("datetime64[D]") - left[0].astype("datetime64[D]")).astype(np.int64)
    weekday = (left.astype("datetime64[D]").astype(np.int64) + 3) % 7  # 1970 began on a Thursday
    minute = weekday * 1440 + (left - left.astype("datetime64[D]")).astype(np.int64) // 60
    return Pool(
        minute=minute,
        day=day,
        arrives=np.array([row[1] for row in table]) * 60,
        late=np.array([row[2] for row in table]),
        rows=[dict(zip(FEATURES, row[3:], strict=True)) for row in table],
        weeks=float(len(np.unique(day))) / 7 * share,
    )


def see(served: Any, rows: Rows) -> Seen:
    """Have the model of a release answer rows as they come from callers, by the product's own path. Raises RowErrors for rows that it
    refuses."""
    given, said = [], []
    for start in range(0, len(rows), BATCH):
        batch = encode_rows(served.schema, rows[start : start + BATCH])
        given.append(batch)
        said.append(scores(served.schema, served.loaded, batch))
    return Seen({name: np.concatenate([batch[name] for batch in given]) for name in given[0]}, np.concatenate(said))


def resampled(pool: Pool, since: float, until: float, multiple: float, seed: int) -> Stretch:
    """Draws for event time from `since` to `until`, seconds since a Monday 0:00. The same seed draws the same."""
    at, row = [], []
    for day in range(int(since // DAY), int(-(-until // DAY))):
        random = np.random.default_rng((seed, day))
        flights = np.count_nonzero(pool.minute // 1440 == day % 7) / pool.weeks
        drawn = np.repeat(np.arange(len(pool.minute)), random.poisson(multiple * flights / len(pool.minute), len(pool.minute)))
        at.append(day * DAY + pool.minute[drawn] % 1440 * 60 + random.uniform(0, 60, len(drawn)))
        row.append(drawn)
    return _ordered(np.concatenate(at), np.concatenate(row), since, until)


def as_it_was(pool: Pool, first_day: int, days: int) -> Stretch:
    """The real flights of some days, each once, from second 0 on."""
    mine = np.flatnonzero((pool.day >= first_day) & (pool.day < first_day + days))
    at = (pool.day[mine] - first_day) * DAY + pool.minute[mine] % 1440 * 60.0
    return _ordered(at, mine, 0, days * DAY)


def _ordered(at: np.ndarray, row: np.ndarray, since: float, until: float) -> Stretch:
    inside = (at >= since) & (at < until)
    at, row = at[inside], row[inside]
    order = np.argsort(at, kind="stable")
    return Stretch(at[order], row[order])
