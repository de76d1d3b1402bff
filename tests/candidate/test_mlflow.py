"""An MLflow tracking database is read as it lies there: its tables are those that MLflow 2 and 3 write."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

import sample
from gonogo.candidate.mlflow import read_mlflow
from gonogo.errors import DataError, NotFoundError
from gonogo.model.formats import shipped_digest
from mlflow_database import write_tracking


@pytest.fixture
def database(tmp_path: Path) -> Path:
    write_tracking(tmp_path / "mlruns.db", tmp_path / "artifacts")
    return tmp_path / "mlruns.db"


def test_runs_of_the_experiment_are_told_in_our_words(database: Path) -> None:
    wide, crf, odd = (line.run for line in read_mlflow(database, "forest"))
    assert (wide["name"], wide["family"], wide["status"], wide["seed"], wide["seconds"]) == ("wide-1", "forest", "CANDIDATE", 17, 90.0)
    assert wide["metrics"] == {"f1_macro": 0.27, "accuracy": 0.8}, "what is NaN there is missing here"
    assert wide["params"] == {"seed": "17", "trees": "40"}
    assert (crf["status"], crf["finished"], crf["data"]) == ("IN_PROGRESS", "2026-01-01T00:00:00.001Z", {})
    assert (odd["status"], odd["reason"]) == ("REJECTED", "the run ended as FAILED")


def test_the_model_is_the_one_file_of_its_artifacts_that_can_be_shipped(database: Path, tmp_path: Path) -> None:
    model = tmp_path / "artifacts" / "model" / "model.onnx"
    assert read_mlflow(database, "forest")[0].run["data"] == {"model": {"path": str(model), "digest": shipped_digest(model)}}
    (tmp_path / "artifacts" / "second.onnx").write_bytes(sample.model_bytes(2.5))
    assert read_mlflow(database, "forest")[0].run["data"] == {}, "of two nobody knows which"


def test_reading_twice_gives_the_same_digests_and_changes_nothing(database: Path) -> None:
    before = database.read_bytes()
    assert [line.digest for line in read_mlflow(database, "forest")] == [line.digest for line in read_mlflow(database, "forest")]
    assert database.read_bytes() == before


def test_what_is_not_there_or_no_tracking_database_is_told(database: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no experiment 'spans'.*forest, other"):
        read_mlflow(database, "spans")
    with pytest.raises(NotFoundError, match="no tracking database"):
        read_mlflow(tmp_path / "none.db", "forest")
    (tmp_path / "text.db").write_text("this is no database, however long it may be")
    sqlite3.connect(tmp_path / "empty.db").execute("CREATE TABLE runs (x)").connection.close()
    for name in ("text.db", "empty.db"):
        with pytest.raises(DataError, match="is no tracking database"):
            read_mlflow(tmp_path / name, "forest")


@pytest.mark.parametrize("column", ["name", "status", "start_time", "end_time", "artifact_uri", "lifecycle_stage"])
def test_a_database_that_lacks_a_column_is_told(database: Path, column: str) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute(f"ALTER TABLE runs DROP COLUMN {column}")
    with pytest.raises(DataError, match="is no tracking database"):
        read_mlflow(database, "forest")


@pytest.mark.timeout(30)
def test_an_artifact_address_that_names_a_whole_disk_is_not_walked(database: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE runs SET artifact_uri = '/'")
    assert [line.run["data"] for line in read_mlflow(database, "forest")] == [{}, {}, {}]
