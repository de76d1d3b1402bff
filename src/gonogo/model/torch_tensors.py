"""Arrays into PyTorch programs and scores out of them, for the runtimes that need PyTorch (`pip install gonogo[torch]`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from gonogo.errors import ModelError
from gonogo.model.declared import Declared, library
from gonogo.model.one_output import OneOutput
from gonogo.model.runtime import Array, GraphOutput


def torch_here() -> Any:
    """PyTorch on one thread. Raises MissingExtraError when it is not installed."""
    torch = library("torch", "a PyTorch program", "torch")
    torch.set_num_threads(1)
    with suppress(RuntimeError):  # can be set once only, and before the first computation
        torch.set_num_interop_threads(1)
    return torch


def check_inputs(declared: Declared, what: str) -> None:
    """Raises ModelError when no inputs are declared, or text among them."""
    inputs = declared.needed_inputs(what)
    text = [item.name for item in inputs if item.dtype == "string"]
    if text:
        raise ModelError(f"{what} takes numbers, but input {text[0]!r} is declared as text.", hint="Encode the categories first.")


def served_program(torch: Any, program: Callable[..., Any], declared: Declared, device: str, rows: int = 0) -> OneOutput:
    """A program that takes one tensor for each declared input, in their order, and gives the scores: alone, first of several, or by name.
    It takes `rows` rows at once; 0 is any number.

    The outputs that are declared beside the scores come after them, or by name.
    """
    inputs, names = declared.inputs, (declared.output, *declared.also)

    def compute(batch: Mapping[str, Array]) -> Any:
        with torch.inference_mode():
            given = program(*(_tensor(torch, batch[item.name]).to(device) for item in inputs))
            scores = _array(torch, _output(given, names, 0))
            if not declared.also:
                return scores
            return {names[0]: scores} | {name: _output(given, names, place).cpu().numpy() for place, name in enumerate(names) if place}

    also = tuple(GraphOutput(name, "float32", ()) for name in declared.also)
    return OneOutput(inputs, GraphOutput(declared.output, "float32", ()), compute, device=device, also=also, rows=rows)


def _output(given: Any, names: tuple[str, ...], place: int) -> Any:
    if isinstance(given, dict):
        return given[names[place]]
    if not isinstance(given, tuple | list):
        given = (given,)
    if place >= len(given):
        raise ModelError(f"the program gives {len(given)} output(s), so that none is {names[place]!r}.")
    return given[place]


def _array(torch: Any, scores: Any) -> Array:
    found: Array = scores.to(torch.float64 if scores.dtype == torch.float64 else torch.float32).cpu().numpy()
    return found


def _tensor(torch: Any, array: Array) -> Any:
    """Shares the memory of the array where it may be written to, which PyTorch demands."""
    return torch.from_numpy(array) if array.flags.writeable and array.flags.c_contiguous else torch.tensor(array)
