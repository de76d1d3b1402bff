"""`gonogo init` finds the model of a project by its content, whatever format it has, and says what the file does not."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gonogo.checklist.project import load_project
from gonogo.errors import ModelError, UsageError
from gonogo.operations.init import init


def _trees(root: Path) -> None:
    (root / "model.txt").write_bytes(b"tree\nversion=v4\nnum_class=1\n")


def _saved_model(root: Path) -> None:
    (root / "export").mkdir()
    (root / "export/saved_model.pb").write_bytes(b"\x08\x01")


def _torchscript(root: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in ("m/data.pkl", "m/constants.pkl", "m/code/__torch__.py"):
            archive.writestr(name, b"x")
    (root / "model.pt").write_bytes(data.getvalue())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Tables, and files that are no models though they end like some."""
    for name in ("train", "test"):
        (tmp_path / f"{name}.csv").write_text("a,b,target\n" + "".join(f"{n},{n * 2},{n % 2}\n" for n in range(20)))
    (tmp_path / "notes.txt").write_text("to do\n")
    (tmp_path / "settings.json").write_text("{}")
    (tmp_path / "empty.onnx").write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize(
    ("make", "path", "notes"),
    [
        (_trees, "model.txt", []),
        (_saved_model, "export", ["and this model is of the kind saved_model"]),
        (_torchscript, "model.pt", ["`inputs`", "Starter gate asks 'format in (onnx, lightgbm, xgboost)'"]),
    ],
)
def test_the_only_model_is_found_by_its_content(folder: Path, make: Callable[[Path], None], path: str, notes: list[str]) -> None:
    make(folder)
    written = init(folder, target="target")
    project = load_project(written.file)
    assert project.model.path == folder / path
    assert all(note in said for note, said in zip(notes, written.notes, strict=True))


def test_of_two_models_one_must_be_named(folder: Path) -> None:
    _trees(folder)
    _saved_model(folder)
    with pytest.raises(UsageError, match=r"there are 2 models: model\.txt, export"):
        init(folder, target="target")


def test_a_pickle_is_no_model_and_its_remedy_is_said(folder: Path) -> None:
    (folder / "empty.onnx").unlink()
    (folder / "model.pkl").write_bytes(pickle.dumps({"forest": 1}))
    with pytest.raises(ModelError, match="runs code when it is loaded") as caught:
        init(folder, target="target")
    assert "skops" in caught.value.hint
    assert not (folder / "gonogo.yaml").exists()


def test_a_class_that_looks_like_a_missing_value_is_asked_about(folder: Path) -> None:
    _trees(folder)
    (folder / "test.csv").write_text("a,b,target\n1,2,benign\n2,3,malignant\n3,4,NaN\n")
    assert [note for note in init(folder, target="target").notes if "the class 'NaN'" in note]


def test_everybody_who_has_to_sign_is_named(folder: Path) -> None:
    _trees(folder)
    assert init(folder, target="target", pack="random-forest-api").roles == ("technical-lead", "product-owner")
