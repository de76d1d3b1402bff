"""What kind of model a file is, told by its content and never by its name.

Nothing here loads, unpickles or executes anything: a pickle is recognised by its first opcodes, an archive by its table of contents, and
compressed files by the first bytes that come out.
"""

from __future__ import annotations

import bz2
import io
import json
import lzma
import pickletools
import zipfile
import zlib
from pathlib import Path
from typing import Literal

from gonogo.errors import ModelError
from gonogo.model.onnx_wire import WireError, read_outline

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
            file.seek(max(0, size - 1))
            last = file.read(1)
    except FileNotFoundError:
        raise ModelError(f"{path} is not there.", hint="Train the model first, or mend `model.path` in gonogo.yaml.") from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}.") from error
    if not head:
        raise ModelError(f"{path} is empty.", hint="Export the model again.")
    if head.startswith(b"PK\x03\x04"):
        return _archive(path)
    if _is_safetensors(path, head, size):
        return "safetensors"
    kind = _pickle(head, last) or _pickle(_unpacked(head), b".")
    if kind:
        return kind
    return "onnx" if _looks_like_onnx(head) else "unknown"


def model_kind(path: Path) -> Literal["onnx"]:
    """ "onnx" when `path` is a whole, self-contained ONNX model. Raises ModelError that says what it is instead and what to do."""
    kind = sniff(path)
    if kind == "onnx":
        check_onnx(path.read_bytes(), str(path))
        return "onnx"
    if kind == "unknown":
        with open(path, "rb") as file:
            head = file.read(HEAD)
        if head.startswith(b"version https://git-lfs"):
            raise ModelError(f"{path} is a Git LFS pointer, not the model.", hint="Run: git lfs pull")
        raise ModelError(f"{path} is no model file that is known here.", hint="Export the model to ONNX.")
    what, remedy = _CONVERT[kind]
    raise ModelError(f"{path} is {what}, not ONNX.", hint=remedy)


def check_onnx(data: bytes, name: str = "the model") -> None:
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


def _pickle(head: bytes, last: bytes) -> Format | None:
    if len(head) >= 2 and head[0] == 0x80 and 2 <= head[1] <= 5:
        return "torch" if head[2:].startswith(_LEGACY_TORCH) else "pickle"
    # Protocols 0 and 1 have no header: a file that ends in STOP and begins with opcodes that build something.
    if last != b"." or not head or head[0] not in b"(]}cIFVSULKMGNX":
        return None
    seen = 0
    try:
        for opcode, _, _ in pickletools.genops(io.BytesIO(head)):
            seen += 1
            if opcode.name == "STOP":
                return "pickle"
            if seen == 16:
                return "pickle"
    except (ValueError, IndexError, UnicodeDecodeError, OverflowError):
        return None
    return None


def _unpacked(head: bytes) -> bytes:
    """The first bytes of a compressed file, or nothing. joblib compresses with zlib, gzip, bz2, xz or lzma."""
    try:
        if head.startswith(b"\x1f\x8b"):
            return zlib.decompressobj(31).decompress(head, 64)
        if head.startswith(b"BZh"):
            return bz2.BZ2Decompressor().decompress(head, 64)
        if head.startswith((b"\xfd7zXZ\x00", b"\x5d\x00\x00")):
            return lzma.LZMADecompressor().decompress(head, 64)
        if head[0] == 0x78:
            return zlib.decompressobj().decompress(head, 64)
    except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError):
        return b""
    return b""


def _looks_like_onnx(head: bytes) -> bool:
    """A ModelProto begins with its ir_version: field 1, a small number, then another field of the model."""
    return (
        len(head) > 4 and head[0] == 0x08 and 1 <= head[1] < 0x80 and head[2] & 7 in (0, 2) and (head[2] >> 3) in (2, 3, 4, 5, 6, 7, 8, 14)
    )
