"""From a batch to scores to labels: one meaning, whatever the graph calls its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from gonogo.errors import ModelError
from gonogo.model.runtime import Array, Loaded
from gonogo.model.schema import Schema

ZIPMAP_HINT = "Export it with options={'zipmap': False}, so that scores are one matrix."


Also = Mapping[str, Array]  #: outputs beside the scores by name: float64 or int64 [rows, …]
NOTHING: Also = MappingProxyType({})


class Scored(NamedTuple):
    """Scores, float64 [rows, classes], and what the schema has beside them."""

    scores: Array
    also: Also


def scored(schema: Schema, loaded: Loaded, batch: Mapping[str, Array]) -> Scored:
    """As `scores`, with the outputs of `schema.also`. Raises ModelError also when one of these has a number that is not finite."""
    if not schema.also:
        return Scored(scores(schema, loaded, batch), NOTHING)
    rows = len(next(iter(batch.values())))
    given = loaded.run(batch, (schema.score_output, *schema.also))
    return Scored(score_matrix(schema, given[schema.score_output], rows), {name: _beside(name, given[name], rows) for name in schema.also})


def _beside(name: str, output: Any, rows: int) -> Array:
    if not isinstance(output, np.ndarray) or output.dtype.kind not in "fiu" or output.shape[:1] != (rows,):
        what = f"{output.dtype}{list(output.shape)}" if isinstance(output, np.ndarray) else f"a {type(output).__name__}"
        raise ModelError(f"output {name!r} is {what}, not numbers for each of {rows} rows.")
    values: Array = output.astype(np.float64 if output.dtype.kind == "f" else np.int64)
    if not np.isfinite(values).all():
        raise ModelError(f"output {name!r} has numbers that are not finite.")
    return values


def scores(schema: Schema, loaded: Loaded, batch: Mapping[str, Array]) -> Array:
    """The scores of a batch, float64 [rows, classes], columns in the order of `schema.classes`.

    A single score column of a binary task is the probability p of the last class and becomes [1 - p, p]. Scores are passed on as they
    are, NaN included: judging them is the caller's task. Raises ModelError when the output is no such matrix.
    """
    rows = len(next(iter(batch.values())))
    return score_matrix(schema, loaded.run(batch, (schema.score_output,))[schema.score_output], rows)


def score_matrix(schema: Schema, output: Any, rows: int) -> Array:
    """The raw score output as float64 [rows, classes]. Raises ModelError when it has another shape or is no matrix of numbers."""
    if not isinstance(output, np.ndarray):
        raise ModelError(f"output {schema.score_output!r} is a {type(output).__name__} of maps, not a matrix.", hint=ZIPMAP_HINT)
    if output.dtype.kind != "f":
        raise ModelError(f"output {schema.score_output!r} holds {output.dtype}, not scores.")
    values = output.astype(np.float64)
    classes = len(schema.classes)
    if values.shape == (rows, classes) and classes > 1:
        return values
    if classes == 2 and values.shape in ((rows, 1), (rows,)):
        positive = values.reshape(rows)
        return np.stack([1.0 - positive, positive], axis=1)
    raise ModelError(
        f"output {schema.score_output!r} has the shape {values.shape} for {rows} rows and {classes} classes.",
        hint="One row a row and one column a class are needed.",
    )


def labels(schema: Schema, scores: Array) -> list[str]:
    """One label a row: binary by `schema.threshold` on the last class (reached counts), else the class of the highest score.

    Raises ValueError for a score that is not finite: nothing is not a label.
    """
    if not np.isfinite(scores).all():
        raise ValueError("a score is not finite")
    names = schema.classes
    if schema.task == "binary-classification":
        low, high, threshold = names[0], names[1], schema.threshold
        return [high if score >= threshold else low for score in scores[:, 1].tolist()]
    return [names[index] for index in scores.argmax(axis=1).tolist()]
