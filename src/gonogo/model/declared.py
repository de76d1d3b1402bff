"""What a project declares of a model beyond its bytes, read once for every runtime.

    inputs     [{"name", "dtype", "width"}, …] in the order in which the model takes them; models that tell it themselves need none; one
               that is no matrix has "shape" in the place of "width", that of one row
    output     the name of the score output, default "probabilities"
    also       names of outputs beside the scores; a program that gives several without names gives them in this order, after the scores
    device     "cpu" (default), "cuda" (an error where there is none) or "auto" (cuda where there is one)
    trusted    names of types that a skops file may build beyond scikit-learn's own
    callable   "module:function" in the archive of a callable

An option that a runtime has no use for is not an error: the declaration is one for all.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from gonogo.errors import MissingExtraError, ModelError
from gonogo.model.packing import DTYPES
from gonogo.model.runtime import Array
from gonogo.model.schema import INPUTS, GraphInput

DEVICES = ("cpu", "cuda", "auto")
OUTPUT = "probabilities"


@dataclass(frozen=True)
class Declared:
    """The options of one model. `inputs` is () when none are declared."""

    inputs: tuple[GraphInput, ...] = ()
    output: str = OUTPUT
    also: tuple[str, ...] = ()
    device: str = "cpu"
    trusted: tuple[str, ...] = ()
    callable: str = ""

    @classmethod
    def read(cls, options: Mapping[str, Any]) -> Declared:
        """Raises ModelError for an option that is unknown or malformed."""
        unknown = sorted(set(options) - {"inputs", "output", "also", "device", "trusted", "callable"})
        if unknown:
            raise ModelError(f"a model has no option {', '.join(unknown)}.")
        try:
            inputs = tuple(_input(**item) for item in options.get("inputs") or ())
            read = cls(
                inputs,
                options.get("output") or OUTPUT,
                tuple(options.get("also") or ()),
                options.get("device") or "cpu",
                tuple(options.get("trusted") or ()),
                options.get("callable") or "",
            )
        except TypeError as error:
            raise ModelError(f"the model's inputs are malformed: {error}.") from error
        words = (read.output, read.callable, *read.trusted, *read.also, *(item.name for item in inputs))
        if (
            not all(isinstance(word, str) for word in words)
            or len({item.name for item in inputs}) != len(inputs)
            or len({read.output, *read.also}) != 1 + len(read.also)
        ):
            raise ModelError("the model's options are malformed: names are text, and no two inputs or outputs have one name.")
        for item in inputs:
            if item.dtype == "string" and item.shape:
                raise ModelError(f"input {item.name!r} is declared as text with a shape; a tensor holds numbers.")
            if item.dtype not in INPUTS or not isinstance(item.width, int) or isinstance(item.width, bool) or item.width < 1:
                raise ModelError(
                    f"input {item.name!r} is declared as {item.dtype} of {item.width} columns.", hint=f"Known: {', '.join(INPUTS)}."
                )
        if read.device not in DEVICES:
            raise ModelError(f"there is no device {read.device!r}.", hint=f"Known: {', '.join(DEVICES)}.")
        return read

    def needed_inputs(self, what: str) -> tuple[GraphInput, ...]:
        """The inputs, of a model that does not tell them itself. Raises ModelError when none are declared."""
        if not self.inputs:
            raise ModelError(
                f"{what} does not say what it takes.", hint="Declare `model.inputs` in gonogo.yaml: name, dtype, width or shape."
            )
        return self.inputs

    def settled_device(self, cuda: bool, what: str) -> str:
        """ "cpu" or "cuda". `cuda` says whether `what` can compute there. Raises ModelError when it is demanded and absent."""
        if self.device == "cuda" and not cuda:
            raise ModelError(
                f"the model is declared for the device cuda, but {what} finds none here.", hint="Declare `device: auto` or `device: cpu`."
            )
        return "cuda" if cuda and self.device != "cpu" else "cpu"


def _input(name: str, dtype: str, width: int | None = None, shape: Sequence[int] | None = None) -> GraphInput:
    """One declared input. Raises TypeError for anything else than sizes."""
    if shape is None:
        return GraphInput(name, dtype, 0 if width is None else width)
    if not shape or any(not isinstance(size, int) or isinstance(size, bool) or size < 1 for size in shape):
        raise TypeError(f"input {name!r} has the shape {list(shape)}")
    if width not in (None, prod(shape)):
        raise TypeError(f"input {name!r} has the shape {list(shape)} and {width} columns")
    return GraphInput(name, dtype, prod(shape), tuple(shape))


def library(module: str, thing: str, extra: str) -> Any:
    """Import a runtime's library. Raises MissingExtraError when it is not installed, ModelError when it is and cannot be imported."""
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        raise MissingExtraError(thing, extra)
    try:
        return importlib.import_module(module)
    except Exception as error:  # whatever a broken installation raises
        raise ModelError(f"{module} is installed, but cannot be imported: {first_line(error)}") from error


def check_batch(inputs: tuple[GraphInput, ...], batch: Mapping[str, Array]) -> int:
    """The number of rows of a batch that has exactly these inputs. Raises ModelError for anything else, no rows included."""
    if batch.keys() != {item.name for item in inputs}:
        raise ModelError(f"the model takes {', '.join(item.name for item in inputs)}; the batch has {', '.join(batch) or 'nothing'}.")
    rows = -1
    for item in inputs:
        array = batch[item.name]
        if array.ndim != 2 or (item.width and array.shape[1] != item.width):  # a width of 0 is open
            raise ModelError(f"input {item.name!r} takes {item.width} columns; the batch has the shape {array.shape}.")
        if array.dtype != DTYPES[item.dtype]:
            raise ModelError(f"input {item.name!r} takes {item.dtype}; the batch holds {array.dtype}.")
        if array.shape[0] != rows and rows != -1:
            raise ModelError("the inputs of the batch have different numbers of rows.")
        rows = array.shape[0]
    if rows < 1:
        raise ModelError("the batch has no rows.")
    return rows


def first_line(error: BaseException) -> str:
    """What a library's error says, in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
