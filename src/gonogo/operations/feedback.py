"""`gonogo feedback`: labels from a file, joined to what was predicted.

A .csv or .jsonl file is read line by line, a .parquet file in batches: memory stays the same however long it is. What is no label is told
by its line (of a .parquet file: by its row, from 1), and the rest is taken. The service may run or not.
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gonogo.base.files import storage
from gonogo.base.table import literal
from gonogo.errors import DataError, NotFoundError
from gonogo.operations.workspace import Workspace
from gonogo.service.labels.desk import LABELS
from gonogo.service.labels.store import Label, LabelStore

if TYPE_CHECKING:
    from gonogo.monitor.labels import LabelReader

BATCH = 5000
BROKEN_SHOWN = 1000  #: lines that are kept with their reasons; all are counted

Read = tuple[int, Label | str]  #: the number of a line, and its label or why it has none


@dataclass
class FeedbackDone:
    """What came of a file. `broken` holds the first lines that could not be taken, with the reasons; `refused` counts all of them."""

    lines: int = 0
    joined: int = 0
    changed: int = 0
    same: int = 0
    waiting: int = 0
    refused: int = 0
    broken: list[tuple[int, str]] = field(default_factory=list)

    def refuse(self, line: int, why: str) -> None:
        self.refused += 1
        if len(self.broken) < BROKEN_SHOWN:
            self.broken.append((line, why))


def labels_path(workspace: Workspace) -> Path:
    """Where the predictions and labels of this system are kept, if they are."""
    return Path(workspace.service) / "log" / LABELS


def label_reader(workspace: Workspace) -> LabelReader:
    """What became of predictions, judged as the project declares."""
    from gonogo.monitor.labels import LabelReader

    declared = workspace.project.monitor.labels
    return LabelReader(labels_path(workspace), declared.mature_after, declared.least_coverage, expected=declared.expected)


def feedback(workspace: Workspace, path: Path, seen: Callable[[int], None] = lambda lines: None) -> FeedbackDone:
    """Take the labels of a file; `seen` is told how many lines are done.

    Raises NotFoundError when this store keeps no predictions, DataError for a file that cannot be read at all, StorageError.
    """
    database = labels_path(workspace)
    if not database.is_file():
        declared = workspace.project.prediction_log is not None
        raise NotFoundError(
            f"there is no {database}: nothing was predicted yet, or it was removed."
            if declared
            else "no predictions are kept that a label could be of.",
            hint="Serve: it is begun then." if declared else "Add `prediction_log: {}` to gonogo.yaml and serve.",
        )
    done = FeedbackDone()
    with closing(LabelStore(database)) as store:
        for batch in _batches(_reader(path)):
            _take(store, batch, done)
            seen(done.lines)
    if not done.lines:
        wanted = "prediction_id, label and, where a request had several rows, prediction_row or row"
        raise DataError(f"{path} has no labels.", hint=f"Columns: {wanted}.")
    return done


def _take(store: LabelStore, batch: list[Read], done: FeedbackDone) -> None:
    labels = [(line, found) for line, found in batch if isinstance(found, Label)]
    taken = store.take([label for _, label in labels], time.time())
    done.lines += len(batch)
    done.joined += taken.joined
    done.changed += taken.changed
    done.same += taken.same
    done.waiting += taken.waiting
    broken = [(line, found) for line, found in batch if isinstance(found, str)]
    broken += [(labels[place][0], why) for place, why in taken.refused]
    for line, why in sorted(broken):
        done.refuse(line, why)


def _batches(read: Iterator[Read]) -> Iterator[list[Read]]:
    batch: list[Read] = []
    for one in read:
        batch.append(one)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _reader(path: Path) -> Iterator[Read]:
    readers = {".csv": _csv, ".jsonl": _json_lines, ".parquet": _parquet}
    if path.suffix.lower() not in readers:
        raise DataError(f"{path.name} is no kind of file that labels are read from.", hint=f"Use one of: {', '.join(readers)}.")
    if not path.is_file():
        raise DataError(f"there is no file {path}.")
    return readers[path.suffix.lower()](path)


def _csv(path: Path) -> Iterator[Read]:
    """Each line for itself, so that a quotation mark that is never closed costs one line."""
    with storage(path, "read"), path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        names: list[str] = []
        for number, line in enumerate(file, start=1):
            try:
                values = next(csv.reader([line.rstrip("\r\n")], strict=True), [])
            except csv.Error as error:
                yield number, f"not CSV: {error}"
                if number == 1:
                    _check_columns(path, names)
                continue
            if number == 1:
                names = values
                _check_columns(path, names)
            elif len(values) == len(names):
                yield number, _label(dict(zip(names, values, strict=True)))
            elif values:
                yield number, f"{len(values)} value{'s' if len(values) != 1 else ''} for {len(names)} columns"


def _json_lines(path: Path) -> Iterator[Read]:
    with storage(path, "read"), path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield number, f"not JSON: {error}"
                continue
            yield number, _label(value) if isinstance(value, dict) else "not an object"


def _parquet(path: Path) -> Iterator[Read]:
    import duckdb

    try:
        with duckdb.connect(config={"threads": 1, "memory_limit": "400MB"}) as connection:
            cursor = connection.execute(f"SELECT * FROM read_parquet({literal(str(path))})")  # noqa: S608 - quoted
            names = [str(column[0]) for column in cursor.description or ()]
            _check_columns(path, names)
            number = 0
            while rows := cursor.fetchmany(BATCH):
                for row in rows:
                    number += 1
                    yield number, _label(dict(zip(names, row, strict=True)))
    except duckdb.Error as error:
        raise DataError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error


def _check_columns(path: Path, names: list[str]) -> None:
    if missing := [name for name in ("prediction_id", "label") if name not in names]:
        raise DataError(f"{path} has no column {' and no column '.join(missing)}.", hint=f"It has: {', '.join(names) or 'none'}.")


def _label(values: dict[str, Any]) -> Label | str:
    """The label of a line, or why there is none. Beside `prediction_row`, `row` is that of a file (`gonogo predict` writes both)."""
    prediction, label = values.get("prediction_id"), values.get("label")
    name = "prediction_row" if "prediction_row" in values else "row"
    row = values.get(name)
    if not isinstance(prediction, str) or not prediction.isascii() or not 1 <= len(prediction) <= 100:
        return "prediction_id is that of no prediction"
    text = _class(label)
    if text is None:
        return f"{label!r} is no label"
    if row is None or row == "":
        return Label(prediction, text)
    place = _place(row)
    if place is None:
        return f"{name} is {row!r}, not a number from 0"
    return Label(prediction, text, place) if place >= 0 else f"{name} is {place}; rows are counted from 0"


def _place(row: Any) -> int | None:
    """A whole number, also as a table with gaps writes it: 3.0. None for what is none."""
    try:
        number = float(row)
    except (TypeError, ValueError, OverflowError):
        return None
    return int(number) if number.is_integer() else None


def _class(label: Any) -> str | None:
    """A class as text; whole numbers are taken for classes that are called like them."""
    if isinstance(label, float) and label.is_integer():
        label = int(label)
    if isinstance(label, bool | float) or not isinstance(label, str | int):
        return None
    text = str(label)
    return text if text and text.isprintable() else None
