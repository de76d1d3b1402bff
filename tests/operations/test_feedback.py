"""Labels from a file: what is broken is told by its line, everything else is counted, and memory does not grow with the file."""

from __future__ import annotations

import sqlite3
import tracemalloc
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from benchmarks.feedback import PROJECT, frames, name, write_labels

from gonogo.errors import DataError, NotFoundError
from gonogo.operations.feedback import BROKEN_SHOWN, feedback
from gonogo.operations.workspace import Workspace
from gonogo.service.labels.store import LabelStore

ROWS = 5_000


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "gonogo.yaml").write_text(PROJECT)
    return Workspace.open(tmp_path)


def record(workspace: Workspace, rows: int) -> None:
    store = LabelStore(workspace.service / "log" / "labels.db")
    store.record("a", frames(rows))
    store.close()


def test_broken_lines_are_named_and_the_rest_is_counted(workspace: Workspace, tmp_path: Path) -> None:
    record(workspace, ROWS)
    file = tmp_path / "labels.csv"
    write_labels(file, ROWS)
    lines = file.read_text().splitlines()
    broken = [number for number, line in enumerate(lines, start=1) if line.startswith('"') or "," not in line or "maybe" in line]
    unknown = sum(line.startswith("nobody") for line in lines)
    done = feedback(workspace, file)
    assert 0.02 < len(broken) / ROWS < 0.04
    assert (done.lines, done.refused, done.waiting) == (ROWS, len(broken), unknown)
    assert done.joined == ROWS - len(broken) - unknown
    assert [line for line, _ in done.broken] == broken[:BROKEN_SHOWN]
    store = LabelStore(workspace.service / "log" / "labels.db")
    counted = store.counts("m@1.0.0", 0, 2**40)
    store.close()
    assert counted is not None
    assert (counted.rows, counted.labelled) == (ROWS, done.joined)
    again = feedback(workspace, file)
    assert (again.joined, again.changed, again.same) == (0, 0, done.joined)


def test_memory_does_not_grow_with_the_file(workspace: Workspace, tmp_path: Path) -> None:
    record(workspace, 6 * ROWS)
    most = []
    for rows in (2 * ROWS, 6 * ROWS):
        file = tmp_path / f"{rows}.csv"
        write_labels(file, rows)
        tracemalloc.start()
        feedback(workspace, file)
        most.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert most[1] < 1.3 * most[0]


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_the_same_labels_come_to_the_same_in_every_form_of_file(form: str, workspace: Workspace, tmp_path: Path) -> None:
    record(workspace, 1000)
    file = tmp_path / f"labels.{form}"
    rows = [f"('{name(number)}', {number % 2}, 0)" for number in range(1000)] + ["(NULL, 1, 0)", f"('{name(1)}', 7, 0)"]
    kind = {"parquet": "parquet", "jsonl": "json"}[form]
    duckdb.sql(f"COPY (SELECT * FROM (VALUES {', '.join(rows)}) AS t(prediction_id, label, \"row\")) TO '{file}' (FORMAT {kind})")
    done = feedback(workspace, file)
    assert (done.lines, done.joined, done.refused) == (1002, 1000, 2)
    assert [line for line, _ in done.broken] == [1001, 1002]


def test_a_file_without_labels_and_a_store_without_predictions_are_errors(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("prediction_id,label\n")
    with pytest.raises(NotFoundError, match="no predictions are kept"):
        feedback(workspace, file)
    (workspace.project.root / "gonogo.yaml").write_text(PROJECT + "\nprediction_log: {}\n")
    with pytest.raises(NotFoundError, match=r"labels\.db: nothing was predicted yet, or it was removed"):
        feedback(Workspace.open(workspace.project.root), file)
    record(workspace, 500)
    with pytest.raises(DataError, match="no labels"):
        feedback(workspace, file)
    file.write_text("id,label\na,1\n")
    with pytest.raises(DataError, match="prediction_id"):
        feedback(workspace, file)


def several(workspace: Workspace) -> None:
    """Two predictions of one request."""
    [frame] = frames(500)
    store = LabelStore(workspace.service / "log" / "labels.db")
    store.record("a", [{**frame, "ids": [name(0)], "rows": [2], "scores": frame["scores"][:32]}])
    store.close()


def labelled(workspace: Workspace) -> dict[int, int | None]:
    with closing(sqlite3.connect(workspace.service / "log" / "labels.db")) as connection:
        return dict(connection.execute("SELECT row, actual FROM prediction").fetchall())


@pytest.mark.parametrize(
    "lines",
    [
        "prediction_id,row,prediction_row,label\n{0},0,1,1\n",
        "prediction_id,row,prediction_row,label\n{0},700,1.0,1\n",
        "prediction_id,prediction_row,label\n{0},1,1\n",
        "prediction_id,row,label\n{0},1,1\n",
    ],
)
def test_the_row_of_the_prediction_counts_and_not_that_of_the_file(lines: str, workspace: Workspace, tmp_path: Path) -> None:
    several(workspace)
    (tmp_path / "labels.csv").write_text(lines.format(name(0)))
    assert feedback(workspace, tmp_path / "labels.csv").joined == 1
    assert labelled(workspace) == {0: None, 1: 1}


@pytest.mark.parametrize("place", ["", "1.5", "-1", "nan", "one", "1e400"])
def test_a_line_whose_row_of_the_prediction_is_none_gets_no_other_one(place: str, workspace: Workspace, tmp_path: Path) -> None:
    several(workspace)
    (tmp_path / "labels.csv").write_text(f"prediction_id,row,prediction_row,label\n{name(0)},0,{place},1\n")
    done = feedback(workspace, tmp_path / "labels.csv")
    assert (done.joined, done.refused) == (0, 1)
    assert labelled(workspace) == {0: None, 1: None}
