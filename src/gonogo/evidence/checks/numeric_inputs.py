"""What does the model make of numbers that no table holds?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from gonogo.base.table import Table
from gonogo.errors import DataError, ModelError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView, Numbers, SandboxPort
from gonogo.evidence.record import Fact, Measurement
from gonogo.model.encode import encode_table
from gonogo.model.parts import Part, parts
from gonogo.model.schema import Schema

#: In this order.
REMEDIES = ("look at the preprocessing first, then reload the weights from a backup, then go back one version",)

Batch = Mapping[str, Numbers]

MOST_FEATURES = 500  #: features that are changed
MOST_CELLS = 20_000_000  #: values sent to the child at once

#: Ordinary for a machine and rare in a table: far away, near zero, zero.
EXTREME = {"very large": 1e30, "very small": -1e30, "nearly zero": 1e-30, "zero": 0.0}
READABLE = ("onnx", "torchscript")  #: formats whose tensors can be read without running the file
#: No numbers at all. The service refuses infinity, and NaN where a feature must be there; here the model alone is asked.
NO_NUMBER = {"NaN": np.nan, "infinite": np.inf, "minus infinite": -np.inf}


class NumericInputs(Check):
    """Does the model stay a model on extreme and missing values, and are its own weights numbers?

    Rows of the test table are taken, one feature at a time (of a tensor one channel, in all of its places) is set to an extreme value in
    all of them, or made missing where the schema allows it; each of these rows must get finite scores. Of very many features 500, evenly
    spread, are tried, on fewer rows. With NaN or infinity in a feature that must be there, a model that answers with a finite score is only
    counted. Weights are all tensors and numbers that the model's graph holds; they can be read from ONNX and PyTorch files.
    """

    name = "numeric_inputs"
    facts: ClassVar = {
        "rows": "rows that must get finite scores",
        "non_finite_scores": "those of them that got NaN or infinity",
        "refused": "kinds of extreme or missing value that the model refused to compute",
        "silent_scores": "rows with NaN or infinity in a needed feature that got a finite score all the same",
        "weights_finite": "whether no weight is NaN or infinite; only where the format has weights that can be read",
        "non_finite_weights": "tensors with such a weight; likewise",
    }
    options: ClassVar = {"rows": 20}

    def measure(self, bundle: BundleView, test: Table, sandbox: SandboxPort) -> Measurement:
        if test.rows == 0 or self.chosen["rows"] < 1:
            raise DataError("there are no rows to change.")
        batch = hard_rows_base(bundle.schema, test, self.chosen["rows"])
        rows = bad = refused = silent = 0
        findings = []
        answers, isolation = _answers(bundle, sandbox, list(changed_batches(bundle.schema, batch)))
        for kind, must_be_finite, scores in answers:
            if isinstance(scores, ModelError):
                refused += must_be_finite
                findings += [f"{kind}: refused, {scores.message}"] if must_be_finite else []
                continue
            finite = np.asarray(np.isfinite(scores).all(axis=1))
            if must_be_finite:
                rows, bad = rows + len(finite), bad + int((~finite).sum())
                findings += [f"{kind}: {int((~finite).sum())} of {len(finite)} rows get no finite score"] if not finite.all() else []
            else:
                silent += int(finite.sum())
        readable = bundle.model.format in READABLE
        tensors = _broken_tensors(bundle, sandbox) if readable else []
        weights = {"weights_finite": Fact(not tensors), "non_finite_weights": Fact(len(tensors))} if readable else {}
        return Measurement(
            {
                "rows": Fact(rows),
                "non_finite_scores": Fact(bad),
                "refused": Fact(refused),
                "silent_scores": Fact(silent),
                **weights,
            },
            (*findings, *(f"the tensor {name} holds NaN or infinity" for name in tensors), *(REMEDIES if tensors else ())),
            isolation=isolation,
        )


def _answers(
    bundle: BundleView, sandbox: SandboxPort, asked: list[tuple[str, bool, Batch]]
) -> tuple[list[tuple[str, bool, Numbers | ModelError]], str]:
    """The scores of each kind of rows, or the refusal. All are asked at once; only when something is refused, one kind after another."""
    if not asked:
        return [], ""
    try:
        together = {name: np.concatenate([batch[name] for _, _, batch in asked]) for name in asked[0][2]}
        scores, isolation = sandbox.scores(bundle.schema, bundle.model, together)
        ends = np.cumsum([len(next(iter(batch.values()))) for _, _, batch in asked])[:-1]
        parts = np.split(scores, ends)
        return [(kind, must, part) for (kind, must, _), part in zip(asked, parts, strict=True)], isolation
    except ModelError:
        answers: list[tuple[str, bool, Numbers | ModelError]] = []
        isolation = ""
        for kind, must, batch in asked:
            try:
                scores, isolation = sandbox.scores(bundle.schema, bundle.model, batch)
                answers.append((kind, must, scores))
            except ModelError as error:
                answers.append((kind, must, error))
        return answers, isolation


def hard_rows_base(schema: Schema, test: Table, most: int) -> Batch:
    """At most `most` rows of the table, evenly spread, as the model takes them: fewer when all that is made from them would be too much."""
    width = schema.width
    copies = 1 + (len(EXTREME) + len(NO_NUMBER)) * min(len(parts(schema)), MOST_FEATURES)
    most = min(most, max(1, MOST_CELLS // (copies * width)))
    return encode_table(schema, test.take(np.unique(np.linspace(0, test.rows - 1, num=min(test.rows, most), dtype=np.int64))))


def changed_batches(schema: Schema, batch: Batch) -> Iterator[tuple[str, bool, Batch]]:
    """(what was done, whether scores must be finite, the rows): for each kind of value a copy of the rows for every feature it suits."""
    dtypes = {graph_input.name: graph_input.dtype for graph_input in schema.inputs}
    floats = [part for part in parts(schema) if dtypes[part.feature.input].startswith("float")]
    floats = floats[:: 1 + (len(floats) - 1) // MOST_FEATURES]

    def with_value(value: float, each: list[Part]) -> Batch:
        return _stacked(batch, each, lambda array: _as(value, array.dtype))

    needed = [part for part in floats if not part.feature.nullable]
    nullable = [part for part in floats if part.feature.nullable]
    if floats:
        for kind, value in EXTREME.items():
            yield kind, True, with_value(value, floats)
    if nullable:
        yield "missing", True, with_value(np.nan, nullable)
    if needed:
        for kind, value in NO_NUMBER.items():
            yield kind, False, with_value(value, needed)


def _as(value: float, dtype: np.dtype[Any]) -> Numbers:
    """A value, or the nearest one that the type has."""
    largest = float(np.finfo(dtype).max)
    return np.asarray(np.clip(value, -largest, largest) if np.isfinite(value) else value, dtype=dtype)


def _stacked(batch: Batch, each: list[Part], value: Callable[[Numbers], Numbers]) -> Batch:
    """The rows once for each part, that part changed in them."""
    copies = []
    for part in each:
        changed = batch[part.feature.input].copy()
        changed[:, part.columns] = value(changed)
        copies.append({**batch, part.feature.input: changed})
    return {name: np.concatenate([copy[name] for copy in copies]) for name in batch}


def _broken_tensors(bundle: BundleView, sandbox: SandboxPort) -> list[str]:
    weights, _ = sandbox.weights(bundle.model.path)
    if not weights.tensors:
        raise DataError("the model's graph holds no numbers at all.")
    return [tensor.name for tensor in weights.tensors if tensor.non_finite]
