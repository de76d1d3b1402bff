"""Rows of the prediction log whose labels have come: what the model saw in service, and what was true."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from typing import Any

import numpy as np

from gonogo.base.table import Column, Table, literal, quoted
from gonogo.errors import DataError
from gonogo.model.schema import Schema
from gonogo.operations.feedback import label_reader, labels_path
from gonogo.operations.workspace import Workspace
from gonogo.service.labels.store import LabelStore

MOST = 20_000  #: rows


def logged_rows(workspace: Workspace, release: str, schema: Schema, now: datetime, seconds: float) -> Table:
    """The schema's features and the target of predictions of the last so many seconds that are mature and labelled; at most `MOST`, chosen
    by chance. Rows whose segment is gone are left out.

    Raises DataError when nothing is logged, or when a feature is redacted there; StorageError.
    """
    from gonogo.monitor.labels import mature

    path = labels_path(workspace)
    if not path.is_file():
        raise DataError("no predictions are kept that a label could be of.", hint="Add `prediction_log: {}` to gonogo.yaml.")
    declared = workspace.project.prediction_log
    if hidden := [name for name in schema.feature_names if declared is not None and name in declared.redact]:
        raise DataError(f"the prediction log does not keep {', '.join(hidden)}.", hint="Redacted features cannot be shuffled.")
    reader = label_reader(workspace)
    with closing(reader):
        found = mature(reader.look(), release, now, seconds)
    with closing(LabelStore(path)) as store:
        labels = store.labels(release, found.since, found.until, MOST)
    segments = sorted(str(file) for file in (path.parent / "predictions" / release).glob("*.parquet"))
    if not segments or not labels:
        return Table({}, 0)
    names = list(schema.feature_names)
    taken = _joined(segments, labels, names)
    tensors = {feature.name for feature in schema.features if feature.tensor is not None}
    columns = {name: (_matrix if name in tensors else _column)(taken[f"feature_{name}"]) for name in names}
    return Table({**columns, workspace.project.data.target: np.array(taken["label"], dtype=object)}, len(taken["label"]))


def _joined(segments: list[str], labels: list[tuple[str, int, str]], names: list[str]) -> dict[str, Any]:
    import duckdb

    given = {
        "id": np.array([name for name, _, _ in labels], dtype=object),
        "place": np.array([row for _, row, _ in labels], dtype=np.int64),
        "actual": np.array([label for _, _, label in labels], dtype=object),
    }
    wanted = ", ".join(f"log.{quoted(f'feature_{name}')}" for name in names)
    files = ", ".join(literal(file) for file in segments)
    try:
        with duckdb.connect(config={"threads": 1, "memory_limit": "512MB"}) as connection:
            connection.register("given", given)
            return dict(
                connection.execute(
                    f"SELECT {wanted}, given.actual AS label FROM read_parquet([{files}], union_by_name=true) log"  # noqa: S608 - quoted
                    " JOIN given ON log.prediction_id = given.id AND log.row = given.place ORDER BY log.time, log.prediction_id, log.row"
                ).fetchnumpy()
            )
    except duckdb.Error as error:
        raise DataError(f"the prediction log cannot be read: {str(error).splitlines()[0]}") from error


def _column(values: Any) -> Column:
    """Numbers as float64 with NaN for a missing one, text with None."""
    missing = np.ma.getmaskarray(values)
    plain = np.ma.getdata(values)
    if plain.dtype == object:
        return np.array([None if gone else value for value, gone in zip(plain.tolist(), missing.tolist(), strict=True)], dtype=object)
    return np.where(missing, np.nan, plain.astype(np.float64))


def _matrix(values: Any) -> Column:
    """Lists of numbers as a matrix [rows, width], with NaN for a missing one."""
    rows: list[Column] = [np.ma.filled(one.astype(np.float64), np.nan) for one in np.ma.getdata(values)]
    return np.stack(rows)
