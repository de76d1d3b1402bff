"""Make the tables: `python prepare.py [--generated 200]`.

Real daily bars of two indices and generated ones become windows of 105 bars with eleven features each; the rule of `spans.py` labels them.

Rules:
  1. The parts follow each other in time, by PARTS. A window belongs to a part when all of its bars do; from one part to the next, 20 bars
     of each series are left out. So no bar is in windows of two parts, of either series: both are cut at the same days.
  2. Windows that show neither span, or both, have no label and go into no table.
  3. Generated bars end before the training does, and go into the training table alone. Validation, test and live are real.
  4. Features are computed on the whole series and are causal (`features.py`): a window has nothing of what came after it.
  5. The same input gives the same tables, row for row.

`data/unlabelled.parquet` has the bars of the training part, generated ones included, without any label: the encoder is pre-trained on them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bars import SERIES, Bars, generated, real
from features import FEATURES, WINDOW, features
from spans import Span, span_of

SEED = 17
#: First and last day of each part. `live` is what the service meets later.
PARTS = {
    "train": ("1999-01-01", "2007-12-31"),
    "validation": ("2008-01-01", "2012-12-31"),
    "test": ("2013-01-01", "2015-12-31"),
    "live": ("2016-01-01", "2018-12-31"),
}
STRIDE = {"train": 2, "validation": 1, "test": 2, "live": 1}  #: bars from one window to the next
GENERATED, APART = 2250, 30  #: bars of a generated series, as long as the training part; and from one of its windows to the next
EMBARGO = 20  #: bars at the beginning of a part that are in none of its windows
NUMBERS = pa.list_(pa.list_(pa.float32(), len(FEATURES)), WINDOW)
Array = np.ndarray


@dataclass(frozen=True)
class Window:
    """One labelled window: its features float32 [105, 11], what it shows, and the day of its last bar."""

    series: str
    values: Array
    span: Span
    last_day: np.datetime64


def windows(bars: Bars, part: str, stride: int) -> Iterator[Window]:
    """The labelled windows of a part, in order of time."""
    first_day, last_day = (np.datetime64(day) for day in PARTS[part])
    values = features(bars)
    inside = np.flatnonzero((bars.days >= first_day) & (bars.days <= last_day))
    if not len(inside):
        return
    begin = int(inside[0]) + (0 if part == "train" else EMBARGO)
    for start in range(begin, int(inside[-1]) + 2 - WINDOW, stride):
        taken = slice(start, start + WINDOW)
        if np.isnan(values[taken]).any():
            continue
        span = span_of(bars[taken])
        if span is not None:
            yield Window(bars.name, values[taken], span, bars.days[start + WINDOW - 1])


def write(path: Path, rows: list[Window]) -> None:
    """One row a window: `window` [105][11], `label`, `span_start`, `span_end`, `series`, `last_bar`."""
    flat = pa.array(np.concatenate([row.values.ravel() for row in rows]), pa.float32())
    bars = pa.FixedSizeListArray.from_arrays(flat, len(FEATURES))
    table = pa.table(
        {
            "window": pa.FixedSizeListArray.from_arrays(bars, WINDOW),
            "label": pa.array([row.span.label for row in rows], pa.int8()),
            "span_start": pa.array([row.span.start for row in rows], pa.int16()),
            "span_end": pa.array([row.span.end for row in rows], pa.int16()),
            "series": pa.array([row.series for row in rows]),
            "last_bar": pa.array([row.last_day.astype("datetime64[us]") for row in rows], pa.timestamp("us")),
        }
    )
    pq.write_table(table, path, compression="zstd")


def write_bars(path: Path, series: list[Bars]) -> None:
    columns = {name: np.concatenate([getattr(bars, name) for bars in series]) for name in ("open", "high", "low", "close")}
    days = np.concatenate([bars.days for bars in series]).astype("datetime64[us]")
    names = [bars.name for bars in series for _ in range(len(bars))]
    pq.write_table(pa.table({"series": names, "day": pa.array(days), **columns}), path, compression="zstd")


def main(words: Sequence[str] | None = None) -> None:
    arguments = parse(words)
    arguments.out.mkdir(parents=True, exist_ok=True)
    series = [real(name) for name in SERIES]
    last = np.datetime64(PARTS["train"][1])
    made = [generated(GENERATED, SEED + number, last) for number in range(arguments.generated)]
    summary: dict[str, object] = {}
    for part, stride in STRIDE.items():
        sources = [*series, *(made if part == "train" else [])]
        rows = [row for bars in sources for row in windows(bars, part, APART if bars.name.startswith("generated") else stride)]
        rows.sort(key=lambda row: (row.last_day, row.series))
        if not rows:
            raise SystemExit(f"{part}: no window shows exactly one span")
        write(arguments.out / f"{part}.parquet", rows)
        summary[part] = {
            "rows": len(rows),
            "generated": sum(row.series.startswith("generated") for row in rows),
            "retracements": round(sum(row.span.label for row in rows) / len(rows), 4),
            "from": str(rows[0].last_day),
            "to": str(rows[-1].last_day),
        }
    write_bars(arguments.out / "unlabelled.parquet", [bars[: int((bars.days <= last).sum())] for bars in (*series, *made)])
    ends = {name: f"{PARTS[part][1]}T23:59:59" for name, part in (("train_end", "train"), ("val_end", "validation"), ("test_end", "test"))}
    (arguments.out / "splits.json").write_text(json.dumps(ends, indent=1) + "\n")
    (arguments.out / "tables.json").write_text(json.dumps(summary, indent=1) + "\n")
    print(json.dumps(summary))


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Make the tables of windows.")
    parser.add_argument("--generated", type=int, default=200, help="generated series beside the real ones (0: none)")
    parser.add_argument("--out", type=Path, default=Path("data"))
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
