"""What kind of model a file is, told by its content and never by its name.

Nothing here loads, unpickles or executes anything: a pickle is recognised by its opcodes, an archive by its table of contents. A file
that is a pickle and something else at once is a pickle. However large a file is, it is read in pieces.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Literal

from gonogo.errors import ModelError
from gonogo.model.onnx_wire import FileBytes, WireError, read_outline
from gonogo.model.pickles import is_pickle

Format = Literal["onnx", "pickle", "skops", "safetensors", "torch", "unknown"]

HEAD = 4096
_LEGACY_TORCH = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"  # the long that torch.save wrote before it used zip files
_CONVERT = {
    "pickle": (
        "a pickle (or joblib) file, which runs code when it is loaded",
        "Export the model to ONNX, for scikit-learn with skl2onnx.to_onnx(model, X[:1], options={'zipmap': False}).",
    ),
    "torch": ("a PyTorch file", "Export it with torch.onnx.export(...)."),
    "skops": ("a skops archive", "Load it where it was trained and export it to ONNX with skl2onnx."),
    "safetensors": ("a safetensors file: weights without the computation", "Export the whole model to ONNX."),
}


def sniff(path: Path) -> Format:
    """The kind of a model file. Raises ModelError when there is no readable, non-empty plain file."""
    if path.is_dir():
        raise ModelError(f"{path} is a directory, not a model file.", hint="Set `model.path` in gonogo.yaml to one ONNX file.")
    try:
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
    return "onnx" if _looks_like_onnx(head) else "unknown"


def model_kind(path: Path) -> Literal["onnx"]:
    """ "onnx" when `path` is a whole, self-contained ONNX model. Raises ModelError that says what it is instead and what to do."""
    kind = sniff(path)
    if kind == "onnx":
        with FileBytes(path) as data:
            check_onnx(data, str(path))
        return "onnx"
    if kind == "unknown":
        with open(path, "rb") as file:
            head = file.read(HEAD)
        if head.startswith(b"version https://git-lfs"):
            raise ModelError(f"{path} is a Git LFS pointer, not the model.", hint="Run: git lfs pull")
        raise ModelError(f"{path} is no model file that is known here.", hint="Export the model to ONNX.")
    what, remedy = _CONVERT[kind]
    raise ModelError(f"{path} is {what}, not ONNX.", hint=remedy)


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
            hint="Save it as one file: onnx.save_model(model, path, save_as_external_data=False).",
        )


def _archive(path: Path) -> Format:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError):
        return "unknown"
    if any(name == "data.pkl" or name.endswith("/data.pkl") for name in names):
        return "torch"
    return "skops" if "schema.json" in names else "unknown"


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
