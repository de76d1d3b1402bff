"""One training on a copy of the project, on rows that we choose: nothing of the project itself is written.

    with training_copy(project, within) as copy:
        copy.replace("train", rows)                          # the declared table has these rows of itself
        trained = copy.train(seed=7, sandbox=sandbox)        # runs code.train there; GONOGO_SEED says the seed
        scores = copy.scores(schema, sandbox)                # of the model that was written, on the copy's test table

The training need not know of it: it reads the tables and writes the model and the run record where gonogo.yaml says. It reaches no network
and may write only in its copy. Model and record are removed before, so that neither can be left over. The copy is gone with the block; one
of a process that was killed goes with the folder `within`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gonogo.base.canonical import digest
from gonogo.base.files import storage
from gonogo.base.table import TableFiles, literal, quoted, read_table
from gonogo.candidate.folds import Rows
from gonogo.candidate.run_record import read_run
from gonogo.checklist.project import Project, load_project
from gonogo.errors import ChildError, DataError, NotFoundError, UsageError
from gonogo.evidence.inputs import SandboxPort, Scores
from gonogo.evidence.scratch import run_shielded, scratch_copy
from gonogo.model.encode import encode_table
from gonogo.model.formats import shipped_digest
from gonogo.model.rows import class_indices
from gonogo.model.schema import Schema
from gonogo.model.source import ModelSource

SEED = "GONOGO_SEED"


@dataclass(frozen=True)
class Trained:
    """A training that ended well: its run record, the digest of the model that it wrote, and how long it took."""

    record: Mapping[str, Any]
    model: str
    seconds: float


@contextmanager
def training_copy(project: Project, within: Path) -> Iterator[TrainingCopy]:
    """A copy of the project below `within`. Raises NotFoundError for a project that declares no training or no run record, UsageError when
    it keeps model, record or tables outside of its folder, StorageError."""
    if project.code.train is None:
        raise NotFoundError("nothing is declared that trains.", hint="Add `code: {train: python train.py}` to gonogo.yaml.")
    if project.run_record is None:
        raise NotFoundError("the project declares no run record.", hint="Call gonogo.record_run at the end of the training script.")
    with storage(within, "create"):
        within.mkdir(parents=True, exist_ok=True)
    with scratch_copy(project.root, within=within) as folder:
        found = load_project(folder / project.file.name)
        copy = TrainingCopy(replace(found, store=folder / ".gonogo", run_record=folder / _inside(project, project.run_record)), project)
        for path in (copy.project.model.path, copy.record):
            copy.check_place(path)
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            path.unlink(missing_ok=True)
        yield copy


class TrainingCopy:
    """The copy. `project` is its declaration: with paths in the copy and a store of its own."""

    def __init__(self, project: Project, original: Project) -> None:
        self.project = project
        self._original = original

    @property
    def record(self) -> Path:
        assert self.project.run_record is not None
        return self.project.run_record

    def replace(self, table: str, rows: Rows, *, source: str = "", labels_of: Rows | None = None) -> None:
        """Let the declared `table` (train, validation, test) have these rows (positions, in this order) of the original's table `source`
        (default: itself), with the labels of the rows `labels_of`. Raises DataError, StorageError."""
        place, origin = getattr(self.project.data, table), getattr(self._original.data, source or table)
        if place is None or origin is None:
            raise NotFoundError(f"data.{table if place is None else source} is not declared.", hint="Add it to gonogo.yaml.")
        self.check_place(place)
        write_rows(origin, place, rows, target=self.project.data.target, labels_of=labels_of)

    def train(self, seed: int, sandbox: SandboxPort) -> Trained:
        """Train once. Raises ChildError for a training that fails, takes too long, or ends well without model or record, DataError for a
        record that is malformed or about another run."""
        command = self.project.code.train
        assert command is not None
        said = f"`{' '.join(command)[:200]}`"
        finished, _ = run_shielded(command, self.project.root, sandbox, limit="retrain_seconds", environment={SEED: str(seed)})
        if finished.exit_code:
            raise ChildError(f"{said} ended with {finished.exit_code}: {finished.complaint}", hint="Mend the training, then repeat.")
        model = self.project.model.path
        for path, what in ((model, "model"), (self.record, "run record")):
            if path.is_symlink() or not path.exists():
                name = path.relative_to(self.project.root).as_posix()
                raise ChildError(
                    f"{said} ended well and wrote no {what} {name}; it said last: {finished.last_words}",
                    hint="A training writes what gonogo.yaml names, every time, relative to its folder.",
                )
        record, made = read_run(self.record), shipped_digest(model)
        if record["seed"] != seed:
            hint = f"Let it take its seed from {SEED}: seed = int(os.environ.get({SEED!r}, 17)), and hand it to record_run."
            raise DataError(f"{said} was given the seed {seed} and recorded {record['seed']!r}.", hint=hint)
        if record["data"].get("model", {}).get("digest") != made:
            raise DataError(f"the run record of {said} is about another model than the one that was written.", hint="Record it last.")
        return Trained(record, made, finished.seconds)

    def scores(self, schema: Schema, sandbox: SandboxPort) -> Scores:
        """What the model that was written says of the copy's test table. Raises ModelError, DataError and ChildError for a model that is
        none, that takes or gives something else than `schema`, or whose scores are no numbers."""
        declared = self.project.model
        model = ModelSource.declared(declared.path, declared.options, declared.pipeline)
        model.check()
        table = read_table(self.project.data.test)
        found, isolation = sandbox.scores(schema, model, encode_table(schema, table))
        y = class_indices(schema, table.column(self.project.data.target))
        return Scores(y, found, schema.classes, isolation, schema.threshold).usable()

    def check_place(self, path: Path) -> None:
        """Raises UsageError for a path that leads out of the copy, by a link, say: what is written there would not be a copy."""
        if not path.parent.resolve().is_relative_to(self.project.root.resolve()):
            raise UsageError(
                f"{path.name} lies outside the project, or behind a link to outside, so no copy of it can be written.",
                hint="Keep model, run record and tables below the folder of gonogo.yaml.",
            )


def _inside(project: Project, path: Path) -> Path:
    if not path.is_relative_to(project.root):
        raise UsageError(f"{path.name} lies outside the project.", hint="Keep model, run record and tables below gonogo.yaml.")
    return path.relative_to(project.root)


def says(scores: Scores) -> str:
    """A digest of what a model says: two models with the same one are the same to whoever asks them."""
    return digest([[float(value) for value in row] for row in np.round(scores.scores, 9)])


def seconds_of_rows(table: Path, column: str | None) -> Rows:
    """When each row is, in seconds, float64 [rows]; its number from 0 without a column. Raises DataError for a column of text."""
    if column is None:
        with TableFiles(asked=table) as files:
            return np.arange(files.rows["asked"], dtype=np.float64)
    found = read_table(table, [column]).column(column)
    if found.dtype.kind == "M":
        missing = np.isnat(found)
        return np.where(missing, np.nan, found.astype("datetime64[us]").astype(np.int64) / 1e6)
    if found.dtype.kind != "f":
        raise DataError(f"the column {column!r} holds text, which has no order in time.", hint="Mend `data.time`, or write times.")
    return found


def write_rows(source: Path, into: Path, rows: Rows, *, target: str, labels_of: Rows | None = None) -> None:
    """Write rows of a table, in their order, with the types that they have; a CSV stays a CSV, value by value as it is written.

    Raises DataError when the table cannot be read, StorageError when the new one cannot be written.
    """
    import duckdb

    beside = into.with_name(f".{into.name}.part{into.suffix}")
    csv = source.suffix.lower() == ".csv"
    asked = {"place": np.arange(len(rows)), "row": rows, "label_of": rows if labels_of is None else labels_of}
    place, name = literal(str(source)), quoted(target)
    read = f"read_csv({place}, header = true, all_varchar = true)" if csv else f"read_parquet({place}, file_row_number = true)"
    number = "rowid" if csv else "file_row_number"
    columns = "w.*" if csv else "w.* EXCLUDE (file_row_number)"
    try:
        with duckdb.connect(config={"threads": 1, "autoinstall_known_extensions": False}) as connection:
            connection.execute(f"CREATE TEMP TABLE whole AS FROM {read}")
            connection.register("asked", asked)
            connection.execute(
                f"COPY (SELECT {columns} REPLACE (l.{name} AS {name}) FROM asked AS a JOIN whole AS w ON w.{number} = a.row "  # noqa: S608
                f"JOIN whole AS l ON l.{number} = a.label_of ORDER BY a.place) TO {literal(str(beside))} "
                f"({'FORMAT csv, HEADER' if csv else 'FORMAT parquet'})"
            )
    except duckdb.Error as error:
        raise DataError(f"{source} cannot be cut into folds: {str(error).splitlines()[0]}") from error
    with storage(into, "write"):
        os.replace(beside, into)
