"""A training script leaves a record that binds the run to bytes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

import gonogo
from gonogo.base.tree import file_digest
from gonogo.candidate.ledger import append_run, read_ledger
from gonogo.candidate.run_record import read_run
from gonogo.errors import DataError, UsageError
from gonogo.model.formats import ship


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "models").mkdir()
    (tmp_path / "data/train.csv").write_text("a,b\n1,2\n")
    (tmp_path / "models/m.onnx").write_bytes(b"model")
    gonogo.record_run(
        tmp_path / "models/run.json",
        params={"trees": 40},
        metrics={"roc_auc": 0.97},
        data={"train": tmp_path / "data/train.csv", "model": str(tmp_path / "models/m.onnx")},
        seed=17,
        features=["a"],
        framework="by hand",
    )
    return tmp_path / "models/run.json"


def test_the_record_names_every_file_by_digest_and_by_a_relative_path(run: Path) -> None:
    record = read_run(run)
    assert record["data"]["train"] == {"path": "../data/train.csv", "digest": "sha256:" + hashlib.sha256(b"a,b\n1,2\n").hexdigest()}
    assert record["data"]["model"]["path"] == "m.onnx"
    assert str(run.parent.parent) not in run.read_text()


def test_the_record_names_the_packages_that_were_loaded(run: Path) -> None:
    packages = read_run(run)["packages"]
    assert packages["pytest"] == pytest.__version__
    assert "xdoctest" not in packages


def test_the_record_says_on_what_kind_of_machine_and_older_records_stay_readable(run: Path) -> None:
    record = read_run(run)
    assert "cores" in record["hardware"]
    del record["hardware"]
    run.write_text(json.dumps(record))
    assert read_run(run) == record
    run.write_text(json.dumps({**record, "hardware": 3}))
    with pytest.raises(DataError, match="wrong type: hardware"):
        read_run(run)


def test_a_model_that_is_a_folder_has_the_digest_of_what_a_bundle_holds(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code/scoring.py").write_text("def predict(batch): ...\n")
    record = gonogo.record_run(tmp_path / "run.json", params={}, metrics={}, data={"model": tmp_path / "code"}, seed=1)
    with (tmp_path / "model.zip").open("wb") as file:
        ship(tmp_path / "code", file)
    assert record["data"]["model"] == {"path": "code", "digest": file_digest(tmp_path / "model.zip")}


def test_a_folder_that_is_no_model_is_not_recorded(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    with pytest.raises(UsageError, match="directory that is no model"):
        gonogo.record_run(tmp_path / "run.json", params={}, metrics={}, data={"model": tmp_path / "notes"}, seed=1)


def test_a_run_without_its_data_file_is_not_recorded(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'train' is not at .*gone\.csv"):
        gonogo.record_run(tmp_path / "run.json", params={}, metrics={}, data={"train": tmp_path / "gone.csv"}, seed=1)
    assert not (tmp_path / "run.json").exists()


def test_a_metric_that_is_nan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be recorded"):
        gonogo.record_run(tmp_path / "run.json", params={}, metrics={"roc_auc": float("nan")}, data={}, seed=1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda record: record.pop("seed"), "seed"),
        (lambda record: record.update(surprise=1), "surprise"),
        (lambda record: record.update(format="other/1"), "not a gonogo-run/1"),
        (lambda record: record["data"]["train"].pop("digest"), r"data\.train"),
        (lambda record: record.update(metrics=[]), "wrong type: metrics"),
    ],
    ids=["missing key", "unknown key", "other format", "file without digest", "wrong type"],
)
def test_a_malformed_record_is_refused_with_the_reason(run: Path, change: object, said: str) -> None:
    record = json.loads(run.read_bytes())
    change(record)  # type: ignore[operator]
    run.write_text(json.dumps(record))
    with pytest.raises(DataError, match=said):
        read_run(run)


def test_a_truncated_record_is_refused(run: Path) -> None:
    run.write_bytes(run.read_bytes()[:-20])
    with pytest.raises(DataError, match="cannot be read"):
        read_run(run)


def test_no_record_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gonogo\.record_run"):
        read_run(tmp_path / "run.json")


def test_every_run_stays_in_the_ledger(run: Path) -> None:
    first = read_run(run)
    gonogo.record_run(run, params={"trees": 80}, metrics={}, data={}, seed=18)
    runs = read_ledger(run.with_name("runs.jsonl"))
    assert [line.run["params"]["trees"] for line in runs] == [40, 80]
    assert runs[0].run == first


def test_an_edited_line_of_the_ledger_is_named(run: Path) -> None:
    ledger = run.with_name("runs.jsonl")
    append_run(ledger, {"second": True})
    ledger.write_bytes(ledger.read_bytes().replace(b'"seed":17', b'"seed":71'))
    with pytest.raises(DataError, match="line 1 is damaged"):
        read_ledger(ledger)


def test_a_half_written_line_of_the_ledger_is_named(run: Path) -> None:
    ledger = run.with_name("runs.jsonl")
    ledger.write_bytes(ledger.read_bytes() + b'{"digest":"sha')
    with pytest.raises(DataError, match="line 2 is damaged"):
        read_ledger(ledger)


def test_a_line_that_stands_twice_is_named(run: Path) -> None:
    ledger = run.with_name("runs.jsonl")
    ledger.write_bytes(ledger.read_bytes() * 2)
    with pytest.raises(DataError, match="line 2 is the run of line 1 again"):
        read_ledger(ledger)


def test_without_a_ledger_there_are_no_runs(tmp_path: Path) -> None:
    assert read_ledger(tmp_path / "runs.jsonl") == []
