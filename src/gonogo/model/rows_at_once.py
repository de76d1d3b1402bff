"""Graphs that were exported for a fixed number of rows, for one mostly: they are asked piece by piece, and the last piece is filled up.

Exporters write down the sizes of the example that they are given, unless they are told that the first one is free. Such a graph is right
and slow: a request of a hundred rows is a hundred calls of a graph that takes one, and a request of one row is thirty-two rows of work for
a graph that takes as many. It is served all the same, and whoever makes the release is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gonogo.errors import ModelError
from gonogo.model.runtime import Array

KEY = "gonogo.rows_at_once"  #: of a loaded model's metadata: the number of rows, where it is fixed
MOST = 1024  #: of such a number; more of the work would be filling up
_FREE = {
    "onnx": "torch.onnx.export(..., dynamic_shapes=({0: torch.export.Dim('rows')},)), or dynamic_axes={'x': {0: 'rows'}} with dynamo=False",
    "torch_export": "torch.export.export(..., dynamic_shapes=({0: torch.export.Dim('rows')},))",
    "saved_model": "a signature of tf.TensorSpec([None, ...])",
}


def settled(first: Sequence[int | None]) -> int:
    """The number of rows that a graph takes at once, from the first sizes of its inputs (None is free); 0 is any.

    Raises ModelError when they are different, or too many.
    """
    fixed = sorted({size for size in first if size is not None})
    if len(fixed) > 1 or (fixed and fixed[0] > MOST):
        raise ModelError(
            f"the model's inputs have the fixed first dimensions {', '.join(map(str, fixed))}; they may have one, of {MOST} at most.",
            hint="Export it with a free first dimension.",
        )
    return fixed[0] if fixed else 0


def of(metadata: Mapping[str, str]) -> int:
    """What a model's description says of it; 0 is any number."""
    said = metadata.get(KEY, "")
    return int(said) if said.isdecimal() and int(said) <= MOST else 0


def described(metadata: Mapping[str, str], rows_at_once: int) -> dict[str, str]:
    """A model's own metadata, with what was found."""
    return {key: value for key, value in metadata.items() if key != KEY} | ({KEY: str(rows_at_once)} if rows_at_once else {})


def advice(rows_at_once: int, kind: str) -> str:
    """What a fixed number costs, and how it is made free; "" where it is."""
    if not rows_at_once:
        return ""
    cost = "every row of a request is a call of its own" if rows_at_once == 1 else "a call costs as many, however few rows a request has"
    how = f": {_FREE[kind]}" if kind in _FREE else ""
    return f"the model takes exactly {rows_at_once} row(s) at once, so that {cost}; export it with a free first dimension{how}"


def in_pieces(rows_at_once: int, batch: Mapping[str, Array], compute: Callable[[Mapping[str, Array]], Mapping[str, Any]]) -> dict[str, Any]:
    """What `compute` gives for a batch of any number of rows, asked for `rows_at_once` at a time; the last row fills up what is missing.

    Raises ModelError for a batch without rows and for an output that has no entry for each row.
    """
    rows = min((len(array) for array in batch.values()), default=0)
    if not rows:
        raise ModelError("the batch has no rows.")
    parts: dict[str, list[Array]] = {}
    for start in range(0, rows, rows_at_once):
        piece = {name: array[start : start + rows_at_once] for name, array in batch.items()}
        kept = min(rows_at_once, rows - start)
        if kept < rows_at_once:
            piece = {name: np.concatenate([array, np.repeat(array[-1:], rows_at_once - kept, axis=0)]) for name, array in piece.items()}
        for name, value in compute(piece).items():
            if not isinstance(value, np.ndarray) or value.shape[:1] != (rows_at_once,):
                what = list(value.shape) if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
                raise ModelError(
                    f"the model takes exactly {rows_at_once} row(s) at once, but its output {name!r} is {what}, not an entry for each.",
                    hint="Export it with a free first dimension.",
                )
            parts.setdefault(name, []).append(value[:kept])
    return {name: np.concatenate(values) for name, values in parts.items()}
