"""What kind of model a file or folder is, told by its content and never by its name.

Nothing here loads, unpickles or executes anything: a pickle is recognised by its opcodes, an archive by its table of contents. A file
that is a pickle and something else at once is a pickle. However large a file is, it is read in pieces.

A model that can be shipped has one of the formats in `SUFFIXES`. Two of them are folders in the project and one packed file in a bundle
(`archives.py`).
"""

from __future__ import annotations

import hashlib
import json
import tarfile
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO, Literal, cast, get_args

from gonogo.errors import ModelError
from gonogo.model.archives import Packing, pack
from gonogo.model.onnx_wire import FileBytes, WireError, read_outline
from gonogo.model.pickles import is_pickle

Shippable = Literal["onnx", "skops", "lightgbm", "xgboost", "torchscript", "torch_export", "saved_model", "callable"]
#: The extra of gonogo that a format's runtime needs; the default install has what the others need.
EXTRAS: dict[str, str] = {
    "skops": "skops",
    "lightgbm": "lightgbm",
    "xgboost": "xgboost",
    "torchscript": "torch",
    "torch_export": "torch",
    "saved_model": "tensorflow",
}
Format = Shippable | Literal["pickle", "safetensors", "torch", "unknown"]

#: How a model's file ends in a bundle; an XGBoost model has two spellings.
SUFFIXES: dict[str, tuple[str, ...]] = {
    "onnx": ("onnx",),
    "skops": ("skops",),
    "lightgbm": ("txt",),
    "xgboost": ("ubj", "json"),
    "torchscript": ("pt",),
    "torch_export": ("pt2",),
    "saved_model": ("tar",),
    "callable": ("zip",),
}
_PACKED: dict[Format, Packing] = {"saved_model": "tar", "callable": "zip"}
#: What `model` in gonogo.yaml must say for a format, because its file does not.
_NEEDED: dict[str, tuple[str, ...]] = {"torchscript": ("inputs",), "torch_export": ("inputs",), "callable": ("callable", "inputs")}
_EXAMPLE = {"inputs": "`inputs: [{name: x, dtype: float32, width: 30}]`", "callable": "`callable: scoring:predict`"}

HEAD = 4096
_LEGACY_TORCH = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"  # the long that torch.save wrote before it used zip files
_REFUSED = {
    "pickle": (
        "a pickle (or joblib) file, which runs code when it is loaded",
        "Save it with skops.io.dump, or export it to ONNX: skl2onnx.to_onnx(model, X[:1], options={'zipmap': False}).",
    ),
    "torch": ("a pickled PyTorch file", "Save the whole model with torch.jit.save, torch.export.save or torch.onnx.export."),
    "safetensors": ("a safetensors file: weights without the computation", "Save the whole model: ONNX, torch.jit.save, …"),
}


def sniff(path: Path) -> Format:
    """The kind of a model file or folder. Raises ModelError when there is nothing readable, or nothing in it."""
    try:
        if path.is_dir():
            return _folder(path)
        if path.exists() and not path.is_file():
            raise ModelError(f"{path} is neither a file nor a folder.", hint="Mend `model.path` in gonogo.yaml.")
        size = path.stat().st_size
        with open(path, "rb") as file:
            head = file.read(HEAD)
        pickled = is_pickle(path)
    except FileNotFoundError:
        raise ModelError(f"{path} is not there.", hint="Train the model first, or mend `model.path` in gonogo.yaml.") from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}.") from error
    if not head:
        raise ModelError(f"{path} is empty.", hint="Export the model again.")
    if pickled:
        return "torch" if head[2:].startswith(_LEGACY_TORCH) else "pickle"
    if head.startswith(b"PK\x03\x04"):
        return _archive(path)
    if _is_safetensors(path, head, size):
        return "safetensors"
    if _looks_like_onnx(head):
        return "onnx"
    return _text_or_tar(path, head)


def model_kind(path: Path) -> Shippable:
    """The format of a whole, self-contained model that can be shipped. Raises ModelError that says what it is instead and what to do."""
    kind = sniff(path)
    if kind == "onnx":
        with FileBytes(path) as data:
            check_onnx(data, str(path))
    if kind in get_args(Shippable):
        return cast(Shippable, kind)
    if kind == "unknown":
        raise _unknown(path)
    what, remedy = _REFUSED[kind]
    raise ModelError(f"{path} is {what}.", hint=remedy)


def check_options(kind: Shippable, options: Collection[str]) -> None:
    """Refuse a declaration that lacks what the file of this format does not say itself. Raises ModelError."""
    for name in _NEEDED.get(kind, ()):
        if name not in options:
            raise ModelError(f"a {kind} model does not say `{name}` itself.", hint=f"Add to `model` in gonogo.yaml: {_EXAMPLE[name]}.")


def suffix(kind: Shippable, path: Path) -> str:
    """How the name of a model's file ends in a bundle, without the point."""
    if kind == "xgboost":
        with open(path, "rb") as file:
            return "json" if _is_json_object(file.read(2)) else "ubj"
    return SUFFIXES[kind][0]


def ship(path: Path, into: BinaryIO) -> None:
    """Write the bytes that a bundle would hold of a declared model: the file itself, or the folder packed. Raises ModelError."""
    packing = None if path.is_file() and path.suffix != ".py" else _PACKED.get(sniff(path))
    if packing is None and path.is_dir():
        raise _unknown(path)
    if packing is None:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                into.write(block)
        return
    pack(path, packing, into)


def shipped_digest(path: Path) -> str:
    """`sha256:<hex>` of the bytes that `ship` would write. Raises ModelError."""
    state = _Hashing()
    ship(path, cast(BinaryIO, state))
    return "sha256:" + state.state.hexdigest()


class _Hashing:
    """A file that keeps a digest of what is written to it, and nothing else."""

    def __init__(self) -> None:
        self.state = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.state.update(data)
        return len(data)


def check_onnx(data: bytes | FileBytes, name: str = "the model") -> None:
    """Refuse what is no whole ONNX file, or one that keeps weights in other files, which no digest would cover.

    Raises ModelError.
    """
    try:
        outline = read_outline(data)
    except WireError as error:
        raise ModelError(f"{name} is not a whole ONNX file: {error}.", hint="Export or copy it again.") from error
    if outline.external:
        raise ModelError(
            f"{name} keeps weights in other files.",
            hint="Say torch.onnx.export(..., external_data=False), or join them where they are: "
            f"python -c \"import onnx; onnx.save(onnx.load('{name}'), '{name}')\"",
        )


def _archive(path: Path) -> Format:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError):
        return "unknown"
    ends = {name.partition("/")[2] for name in names}
    if "models/model.json" in ends or "serialized_exported_program.json" in names:
        return "torch_export"
    if "data.pkl" in names or any(name.endswith("/data.pkl") for name in names):
        return "torchscript" if "constants.pkl" in ends and any(end.startswith("code/") for end in ends) else "torch"
    if "schema.json" in names:
        return "skops"
    return "callable" if names and any(name.endswith(".py") for name in names) else "unknown"


def _folder(path: Path) -> Format:
    if (path / "saved_model.pb").is_file():
        return "saved_model"
    return "callable" if any(path.rglob("*.py")) else "unknown"


def _text_or_tar(path: Path, head: bytes) -> Format:
    if head.startswith((b"tree\nversion=", b"tree\r\nversion=")):
        return "lightgbm"
    if head.startswith(b"{") and b"learner" in head[:64] and (_is_json_object(head) or head[1:2] in b"LliIU"):
        return "xgboost"
    if head[257:262] == b"ustar":
        try:
            with tarfile.open(path, "r:") as archive:
                return "saved_model" if any(entry.name == "saved_model.pb" for entry in archive) else "unknown"
        except (tarfile.TarError, OSError, ValueError):
            return "unknown"
    return "callable" if path.suffix == ".py" else "unknown"


def _is_json_object(head: bytes) -> bool:
    return head[:1] == b"{" and head[1:2] in (b'"', b" ", b"\n", b"\r", b"\t")


def _unknown(path: Path) -> ModelError:
    if path.is_dir():
        return ModelError(
            f"{path} is a directory that is no model.",
            hint="Set `model.path` in gonogo.yaml to a model file, a TensorFlow SavedModel, or the folder of a callable's sources.",
        )
    with open(path, "rb") as file:
        head = file.read(HEAD)
    if head.startswith(b"version https://git-lfs"):
        return ModelError(f"{path} is a Git LFS pointer, not the model.", hint="Run: git lfs pull")
    return ModelError(
        f"{path} is no model file that is known here.",
        hint="Save it as ONNX, skops, LightGBM text, XGBoost UBJ or JSON, TorchScript, torch.export or a TensorFlow SavedModel.",
    )


def _is_safetensors(path: Path, head: bytes, size: int) -> bool:
    length = int.from_bytes(head[:8], "little")
    if len(head) < 10 or head[8:9] != b"{" or not 2 <= length <= min(size - 8, 100 << 20):
        return False
    with open(path, "rb") as file:
        file.seek(8)
        text = file.read(length)
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _looks_like_onnx(head: bytes) -> bool:
    """A ModelProto begins with its ir_version: field 1, a small number, then another field of the model."""
    return (
        len(head) > 4 and head[0] == 0x08 and 1 <= head[1] < 0x80 and head[2] & 7 in (0, 2) and (head[2] >> 3) in (2, 3, 4, 5, 6, 7, 8, 14)
    )
