"""From a spool of frames to Parquet: one segment for each release, and one for exposures.

    predictions/<system>@<version>/<time>-<number>.parquet
        time, prediction_id, row, release, one column for each feature (flat lists for a tensor), label scores as `score_<class>`,
        flat lists of what was answered beside them as `also_<output>`
    exposures/<time>-<number>.parquet
        time, key_digest, epoch, release

A segment is written beside, flushed and renamed: a reader sees a whole one or none. Features that are redacted are null ("drop") or a
keyed digest ("hash"): equal values can be counted, and nobody can try out values without the store's secret.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from gonogo.base.files import fsync_directory, storage
from gonogo.base.table import literal, quoted
from gonogo.errors import StorageError
from gonogo.model.runtime import Array
from gonogo.service.prediction_log.frames import read_array

Columns = dict[str, Array]


def write_segments(frames: Iterable[dict[str, Any]], folder: Path, name: str, redact: Mapping[str, str], secret: bytes) -> dict[str, int]:
    """Write the frames below `folder` as segments called `name`; rows by place. Raises StorageError, and then leaves no half segment."""
    by_release: dict[str, list[Columns]] = {}
    exposures: list[list[Any]] = []
    for frame in frames:
        if frame["kind"] == "exposures":
            exposures += frame["seen"]
        else:
            by_release.setdefault(frame["release"], []).append(_prediction_columns(frame, redact, secret))
    written = {}
    for release, parts in by_release.items():
        columns = {key: _joined(parts, key) for key in parts[-1]}
        _write(columns, folder / "predictions" / release / f"{name}.parquet")
        written[release] = len(columns["time"])
    if exposures:
        _write(_exposure_columns(exposures), folder / "exposures" / f"{name}.parquet")
        written["exposures"] = len(exposures)
    return written


def _joined(parts: list[Columns], key: str) -> Array:
    """One column of all frames. Lists that are not of the length that the newest frame has, or were not kept, are of nothing."""
    shape = parts[-1][key].shape[1:]
    return np.concatenate(
        [part[key] if key in part and part[key].shape[1:] == shape else np.full((len(part["time"]), *shape), np.nan) for part in parts]
    )


def remove_older(folder: Path, before: datetime) -> int:
    """Remove segments that were written before a time; how many."""
    removed = 0
    for path in folder.rglob("*.parquet"):
        if datetime.fromtimestamp(path.stat().st_mtime, UTC) < before:
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def newest(folder: Path) -> datetime | None:
    """When the newest segment was written; None without any."""
    return max((datetime.fromtimestamp(path.stat().st_mtime, UTC) for path in folder.rglob("*.parquet")), default=None)


def _prediction_columns(frame: Mapping[str, Any], redact: Mapping[str, str], secret: bytes) -> Columns:
    rows, classes = frame["rows"], frame["classes"]
    count = sum(rows)
    scores = np.frombuffer(frame["scores"], dtype=np.float64).reshape(count, len(classes))
    columns: Columns = {
        "time": np.full(count, int(frame["time"] * 1e6), dtype="datetime64[us]"),
        "prediction_id": np.repeat(np.array(frame["ids"], dtype=object), rows),
        "row": np.concatenate([np.arange(number) for number in rows]),
        "release": np.full(count, frame["release"], dtype=object),
    }
    inputs = {name: read_array(form) for name, form in frame["inputs"].items()}
    for name, _, graph_input, column in frame["features"]:
        values = inputs[graph_input] if column is None else inputs[graph_input][:, column]
        columns[f"feature_{name}"] = _redacted(values, redact[name], secret) if name in redact else values
    for position, label in enumerate(classes):
        columns[f"score_{label}"] = scores[:, position]
    for name, form in frame.get("also", {}).items():  # a spool of before has none
        columns[f"also_{name}"] = _redacted(read_array(form), redact[name], secret) if name in redact else read_array(form)
    return columns


def _redacted(values: Array, how: str, secret: bytes) -> Array:
    if how == "drop":
        return np.full(len(values), None, dtype=object)
    digests = [hmac.digest(secret, json.dumps(value).encode(), hashlib.sha256).hex()[:32] for value in values.tolist()]
    return np.array(digests, dtype=object)


def _exposure_columns(seen: list[list[Any]]) -> Columns:
    return {
        "time": np.array([int(at * 1e6) for at, *_ in seen], dtype="datetime64[us]"),
        "key_digest": np.array([key for _, key, _, _ in seen], dtype=object),
        "epoch": np.array([epoch for _, _, epoch, _ in seen], dtype=np.int64),
        "release": np.array([release for *_, release in seen], dtype=object),
    }


def _write(columns: Columns, path: Path) -> None:
    import duckdb

    beside = path.with_suffix(".part")
    with storage(path, "write"):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with duckdb.connect(config={"threads": 1, "memory_limit": "512MB"}) as connection:
                table = {f"c{number}": _registered(values) for number, values in enumerate(columns.values())}
                connection.register("segment", table)
                named = ", ".join(_typed(f"c{number}", values, name) for number, (name, values) in enumerate(columns.items()))
                select = f"SELECT {named} FROM segment"  # noqa: S608 - names are quoted
                connection.execute(f"COPY ({select}) TO {literal(str(beside))} (FORMAT parquet, COMPRESSION zstd)")
            handle = os.open(beside, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
            os.chmod(beside, 0o600)
            os.replace(beside, path)
            fsync_directory(path.parent)
        except duckdb.Error as error:
            raise StorageError(f"cannot write {path}: {error}.", hint="Free space or mend permissions; the spool is kept.") from error
        finally:
            beside.unlink(missing_ok=True)


def _registered(values: Array) -> Array:
    """A column as DuckDB takes it: of a matrix one list a row."""
    if values.dtype == np.float16:  # which it does not know
        values = values.astype(np.float32)
    if values.ndim == 1:
        return np.ascontiguousarray(values)
    lists = np.empty(len(values), dtype=object)
    lists[:] = list(values)
    return lists


def _typed(column: str, values: Array, name: str) -> str:
    """A column as SQL: text stays text also when all of it is null, and a missing number is null."""
    if values.ndim > 1:
        missing = values.dtype.kind == "f" and bool(np.isnan(values).any())
        lists = f"list_transform({column}, lambda x: CASE WHEN isnan(x) THEN NULL ELSE x END)" if missing else column
        return f"{lists} AS {quoted(name)}"
    if values.dtype == object:
        return f"CAST({column} AS VARCHAR) AS {quoted(name)}"
    value = f"CASE WHEN isnan({column}) THEN NULL ELSE {column} END" if values.dtype.kind == "f" else column
    return f"{value} AS {quoted(name)}"
