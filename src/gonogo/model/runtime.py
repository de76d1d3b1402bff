"""What every runtime promises: bytes in, a loaded model out, one matrix of numbers for each output.

A runtime is one file in `runtimes/` and one line in the catalogue. It never opens a file: it gets the bytes that were digested, so that
what was evaluated, signed and served is the same thing. Everything that goes wrong inside leaves as a ModelError, but for a library that is
not installed, which is a MissingExtraError. Its module imports nothing heavy before `load`: a process is isolated first, and a network
namespace needs a process of one thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from gonogo.errors import ModelError
from gonogo.model.schema import GraphInput

Array = np.ndarray[Any, np.dtype[Any]]
NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class GraphOutput:
    """One output of the graph. `dtype` is a NumPy name, "string", or the runtime's own word for what is no tensor.

    `shape` holds a number for a fixed dimension and None for a free one; it is empty when the rank is unknown.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Inspection:
    """What a model says about itself. A `width` of 0 means that the graph leaves the number of columns open; so does a 0 in a `shape`."""

    inputs: tuple[GraphInput, ...]
    outputs: tuple[GraphOutput, ...]
    metadata: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        return {
            "inputs": [
                {"name": i.name, "dtype": i.dtype, "width": i.width} | ({"shape": list(i.shape)} if i.shape else {}) for i in self.inputs
            ],
            "outputs": [{"name": o.name, "dtype": o.dtype, "shape": list(o.shape)} for o in self.outputs],
            "metadata": dict(self.metadata),
        }

    @classmethod
    def from_json(cls, data: Any) -> Inspection:
        """Inverse of `to_json`. The document comes from a process that held a stranger's bytes, so every value is checked.

        Raises ModelError when it has another shape.
        """
        try:
            inputs = tuple(
                GraphInput(_text(i["name"]), _text(i["dtype"]), _count(i["width"]), tuple(map(_count, i.get("shape", ()))))
                for i in data["inputs"]
            )
            outputs = tuple(
                GraphOutput(_text(o["name"]), _text(o["dtype"]), tuple(None if d is None else _count(d) for d in o["shape"]))
                for o in data["outputs"]
            )
            metadata = {_text(key): _text(value) for key, value in data["metadata"].items()}
        except (KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"the model's description is malformed: {error}.") from error
        return cls(inputs, outputs, metadata)


class Loaded(Protocol):
    """A model in memory, ready to compute."""

    @property
    def inputs(self) -> tuple[GraphInput, ...]: ...

    @property
    def outputs(self) -> tuple[GraphOutput, ...]: ...

    @property
    def metadata(self) -> Mapping[str, str]: ...

    @property
    def device(self) -> str:
        """Where it computes: "cpu" or "cuda"."""

    def run(self, batch: Mapping[str, Array], outputs: Sequence[str] | None = None) -> dict[str, Any]:
        """Compute the named outputs (default: all) for `batch`, which maps each input to an array [rows, width].

        May be called from several threads. Raises ModelError when the model refuses the batch, fails or is interrupted.
        """

    def interrupt(self) -> None:
        """End the calls of `run` that are under way in other threads, where the library can; they raise ModelError.

        Where it cannot, and when nothing runs, nothing happens; calls that begin later are not touched.
        """


class Runtime(Protocol):
    """One kind of model. An object loads one model: `prepare` once, then `load` once."""

    name: str

    def prepare(self) -> None:
        """Start what cannot be started any more once the process is isolated. Most runtimes need nothing."""

    def load(self, data: bytes, options: Mapping[str, Any] = NO_OPTIONS) -> Loaded:
        """Load a model. `options` are what the project declared of it: see `gonogo.model.declared`.

        Raises ModelError when the bytes are not a whole model of this runtime's kind or the options do not fit it, MissingExtraError
        when its library is not installed.
        """


def shaped(inputs: Sequence[GraphInput], batch: Mapping[str, Array]) -> Mapping[str, Array]:
    """A batch of arrays [rows, width] as the graph takes it: [rows, *shape] where an input has a shape; 0 is what is left.

    Raises ValueError when a row has another size.
    """
    shapes = {item.name: tuple(size or -1 for size in item.shape) for item in inputs if item.shape}
    if not shapes:
        return batch
    if any(array.ndim != 2 for array in batch.values()):
        raise ValueError("a batch holds matrices, [rows, width]")
    return {name: array.reshape(len(array), *shapes.get(name, (-1,))) for name, array in batch.items()}


def inspect(loaded: Loaded) -> Inspection:
    """What a loaded model says about itself."""
    return Inspection(loaded.inputs, loaded.outputs, dict(loaded.metadata))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError(f"{value!r} is no count")
    return value
