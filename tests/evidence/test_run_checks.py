"""The checks on what a model and its run are made of: format, integrity, run record, environment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gonogo.base.tree import file_digest
from gonogo.errors import DataError
from gonogo.evidence.memory import measure
from measured import values

from .conftest import Made


def test_an_onnx_model_is_told_by_its_content(made: Made, tmp_path: Path) -> None:
    renamed = tmp_path / "forest.pkl"
    renamed.write_bytes(made.bundle.model.path.read_bytes())
    facts = values(measure("model_format", model_file=renamed, bundle=made.bundle))
    assert (facts["format"], facts["bundled_format"], facts["pickle_files"], facts["files_scanned"]) == ("onnx", "onnx", 0, 1)


def test_a_pickle_under_another_name_is_found_in_the_bundle(made: Made, tmp_path: Path, bundle: Callable[..., Any]) -> None:
    import pickle

    (tmp_path / "model.onnx").write_bytes(made.bundle.model.path.read_bytes())
    (tmp_path / ".notes.txt").write_bytes(pickle.dumps({"x": [1, 2]}))
    (tmp_path / "empty").write_bytes(b"")
    other = bundle(schema=made.bundle.schema, root=tmp_path, model_path=tmp_path / "model.onnx")
    found = measure("model_format", model_file=tmp_path / ".notes.txt", bundle=other)
    assert values(found)["format"] == "pickle"
    assert values(found)["pickle_files"] == 1
    assert ".notes.txt is a pickle" in found.findings[0]


def test_integrity_holds_for_the_same_bytes_and_breaks_with_one(made: Made, tmp_path: Path, bundle: Callable[..., Any]) -> None:
    same = tmp_path / "same.onnx"
    same.write_bytes(made.bundle.model.path.read_bytes())
    facts = values(measure("integrity", model_file=same, bundle=made.bundle))
    assert facts["sha256_match"] is True
    assert facts["tree_ok"] is True
    same.write_bytes(same.read_bytes() + b"\0")
    wrong = bundle(schema=made.bundle.schema, root=made.bundle.root, model_path=made.bundle.model.path, digest="sha256:1")
    found = measure("integrity", model_file=same, bundle=wrong)
    assert values(found)["sha256_match"] is False
    assert values(found)["tree_ok"] is False
    assert len(found.findings) == 2


def run_record(made: Made, train: Path, **changed: Any) -> dict[str, Any]:
    record = {
        "features": ["x0", "x1", "x2"], "version": "abc1234", "python": "3.11.7", "hardware": "x86_64", "finished": "2026-01-02T03:04:05Z",
        "seed": 17, "packages": {"scikit-learn": "1.9"},
        "data": {"train": {"digest": file_digest(train)}, "model": {"digest": file_digest(made.bundle.model.path)}},
    }  # fmt: skip
    return {**record, **changed}


def test_a_whole_run_record_matches_model_and_files(made: Made, tmp_path: Path) -> None:
    train = tmp_path / "train.csv"
    train.write_text("x0,y\n1,0\n")
    config = tmp_path / "config.yaml"
    config.write_text("trees: 40\n")
    record = run_record(made, train)
    record["data"]["config"] = {"digest": file_digest(config)}
    facts = values(measure("metadata", run_record=record, bundle=made.bundle, train_file=train, files={"config": config}))
    assert {name for name, value in facts.items() if value is False} == set()
    assert (facts["code_commit"], facts["hardware"], facts["finished"]) == ("abc1234", "x86_64", "2026-01-02T03:04:05Z")
    assert facts["age_days"] > 0
    assert facts["seed"] == 17
    assert facts["packages"] == 1


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"features": ["x1", "x0", "x2"]}, "features_match"), ({"features": None}, "has_feature_names"), ({"version": ""}, "has_version"),
        ({"seed": None}, "has_seed"), ({"seed": True}, "has_seed"), ({"data": {}}, "has_training_data"),
        ({"data": {"train": {"digest": "sha256:0"}}}, "training_data_digest_match"), ({"data": {"train": None}}, "model_digest_match"),
        ({"packages": {}}, "has_environment"), ({"python": ""}, "has_environment"), ({"hardware": ""}, "has_hardware"), ({}, "has_config"),
    ],
)  # fmt: skip
def test_what_a_run_record_lacks_or_gets_wrong_is_false(made: Made, tmp_path: Path, changed: dict[str, Any], wrong: str) -> None:
    train = tmp_path / "train.csv"
    train.write_text("x0,y\n1,0\n")
    facts = values(measure("metadata", run_record=run_record(made, train, **changed), bundle=made.bundle, train_file=train))
    assert facts[wrong] is False


def test_a_configuration_that_was_changed_after_the_run_does_not_match(made: Made, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("x0,y\n1,0\n")
    (tmp_path / "config.yaml").write_text("trees: 40\n")
    record = run_record(made, tmp_path / "train.csv")
    record["data"]["config"] = {"digest": file_digest(tmp_path / "config.yaml")}
    (tmp_path / "config.yaml").write_text("trees: 41\n")
    given = {"run_record": record, "bundle": made.bundle, "train_file": tmp_path / "train.csv"}
    assert values(measure("metadata", **given, files={"config": tmp_path / "config.yaml"}))["config_digest_match"] is False
    assert values(measure("metadata", **given, files={"config": tmp_path / "gone.yaml"}))["config_digest_match"] is False
    assert "config_digest_match" not in values(measure("metadata", **given))


def test_a_checkpoint_of_another_run_and_one_that_is_gone_are_changed_and_one_that_nobody_recorded_is_not(
    made: Made, tmp_path: Path
) -> None:
    (tmp_path / "train.csv").write_text("x0,y\n1,0\n")
    files = {name: tmp_path / f"{name}.pt" for name in ("best", "last", "other")}
    for name, path in files.items():
        path.write_text(name)
    record = run_record(made, tmp_path / "train.csv")
    record["data"] |= {name: {"digest": file_digest(files[name])} for name in ("best", "last")}
    given = {"run_record": record, "bundle": made.bundle, "train_file": tmp_path / "train.csv", "files": files}
    assert values(measure("metadata", **given))["files_changed"] == 0
    files["best"].write_text("of another run")
    files["last"].unlink()
    found = measure("metadata", **given)
    assert values(found)["files_changed"] == 2
    assert "the file best is not the one that the run was recorded with" in found.findings


@pytest.mark.parametrize("finished", ["yesterday", "2026-01-02T03:04:05", "2999-01-01T00:00:00Z"])
def test_a_run_at_no_time_or_in_the_future_is_an_error(made: Made, tmp_path: Path, finished: str) -> None:
    (tmp_path / "train.csv").write_text("x0,y\n1,0\n")
    record = run_record(made, tmp_path / "train.csv", finished=finished)
    with pytest.raises(DataError, match=r"time|future"):
        measure("metadata", run_record=record, bundle=made.bundle, train_file=tmp_path / "train.csv")


@pytest.mark.parametrize("record", [[], {}, {"data": []}, "run"])
def test_a_malformed_run_record_is_an_error(made: Made, tmp_path: Path, record: Any) -> None:
    with pytest.raises(DataError, match="malformed"):
        measure("metadata", run_record=record, bundle=made.bundle, train_file=tmp_path)


def test_pinned_and_loose_packages_are_told_apart(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "# made by hand\n--index-url https://example.invalid/simple\nnumpy==2.4.6\n"
        "scikit-learn==1.9.1 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
        "click==8.1.0 ; python_version >= '3.11'  # why\nuvicorn[standard]==0.30.1\n"
        "requests>=2\nurllib3==2.*\nflask\n-e .\n-r other.txt\nx @ https://example.invalid/x.whl\npandas==2.0,<3\n"
    )
    found = measure("environment", environment=lock)
    assert values(found) == {"packages": 11, "pinned": 4, "unpinned": 7, "hashed": 1}
    assert "not pinned: flask" in found.findings


@pytest.mark.parametrize("content", [b"", b"# nothing\n\n", b"--no-index\n", b"\xff\xfe"])
def test_a_lock_that_names_nothing_is_an_error(tmp_path: Path, content: bytes) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_bytes(content)
    with pytest.raises(DataError):
        measure("environment", environment=lock)
