"""What is kept aside comes back byte for byte: files, folders, and that there was nothing; the ledger of runs stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from gonogo.candidate.kept import digests_of, is_whole, keep, put_back
from gonogo.errors import StorageError


def tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "models" / "deep").mkdir(parents=True)
    (root / "train.csv").write_text("1")
    (root / "models" / "a.onnx").write_text("a")
    (root / "models" / "deep" / "b").write_text("b")
    (root / "models" / "runs.jsonl").write_text("first\n")
    return root


PATHS = ["train.csv", "models", "later.txt", "folder"]


def test_files_folders_and_absence_come_back(root: Path, tmp_path: Path) -> None:
    kept = keep(root, PATHS, tmp_path / "kept")
    before = tree(root)
    assert kept["later.txt"] is None
    assert is_whole(tmp_path / "kept", kept)
    assert put_back(root, kept, tmp_path / "kept") == []
    (root / "train.csv").write_text("2")
    (root / "models" / "a.onnx").unlink()
    (root / "models" / "deep" / "b").write_text("B")
    (root / "models" / "new").write_text("n")
    (root / "later.txt").write_text("x")
    (root / "folder" / "inner").mkdir(parents=True)
    (root / "folder" / "inner" / "file").write_text("x")
    assert sorted(put_back(root, kept, tmp_path / "kept")) == ["folder", "later.txt", "models", "train.csv"]
    assert tree(root) == before
    assert not (root / "folder").exists()
    assert digests_of(root, PATHS) == kept
    assert put_back(root, kept, tmp_path / "kept") == []


@pytest.mark.parametrize("path", ["models", "train.csv"])
def test_a_folder_in_place_of_a_file_and_the_other_way_round_come_back(root: Path, tmp_path: Path, path: str) -> None:
    kept = keep(root, [path], tmp_path / "kept")
    before = digests_of(root, [path])
    place = root / path
    if place.is_dir():
        place.rename(root / "gone")
        place.write_text("a file")
    else:
        place.unlink()
        place.mkdir()
        (place / "x").write_text("x")
    assert put_back(root, kept, tmp_path / "kept") == [path]
    assert digests_of(root, [path]) == before


def test_the_ledger_is_neither_kept_nor_put_back(root: Path, tmp_path: Path) -> None:
    kept = keep(root, ["models"], tmp_path / "kept")
    with (root / "models" / "runs.jsonl").open("a") as file:
        file.write("second\n")
    (root / "models" / "a.onnx").write_text("other")
    put_back(root, kept, tmp_path / "kept")
    assert (root / "models" / "runs.jsonl").read_text() == "first\nsecond\n"
    assert (root / "models" / "a.onnx").read_text() == "a"


def test_damaged_copies_are_refused_before_anything_is_touched(root: Path, tmp_path: Path) -> None:
    kept = keep(root, ["models", "train.csv"], tmp_path / "kept")
    (tmp_path / "kept" / "1").write_text("forged")
    (root / "models" / "a.onnx").write_text("other")
    with pytest.raises(StorageError, match="nothing was put back"):
        put_back(root, kept, tmp_path / "kept")
    assert (root / "models" / "a.onnx").read_text() == "other"


def test_a_link_to_a_file_stays_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.csv").write_text("far")
    (root / "linked.csv").symlink_to(tmp_path / "elsewhere.csv")
    kept = keep(root, ["linked.csv"], tmp_path / "kept")
    (tmp_path / "elsewhere.csv").write_text("changed")
    put_back(root, kept, tmp_path / "kept")
    assert (root / "linked.csv").is_symlink()
    assert (tmp_path / "elsewhere.csv").read_text() == "far"


def test_a_link_that_was_set_since_is_taken_away_and_what_it_names_is_left_alone(root: Path, tmp_path: Path) -> None:
    runs = {name: tmp_path / f"{name}.onnx" for name in ("one", "two")}
    for name, file in runs.items():
        file.write_text(name)
    (root / "plain").write_text("before")
    (root / "latest").symlink_to(runs["one"])
    kept = keep(root, ["plain", "latest"], tmp_path / "kept")
    for path in ("plain", "latest"):
        (root / path).unlink()
        (root / path).symlink_to(runs["two"])
    assert put_back(root, kept, tmp_path / "kept") == ["latest", "plain"]
    assert [file.read_text() for file in runs.values()] == ["one", "two"]
    assert ((root / "plain").is_symlink(), (root / "plain").read_text()) == (False, "before")
    assert (root / "latest").readlink() == runs["one"]
    (root / "latest").unlink()
    (root / "latest").write_text("a file")
    assert put_back(root, kept, tmp_path / "kept") == ["latest"]
    assert ((root / "latest").readlink(), runs["one"].read_text()) == (runs["one"], "one")
