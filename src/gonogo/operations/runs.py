"""The runs on record: a ledger in JSON lines, or the tracking database of MLflow, whichever the project has."""

from __future__ import annotations

from pathlib import Path

from gonogo.candidate.ledger import LedgerLine, read_ledger
from gonogo.candidate.mlflow import read_mlflow
from gonogo.candidate.run_record import LEDGER, check_run
from gonogo.errors import DataError
from gonogo.operations.workspace import Workspace

MLFLOW = "sqlite:///"


def read_runs(workspace: Workspace) -> list[LedgerLine]:
    """The lines of the project's ledger, oldest first; none when there is no file. Raises DataError naming a line that is damaged,
    holds no run, or stands twice, NotFoundError for a database or an experiment that is not there."""
    declared = workspace.project.candidates
    if declared.ledger.startswith(MLFLOW):
        return read_mlflow(workspace.project.root / declared.ledger.removeprefix(MLFLOW), declared.experiment)
    path = ledger_file(workspace)
    lines = read_ledger(path)
    for line in lines:
        try:
            check_run(line.run)
        except ValueError as error:
            raise DataError(
                f"{path}: the run {line.digest.removeprefix('sha256:')[:8]} is malformed: {error}.",
                hint="gonogo.record_run writes whole runs; remove the line that begins with this digest.",
            ) from error
    return lines


def ledger_file(workspace: Workspace) -> Path:
    """The ledger in JSON lines: where it is declared, else beside the run record, else beside the model."""
    project = workspace.project
    if project.candidates.ledger:
        return project.root / project.candidates.ledger
    return (project.run_record or project.model.path).with_name(LEDGER)
