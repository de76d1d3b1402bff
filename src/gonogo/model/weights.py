"""The tensors of a model file, counted and looked at without running the model and without its framework.

Read are ONNX (initializers), safetensors, and what `torch.save` and `torch.jit.save` write. The last are pickles; the unpickler here knows
a dozen names, each standing for something inert that only notes what was said, and refuses every other. It is still meant for the
isolated child (`Sandbox.weights`), where nothing that it gets wrong can do harm.

Sources: onnx.proto (TensorProto), the safetensors format, `torch/serialization.py` and `torch/_utils.py` of PyTorch 2.13.
"""

from __future__ import annotations

import collections
import json
import math
import pickle
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gonogo.errors import ModelError
from gonogo.model.formats import sniff
from gonogo.model.onnx_wire import FileBytes, WireError, initializers

BLOCK = 1 << 24  #: bytes of values that are looked at together
DEPTH = 64

_BYTES = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int64": 8, "int32": 4, "int16": 2, "int8": 1, "uint8": 1, "bool": 1}
_SAFETENSORS = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
    "U8": "uint8", "BOOL": "bool",
}  # fmt: skip
_STORAGES = {
    "Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64", "Int": "int32", "Short": "int16",
    "Char": "int8", "Byte": "uint8", "Bool": "bool",
}  # fmt: skip
_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")  #: of batch normalisation: kept beside the weights, not learnt


@dataclass(frozen=True)
class Tensor:
    """One tensor. `group` is the entry of a checkpoint that it lies in ("" when it lies in none); `non_finite` counts NaN and infinity."""

    group: str
    name: str
    dtype: str
    shape: tuple[int, ...]
    non_finite: int
    device: str = "cpu"

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def learnt(self) -> bool:
        """Whether its values count as parameters."""
        return self.dtype.startswith(("float", "bfloat")) and not self.name.endswith(_BUFFERS)


@dataclass(frozen=True)
class Weights:
    """What a model file holds. `keys` are the entries of a checkpoint, in their order; () for other files."""

    format: str
    keys: tuple[str, ...]
    tensors: tuple[Tensor, ...]

    def model(self) -> tuple[Tensor, ...]:
        """The tensors of the model itself, without those of an optimizer beside it."""
        groups = {tensor.group for tensor in self.tensors}
        own = next((key for key in ("model_state_dict", "state_dict", "model", "weights") if key in groups), "")
        return tuple(tensor for tensor in self.tensors if tensor.group == own)

    @property
    def parameters(self) -> int:
        """Learnt values of the model."""
        return sum(tensor.elements for tensor in self.model() if tensor.learnt)

    def to_json(self) -> dict[str, Any]:
        tensors = [[t.group, t.name, t.dtype, list(t.shape), t.non_finite, t.device] for t in self.tensors]
        return {"format": self.format, "keys": list(self.keys), "tensors": tensors}

    @classmethod
    def from_json(cls, data: Any) -> Weights:
        """Inverse of `to_json`. It comes from a process that held a stranger's bytes, so it is checked. Raises ModelError."""
        try:
            tensors = tuple(
                Tensor(str(group), str(name), str(dtype), tuple(map(_count, shape)), _count(bad), str(device))
                for group, name, dtype, shape, bad, device in data["tensors"]
            )
            return cls(str(data["format"]), tuple(str(key) for key in data["keys"]), tensors)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"the description of the weights is malformed: {error}.") from error


def width(dtype: str) -> int:
    """Bytes of one value; 0 for a type that is not known here."""
    return _BYTES.get(dtype, 0)


def read_weights(path: Path) -> Weights:
    """The tensors of a file. Raises ModelError when it is of another format, broken, or names what is not known here."""
    kind = sniff(path)
    readers = {"onnx": _onnx, "safetensors": _safetensors, "torch": _torch, "torchscript": _torch}
    if kind not in readers:
        raise ModelError(
            f"{path.name} is of the format {kind}, whose weights cannot be read here.",
            hint="Save it as ONNX, as safetensors, or with torch.save (1.6 or newer).",
        )
    try:
        keys, tensors = readers[kind](path)
    except ModelError:
        raise
    except (
        OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, EOFError, RuntimeError, NotImplementedError, RecursionError,
        pickle.UnpicklingError, zipfile.BadZipFile,
    ) as error:  # fmt: skip
        raise ModelError(f"the weights of {path.name} cannot be read: {type(error).__name__} {error}.") from error
    return Weights(kind, keys, tensors)


# -- ONNX and safetensors -----------------------------------------------------------------------------------------------------------


def _onnx(path: Path) -> tuple[tuple[str, ...], tuple[Tensor, ...]]:
    try:
        with FileBytes(path) as data:
            found = [
                Tensor(group, name, dtype, shape, _non_finite(values, dtype)) for group, name, dtype, shape, values in initializers(data)
            ]
    except WireError as error:
        raise ModelError(f"{path.name} is not a whole ONNX file: {error}.") from error
    return (), tuple(found)


def _safetensors(path: Path) -> tuple[tuple[str, ...], tuple[Tensor, ...]]:
    found = []
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            shape, (start, end) = tuple(map(_count, entry["shape"])), map(_count, entry["data_offsets"])
            dtype = _SAFETENSORS.get(entry["dtype"], str(entry["dtype"]))
            if dtype in _BYTES and end - start != math.prod(shape) * _BYTES[dtype]:
                raise ValueError(f"{name!r} has {end - start} bytes for {shape} values of {dtype}")
            file.seek(8 + length + start)
            found.append(Tensor("", name, dtype, shape, _scan(file, end - start, dtype)))
    return (), tuple(found)


# -- PyTorch ------------------------------------------------------------------------------------------------------------------------


class _Inert:
    """Whatever was built: it holds what it was given and does nothing. Classes of a scripted module become this, too."""

    def __init__(self, *said: Any) -> None:
        self.said = said

    def __setstate__(self, state: Any) -> None:
        self.state = state


@dataclass
class _Storage:
    dtype: str
    key: str
    device: str
    size: int


@dataclass
class _Viewed:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _tensor(storage: _Storage, offset: int, shape: Sequence[int], strides: Sequence[int], *_: Any) -> _Viewed:
    return _Viewed(storage, offset, tuple(map(_count, shape)), tuple(map(_count, strides)))


def _first(value: Any, *_: Any) -> Any:
    return value


_KNOWN: dict[str, Any] = {
    "collections.OrderedDict": collections.OrderedDict,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _first,
    "torch.Size": tuple,
    "torch.device": _Inert,
    "numpy.core.multiarray.scalar": _Inert,
    "numpy._core.multiarray.scalar": _Inert,
    "numpy.dtype": _Inert,
    "_codecs.encode": _Inert,
    "builtins.set": set,
    **{f"torch.{kind}Storage": dtype for kind, dtype in _STORAGES.items()},
    **{f"torch.jit._pickle.build_{kind}list": _first for kind in ("int", "double", "bool", "tensor")},
    **{f"torch.{name}": name for name in ("float64", "float32", "float16", "bfloat16", "int64", "int32", "bool")},
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("__torch__."):
            return _Inert
        known = _KNOWN.get(f"{module}.{name}")
        if known is None:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not needed to hold weights")
        return known

    def persistent_load(self, pid: Any) -> _Storage:
        what, dtype, key, device, size = pid
        if what != "storage" or dtype not in _BYTES:
            raise pickle.UnpicklingError("it names a storage of a kind that is not known")
        return _Storage(dtype, str(key), str(device), _count(size))


def _torch(path: Path) -> tuple[tuple[str, ...], tuple[Tensor, ...]]:
    with zipfile.ZipFile(path) as archive:
        place = next(name for name in archive.namelist() if name == "data.pkl" or name.endswith("/data.pkl")).removesuffix("data.pkl")
        if f"{place}byteorder" in archive.namelist() and archive.read(f"{place}byteorder") != b"little":
            raise ValueError("its numbers are not little-endian")
        with archive.open(f"{place}data.pkl") as file:
            content = _Unpickler(file).load()
        scanned: dict[str, int] = {}
        found = []
        for group, name, viewed in _walk(content):
            storage = viewed.storage
            reach = viewed.offset + sum((n - 1) * step for n, step in zip(viewed.shape, viewed.strides, strict=True)) + 1
            if math.prod(viewed.shape) and reach > storage.size:
                raise ValueError(f"{name!r} reaches beyond its storage")
            if storage.key not in scanned:
                info = archive.getinfo(f"{place}data/{storage.key}")
                if info.file_size != storage.size * _BYTES[storage.dtype]:
                    raise ValueError(f"{name!r} has {info.file_size} bytes for {storage.size} values of {storage.dtype}")
                with archive.open(info) as values:
                    scanned[storage.key] = _scan(values, info.file_size, storage.dtype)  # type: ignore[arg-type]
            found.append(Tensor(group, name, storage.dtype, viewed.shape, scanned[storage.key], storage.device))
    keys = tuple(str(key) for key in content) if isinstance(content, Mapping) else ()
    return keys, tuple(found)


def _walk(content: Any) -> Iterator[tuple[str, str, _Viewed]]:
    """(group, name, tensor) of everything in a checkpoint. The group is the entry that a tensor lies in, when that is a map itself."""
    if not isinstance(content, Mapping):
        for name, viewed in _below(content, "", 0):
            yield "", name, viewed
        return
    for key, value in content.items():
        if isinstance(value, _Viewed):
            yield "", str(key), value
        else:
            for name, viewed in _below(value, "", 0):
                yield str(key), name, viewed


def _below(value: Any, name: str, depth: int) -> Iterator[tuple[str, _Viewed]]:
    if depth > DEPTH:
        raise ValueError("it is nested too deeply")
    if isinstance(value, _Viewed):
        yield name, value
        return
    inner = getattr(value, "state", None) if isinstance(value, _Inert) else value
    if isinstance(inner, Mapping):
        items: Any = inner.items()
    elif isinstance(inner, list | tuple):
        items = enumerate(inner)
    else:
        return
    for key, below in items:
        yield from _below(below, f"{name}.{key}" if name else str(key), depth + 1)


# -- values -------------------------------------------------------------------------------------------------------------------------


def _scan(file: BinaryIO, size: int, dtype: str) -> int:
    """How many of the values in the next `size` bytes are NaN or infinite."""
    bad = 0
    while size > 0:
        data = file.read(min(size, BLOCK))
        if not data:
            raise ValueError("the file ends in the middle of a tensor")
        size -= len(data)
        bad += _non_finite(data, dtype)
    return bad


def _non_finite(data: bytes, dtype: str) -> int:
    if dtype == "bfloat16":
        return int((~np.isfinite((np.frombuffer(data, dtype="<u2").astype("<u4") << 16).view("<f4"))).sum())
    if dtype in ("float64", "float32", "float16"):
        return int((~np.isfinite(np.frombuffer(data, dtype=np.dtype(dtype).newbyteorder("<")))).sum())
    return 0


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value
