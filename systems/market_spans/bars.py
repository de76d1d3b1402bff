"""Bars of a market: real ones out of an installed package, and generated ones from a seed.

The real ones are the daily bars of the S&P 500 and the NASDAQ Composite, 1999 to 2018, that lie inside the package `arch` (NCSA licence).
The package is found and never imported: its import needs statsmodels, its files need nothing.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SERIES = ("sp500", "nasdaq")
Array = np.ndarray


@dataclass(frozen=True)
class Bars:
    """Bars in order of time. `days` are dates; `open`, `high`, `low`, `close` are float64 prices, all [bars]."""

    name: str
    days: Array
    open: Array
    high: Array
    low: Array
    close: Array

    def __len__(self) -> int:
        return len(self.days)

    def __getitem__(self, part: slice) -> Bars:
        return Bars(self.name, self.days[part], self.open[part], self.high[part], self.low[part], self.close[part])


def package_file(series: str) -> Path:
    """The file of one series inside the installed package arch. Exits in words when it is not there."""
    spec = importlib.util.find_spec("arch")
    if spec is None or spec.origin is None:
        raise SystemExit("the package arch is not installed: pip install --no-deps arch==8.0.0")
    path = Path(spec.origin).parent / "data" / series / f"{series}.csv.gz"
    if not path.is_file():
        raise SystemExit(f"the installed package arch has no {series} bars: pip install --no-deps arch==8.0.0")
    return path


def real(series: str) -> Bars:
    """All daily bars of a series. Exits in words when a bar contradicts itself or the days are not in order."""
    with gzip.open(package_file(series), "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    days = np.array([day(row["Date"]) for row in rows], dtype="datetime64[D]")
    prices = {name: np.array([float(row[name]) for row in rows]) for name in ("Open", "High", "Low", "Close")}
    bars = Bars(series, days, prices["Open"], prices["High"], prices["Low"], prices["Close"])
    check(bars)
    return bars


def day(written: str) -> str:
    """1999-01-04, which the package's files write as 1/4/1999."""
    month, of_month, year = written.split("/")
    return f"{year}-{month:0>2}-{of_month:0>2}"


def check(bars: Bars) -> None:
    """Exits in words unless every bar is one: finite, low <= open, close <= high, and later than the bar before it."""
    low, high = np.minimum(bars.open, bars.close), np.maximum(bars.open, bars.close)
    whole = np.isfinite(bars.high) & np.isfinite(bars.low) & (bars.low > 0) & (bars.low <= low) & (high <= bars.high)
    if not whole.all():
        raise SystemExit(f"{bars.name}: the bar of {bars.days[int(whole.argmin())]} contradicts itself")
    if not (np.diff(bars.days) > np.timedelta64(0, "D")).all():
        raise SystemExit(f"{bars.name}: the days are not in order")


def generated(length: int, seed: int, last_day: np.datetime64) -> Bars:
    """Bars of a market that trends, goes back and rests by turns, the last one on or before `last_day`.

    Each stretch lasts 12 to 60 bars and is a leg up, a leg down or a rest, in which the price is drawn back to where the rest began.
    Volatility wanders by itself. A bar is made of 12 steps, so that its high and low are those of a path.
    """
    rng = np.random.default_rng(seed)
    steps = 12
    noise, gusts = rng.normal(size=(length, steps)) / np.sqrt(steps), rng.normal(size=length)
    close = np.empty((length, steps))
    level, anchor, drift, pull, quiet, left, wander = 0.0, 0.0, 0.0, 0.0, 1.0, 0, 0.0
    for bar in range(length):
        if left == 0:
            left = int(rng.integers(12, 61))
            rests = rng.random() < 0.35
            drift = 0.0 if rests else float(rng.choice((-1.0, 1.0)) * rng.uniform(0.05, 0.35))
            pull, quiet, anchor = (0.15, 0.7, level) if rests else (0.0, 1.0, level)
        left -= 1
        wander = 0.97 * wander + 0.08 * float(gusts[bar])
        size = 0.011 * quiet * math.exp(wander)
        for step, shock in enumerate(noise[bar].tolist()):
            level += (0.011 * drift + pull * (anchor - level)) / steps + size * shock
            close[bar, step] = level
    opens = np.concatenate([[0.0], close[:-1, -1]]) + 0.001 * rng.normal(size=length)
    path = np.concatenate([opens[:, None], close], axis=1)
    days = np.busday_offset(last_day, np.arange(-length + 1, 1), roll="backward")
    prices = 1000 * np.exp(np.stack([opens, path.max(axis=1), path.min(axis=1), close[:, -1]]))
    return Bars(f"generated-{seed}", days, *prices)
