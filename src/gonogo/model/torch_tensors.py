"""Arrays into PyTorch programs and scores out of them, for the runtimes that need PyTorch (`pip install gonogo[torch]`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from gonogo.errors import ModelError
from gonogo.model.declared import Declared, library
from gonogo.model.one_output import OneOutput
from gonogo.model.runtime import Array, GraphOutput
from gonogo.model.schema import GraphInput


def torch_here() -> Any:
    """PyTorch on one thread. Raises MissingExtraError when it is not installed."""
    torch = library("torch", "a PyTorch program", "torch")
    torch.set_num_threads(1)
    with suppress(RuntimeError):  # can be set once only, and before the first computation
        torch.set_num_interop_threads(1)
    return torch


def program_inputs(declared: Declared, what: str) -> tuple[GraphInput, ...]:
    """The declared inputs. Raises ModelError when there are none, or text among them."""
    inputs = declared.needed_inputs(what)
    text = [item.name for item in inputs if item.dtype == "string"]
    if text:
        raise ModelError(f"{what} takes numbers, but input {text[0]!r} is declared as text.", hint="Encode the categories first.")
    return inputs


def served_program(torch: Any, program: Callable[..., Any], inputs: tuple[GraphInput, ...], output: str, device: str) -> OneOutput:
    """A program that takes one tensor for each input, in their order, and gives the scores: alone, first of several, or by name."""

    def compute(batch: Mapping[str, Array]) -> Any:
        with torch.inference_mode():
            given = program(*(_tensor(torch, batch[item.name]).to(device) for item in inputs))
            if isinstance(given, dict):
                given = given[output]
            scores = given[0] if isinstance(given, tuple | list) else given
            return scores.to(torch.float64 if scores.dtype == torch.float64 else torch.float32).cpu().numpy()

    return OneOutput(inputs, GraphOutput(output, "float32", ()), compute, device=device)


def _tensor(torch: Any, array: Array) -> Any:
    """Shares the memory of the array where it may be written to, which PyTorch demands."""
    return torch.from_numpy(array) if array.flags.writeable and array.flags.c_contiguous else torch.tensor(array)
