"""Runs of an MLflow tracking database (SQLite), read as they lie there, without MLflow and without changing anything.

    read_mlflow(Path("mlruns.db"), "spans")  →  ledger lines of the experiment's runs, oldest first

An MLflow run becomes a run in our words: its last metrics (NaN is missing), parameters and name; RUNNING and SCHEDULED are IN_PROGRESS,
FAILED and KILLED are REJECTED. The tag `family` (or the estimator that autologging names) is its kind, the parameter `seed` or
`random_state` its seed. Its model is the one file below a local artifact folder that can be shipped. Deleted runs are left out.

Source: the tables of MLflow's store/tracking/dbmodels/models.py (versions 1 to 3 have these columns).
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlparse

from gonogo.base.canonical import digest
from gonogo.base.clock import stamp
from gonogo.base.numbers import is_finite_number
from gonogo.candidate.ledger import LedgerLine
from gonogo.errors import DataError, ModelError, NotFoundError
from gonogo.model.formats import model_kind, shipped_digest

STATUS = {"FINISHED": "CANDIDATE", "RUNNING": "IN_PROGRESS", "SCHEDULED": "IN_PROGRESS", "FAILED": "REJECTED", "KILLED": "REJECTED"}
MOST_FILES = 1000  #: of an artifact folder that are looked at


def read_mlflow(path: Path, experiment: str) -> list[LedgerLine]:
    """Raises NotFoundError for a database or an experiment that is not there, DataError for a file that is no tracking database."""
    if not path.is_file():
        raise NotFoundError(f"there is no tracking database at {path}.", hint="Mend `candidates.ledger` in gonogo.yaml.")
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            found = [LedgerLine(digest(run), run) for run in _runs(connection, _experiment(connection, experiment))]
    except (sqlite3.Error, ValueError, IndexError) as error:  # an IndexError is a column that is not there
        raise DataError(
            f"{path} is no tracking database of MLflow: {error}.", hint="Point `candidates.ledger` at its SQLite file."
        ) from error
    return found


def _experiment(connection: sqlite3.Connection, name: str) -> int:
    known = {str(row["name"]): int(row["experiment_id"]) for row in connection.execute("SELECT name, experiment_id FROM experiments")}
    if name not in known:
        raise NotFoundError(f"the tracking database has no experiment {name!r}.", hint=f"It has: {', '.join(known) or 'none'}.")
    return known[name]


def _runs(connection: sqlite3.Connection, experiment: int) -> Iterator[dict[str, Any]]:
    asked = "SELECT * FROM runs WHERE experiment_id = ? AND lifecycle_stage = 'active' ORDER BY start_time, run_uuid"
    for row in connection.execute(asked, (experiment,)).fetchall():
        key = (row["run_uuid"],)
        metrics = connection.execute("SELECT key, value, is_nan FROM latest_metrics WHERE run_uuid = ? ORDER BY key", key).fetchall()
        params = dict(connection.execute("SELECT key, value FROM params WHERE run_uuid = ? ORDER BY key", key).fetchall())
        tags = dict(connection.execute("SELECT key, value FROM tags WHERE run_uuid = ? ORDER BY key", key).fetchall())
        known = {one["key"]: float(one["value"]) for one in metrics if not one["is_nan"] and is_finite_number(one["value"])}
        try:
            yield _run(row, known, params, tags)
        except (TypeError, ValueError, OverflowError, OSError) as error:
            raise DataError(f"the run {row['run_uuid']} cannot be read: {error}.", hint="Mend it in MLflow, or delete it there.") from error


def _run(row: sqlite3.Row, metrics: Mapping[str, float], params: Mapping[str, str], tags: Mapping[str, str]) -> dict[str, Any]:
    status = STATUS.get(str(row["status"]), "REJECTED")
    ended, began = _stamp(row["end_time"]), _stamp(row["start_time"])
    seed = next((params[name] for name in ("seed", "random_state", "random_seed") if name in params), "")
    return {
        "format": "mlflow",
        "id": str(row["run_uuid"]),
        "name": tags.get("mlflow.runName") or str(row["name"] or "") or str(row["run_uuid"])[:8],
        "family": tags.get("family") or tags.get("estimator_name") or "",
        "status": status,
        "reason": tags.get("reason") or (f"the run ended as {row['status']}" if status == "REJECTED" else ""),
        "params": dict(params),
        "metrics": dict(metrics),
        "data": _model(str(row["artifact_uri"] or "")),
        "seed": int(seed) if re.fullmatch("-?[0-9]{1,18}", seed) else None,
        "started": began,
        "finished": ended or began,
        "seconds": (row["end_time"] - row["start_time"]) / 1000 if row["end_time"] and row["start_time"] else None,
    }


def _stamp(milliseconds: int | None) -> str:
    return stamp(datetime.fromtimestamp(milliseconds / 1000, UTC)) if milliseconds else ""


def _model(artifacts: str) -> dict[str, dict[str, str]]:
    """The one model file below a local artifact folder, with its digest; {} when there is none, or more than one."""
    try:
        place = urlparse(artifacts)
    except ValueError:
        return {}  # an address that is none holds nothing
    folder = Path(unquote(place.path)) if place.scheme in ("", "file") else None
    if folder is None or not folder.is_dir():
        return {}
    files = list(islice(folder.rglob("*"), MOST_FILES + 1))  # an address may be that of a whole disk
    if len(files) > MOST_FILES:
        return {}
    found = []
    for file in sorted(files):
        if file.is_file() and not file.is_symlink() and file.suffix in (".onnx", ".skops", ".txt", ".ubj", ".json", ".pt", ".pt2"):
            try:
                model_kind(file)
            except (ModelError, OSError):
                continue
            found.append(file)
    return {"model": {"path": str(found[0]), "digest": shipped_digest(found[0])}} if len(found) == 1 else {}
