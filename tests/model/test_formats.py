"""Formats are told by content; what is not a whole ONNX file is said to be what it is."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import pickle
import zipfile
import zlib
from pathlib import Path
from typing import Any

import joblib
import pytest

from gonogo.base.tree import file_digest
from gonogo.errors import ModelError
from gonogo.model.formats import check_options, model_kind, ship, shipped_digest, sniff, suffix
from gonogo.model.onnx_wire import read_outline

PICKLED = {"weights": [1.0, 2.0], "name": "forest"}


def written(folder: Path, data: bytes, name: str = "model.onnx") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def zipped(folder: Path, *names: str) -> Path:
    path = folder / "model.onnx"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "{}")
    return path


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_is_a_pickle_whatever_its_name(tmp_path: Path, protocol: int) -> None:
    assert sniff(written(tmp_path, pickle.dumps(PICKLED, protocol))) == "pickle"


@pytest.mark.parametrize("pack", [zlib.compress, gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_pickle_is_a_pickle(tmp_path: Path, pack: Any) -> None:
    assert sniff(written(tmp_path, pack(pickle.dumps(PICKLED)))) == "pickle"


@pytest.mark.parametrize("compress", [0, 3, ("lzma", 3)])
def test_what_joblib_writes_is_a_pickle(tmp_path: Path, compress: Any) -> None:
    path = tmp_path / "model.onnx"
    joblib.dump(PICKLED, path, compress=compress)
    assert sniff(path) == "pickle"


def test_archives_are_told_by_their_contents(tmp_path: Path) -> None:
    assert sniff(zipped(tmp_path, "schema.json", "1.npy")) == "skops"
    assert sniff(zipped(tmp_path, "archive/data.pkl", "archive/version")) == "torch"
    assert sniff(zipped(tmp_path, "readme.txt")) == "unknown"


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (("m/data.pkl", "m/constants.pkl", "m/code/__torch__.py", "m/version"), "torchscript"),
        (("m/models/model.json", "m/data/sample_inputs/model.pt", "m/archive_format"), "torch_export"),
        (("serialized_exported_program.json", "serialized_state_dict.pt", "version"), "torch_export"),
        (("scoring.py", "weights.npy"), "callable"),
    ],
)
def test_programs_are_told_from_weights(tmp_path: Path, names: tuple[str, ...], kind: str) -> None:
    assert sniff(zipped(tmp_path, *names)) == model_kind(tmp_path / "model.onnx") == kind


@pytest.mark.parametrize(
    ("head", "kind", "ends"),
    [
        (b"tree\nversion=v4\nnum_class=1\n", "lightgbm", "txt"),
        (b'{"learner":{"attributes":{}}, "version": [3, 2, 0]}', "xgboost", "json"),
        (b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner{L\x00\x00", "xgboost", "ubj"),
    ],
)
def test_boosted_trees_are_told_by_their_first_bytes(tmp_path: Path, head: bytes, kind: Any, ends: str) -> None:
    path = written(tmp_path, head, "model.bin")
    assert model_kind(path) == kind
    assert suffix(kind, path) == ends


def test_folders_are_told_by_what_lies_in_them_and_packed_as_one_file(tmp_path: Path) -> None:
    for name, file in (("graph", "saved_model.pb"), ("code", "scoring.py")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_bytes(b"x")
    for name, kind, ends in (("graph", "saved_model", "tar"), ("code", "callable", "zip")):
        packed = tmp_path / f"{name}.{ends}"
        with packed.open("wb") as file:
            ship(tmp_path / name, file)
        assert sniff(tmp_path / name) == sniff(packed) == kind
        assert shipped_digest(tmp_path / name) == file_digest(packed) == shipped_digest(packed)


@pytest.mark.parametrize(
    ("kind", "options", "missing"),
    [("torchscript", (), "inputs"), ("torch_export", ("device",), "inputs"), ("callable", ("inputs",), "callable"), ("onnx", (), "")],
)
def test_what_a_format_does_not_say_must_be_declared(kind: Any, options: tuple[str, ...], missing: str) -> None:
    if not missing:
        check_options(kind, options)
        return
    with pytest.raises(ModelError, match=f"does not say `{missing}` itself") as caught:
        check_options(kind, options)
    assert f"`{missing}: " in caught.value.hint


def test_safetensors_is_told_by_its_header(tmp_path: Path) -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    assert sniff(written(tmp_path, len(header).to_bytes(8, "little") + header + bytes(4))) == "safetensors"


def test_onnx_is_onnx_whatever_its_name(tmp_path: Path, models: Any) -> None:
    path = written(tmp_path, models.logistic(), "model.pkl")
    assert sniff(path) == "onnx"
    assert model_kind(path) == "onnx"


@pytest.mark.parametrize("keep", [12, 60, -1])
def test_a_truncated_model_is_called_not_whole(tmp_path: Path, models: Any, keep: int) -> None:
    with pytest.raises(ModelError, match="not a whole ONNX file"):
        model_kind(written(tmp_path, models.logistic()[:keep]))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (pickle.dumps(PICKLED), "runs code when it is loaded"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"),
        (b"<html><body>404</body></html>", "no model file"),
        (b"\x00" * 4000, "no model file"),
    ],
)
def test_what_is_not_onnx_is_said_with_a_remedy(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        model_kind(written(tmp_path, data))
    assert caught.value.hint


def test_a_missing_file_and_a_directory_are_model_errors(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not there"):
        model_kind(tmp_path / "none.onnx")
    with pytest.raises(ModelError, match="is a directory"):
        model_kind(tmp_path)


def test_weights_in_another_file_are_refused(tmp_path: Path, models: Any) -> None:
    with pytest.raises(ModelError, match="weights in other files"):
        model_kind(models.external(tmp_path))


def test_the_outline_of_a_model_is_read(models: Any) -> None:
    assert read_outline(models.logistic()).ir_version == 8
    assert not read_outline(models.logistic()).external


def test_deeply_nested_bytes_do_not_exhaust_the_stack() -> None:
    graph = b""
    for _ in range(200):  # a graph in an attribute of a node of a graph …
        for field in (6, 5, 1):
            graph = bytes([field << 3 | 2]) + _varint(len(graph)) + graph
    data = b"\x08\x08" + b"\x3a" + _varint(len(graph)) + graph
    with pytest.raises(ValueError, match="too deeply"):
        read_outline(data)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
