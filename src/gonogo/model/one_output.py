"""A loaded model with one score output, for libraries that leave the checking of a batch to us.

A runtime gives the computation; this gives it what every runtime promises: the batch has exactly the declared inputs, and reaches the
computation in their shapes; whatever the library raises leaves as a ModelError; what comes back is a matrix of floats with one row for each
row, and beside it the outputs that are declared as `also`: numbers, one entry for each row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gonogo.errors import ModelError
from gonogo.model import rows_at_once
from gonogo.model.declared import check_batch, first_line
from gonogo.model.runtime import Array, GraphOutput, shaped
from gonogo.model.schema import GraphInput

Compute = Callable[[Mapping[str, Array]], Any]


class OneOutput:
    """See `gonogo.model.runtime.Loaded`. `compute` maps a checked batch to floats [rows, classes], [rows, 1] or [rows]; with `also` to all
    outputs by name. `rows` is the number that it takes at once; 0 is any.

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
        also: tuple[GraphOutput, ...] = (),
        rows: int = 0,
    ) -> None:
        self.inputs, self.outputs, self.device = inputs, (output, *also), device
        self.metadata: Mapping[str, str] = rows_at_once.described(metadata or {}, rows)
        self._name, self._compute, self._rows = output.name, compute, rows
        self._names = tuple(item.name for item in self.outputs)

    def run(self, batch: Mapping[str, Array], outputs: Sequence[str] | None = None) -> dict[str, Any]:
        """Compute the named outputs (default: all). Raises ModelError when the batch does not fit, the library fails or gives no scores."""
        names = self._names if outputs is None else tuple(outputs)
        if not names or not set(names) <= set(self._names):
            raise ModelError(f"the model gives {', '.join(map(repr, self._names))}, not {', '.join(names) or 'nothing'}.")
        rows = check_batch(self.inputs, batch)
        try:
            given = shaped(self.inputs, batch)
            found = rows_at_once.in_pieces(self._rows, given, self._outputs_of) if self._rows else self._outputs_of(given)
        except ModelError:
            raise
        except Exception as error:  # the libraries' errors have no common root; here they become one of ours
            raise ModelError(f"the model cannot compute this batch: {first_line(error)}") from error
        scores = found[self._name]
        if not isinstance(scores, np.ndarray) or scores.dtype not in (np.float32, np.float64) or scores.shape[:1] != (rows,):
            what = f"{scores.dtype}{list(scores.shape)}" if isinstance(scores, np.ndarray) else f"a {type(scores).__name__}"
            raise ModelError(f"the model gives {what} for {rows} rows, not one row of scores for each.")
        found[self._name] = scores if scores.ndim == 2 else scores.reshape(rows, -1)
        return {name: found[name] if name == self._name else _beside(name, found.get(name), rows) for name in names}

    def _outputs_of(self, given: Mapping[str, Array]) -> dict[str, Any]:
        found = self._compute(given)
        return dict(found) if len(self._names) > 1 else {self._name: found}

    def interrupt(self) -> None:
        """Nothing: none of these libraries can end a call."""


def _beside(name: str, values: Any, rows: int) -> Array:
    """An output beside the scores: float32, float64 or int64, one entry a row."""
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu" or values.shape[:1] != (rows,):
        what = f"{values.dtype}{list(values.shape)}" if isinstance(values, np.ndarray) else f"a {type(values).__name__}"
        raise ModelError(f"the model gives {what} as {name!r} for {rows} rows, not numbers for each.")
    if values.dtype.kind == "f":
        return values if values.dtype in (np.float32, np.float64) else values.astype(np.float32)
    return values.astype(np.int64, copy=False)


def numeric_inputs(inputs: tuple[GraphInput, ...], columns: int, names: Sequence[str], what: str) -> tuple[GraphInput, ...]:
    """The inputs of a model that takes one matrix of numbers: the declared ones, else one of `columns` columns.

    Raises ModelError when the declared ones take text or have another number of columns.
    """
    inputs = inputs or (GraphInput("x", "float64", columns),)
    text = [item.name for item in inputs if item.dtype == "string"]
    if text:
        raise ModelError(f"{what} takes numbers, but input {text[0]!r} is declared as text.", hint="Encode the categories first.")
    if any(item.shape for item in inputs):
        raise ModelError(f"{what} takes one matrix; declare its inputs by `width`, not by `shape`.")
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
