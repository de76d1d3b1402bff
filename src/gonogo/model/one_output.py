"""A loaded model with one score output, for libraries that leave the checking of a batch to us.

A runtime gives the computation; this gives it what every runtime promises: the batch has exactly the declared inputs, whatever the library
raises leaves as a ModelError, and what comes back is a matrix of floats with one row for each row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gonogo.errors import ModelError
from gonogo.model.declared import check_batch, first_line
from gonogo.model.runtime import Array, GraphOutput
from gonogo.model.schema import GraphInput

Compute = Callable[[Mapping[str, Array]], Any]


class OneOutput:
    """See `gonogo.model.runtime.Loaded`. `compute` maps a checked batch to floats [rows, classes], [rows, 1] or [rows].

    It must be safe in several threads; calls that are under way cannot be interrupted.
    """

    def __init__(
        self,
        inputs: tuple[GraphInput, ...],
        output: GraphOutput,
        compute: Compute,
        *,
        metadata: Mapping[str, str] | None = None,
        device: str = "cpu",
    ) -> None:
        self.inputs, self.outputs, self.metadata, self.device = inputs, (output,), dict(metadata or {}), device
        self._name, self._compute = output.name, compute

    def run(self, batch: Mapping[str, Array], outputs: Sequence[str] | None = None) -> dict[str, Any]:
        """Compute the output. Raises ModelError when the batch does not fit, the library fails or gives no scores."""
        if outputs is not None and tuple(outputs) != (self._name,):
            raise ModelError(f"the model gives {self._name!r}, not {', '.join(outputs) or 'nothing'}.")
        rows = check_batch(self.inputs, batch)
        try:
            scores = self._compute(batch)
        except ModelError:
            raise
        except Exception as error:  # the libraries' errors have no common root; here they become one of ours
            raise ModelError(f"the model cannot compute this batch: {first_line(error)}") from error
        if not isinstance(scores, np.ndarray) or scores.dtype not in (np.float32, np.float64) or scores.shape[:1] != (rows,):
            what = f"{scores.dtype}{list(scores.shape)}" if isinstance(scores, np.ndarray) else f"a {type(scores).__name__}"
            raise ModelError(f"the model gives {what} for {rows} rows, not one row of scores for each.")
        return {self._name: scores if scores.ndim == 2 else scores.reshape(rows, -1)}

    def interrupt(self) -> None:
        """Nothing: none of these libraries can end a call."""


def numeric_inputs(inputs: tuple[GraphInput, ...], columns: int, names: Sequence[str], what: str) -> tuple[GraphInput, ...]:
    """The inputs of a model that takes one matrix of numbers: the declared ones, else one of `columns` columns.

    Raises ModelError when the declared ones take text or have another number of columns.
    """
    inputs = inputs or (GraphInput("x", "float64", columns),)
    text = [item.name for item in inputs if item.dtype == "string"]
    if text:
        raise ModelError(f"{what} takes numbers, but input {text[0]!r} is declared as text.", hint="Encode the categories first.")
    if sum(item.width for item in inputs) != columns:
        raise ModelError(f"{what} takes {columns} columns, but {sum(item.width for item in inputs)} are declared.")
    single = [item.name for item in inputs if item.width == 1]
    if len(single) == len(inputs) == len(names) and set(single) == set(names) and single != list(names):
        raise ModelError(f"{what} takes its columns in another order than they are declared.", hint=f"Its own order: {', '.join(names)}.")
    return inputs


def one_matrix(inputs: tuple[GraphInput, ...]) -> Callable[[Mapping[str, Array]], Array]:
    """What joins the inputs of a batch into one matrix of numbers: float32 when all are, else float64 (integers above 2**53 round)."""
    if len(inputs) == 1 and inputs[0].dtype in ("float32", "float64"):
        name = inputs[0].name
        return lambda batch: batch[name]
    dtype = np.float32 if all(item.dtype == "float32" for item in inputs) else np.float64
    return lambda batch: np.concatenate([batch[item.name] for item in inputs], axis=1, dtype=dtype)
