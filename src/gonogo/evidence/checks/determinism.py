"""Does the same row always get the same answer?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from gonogo.base.table import Table
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView, Numbers, SandboxPort
from gonogo.evidence.record import Fact, Measurement
from gonogo.model import rows_at_once
from gonogo.model.encode import encode_table
from gonogo.model.predict import Scored


class Determinism(Check):
    """Does a row get the same scores, and outputs of `model.also`, in another run, in a batch of one, and beside other rows?

    Rows of the test table, evenly spread, are scored in two runs of the same batch, which must agree to the last bit, then one at a
    time and in reverse order, which may differ by `tolerance` (batch sizes change the order of additions). An output beside the scores may
    be any number: one above 1 may differ by that share of it. A model that takes a fixed number of rows at once is said to.
    """

    name = "determinism"
    facts: ClassVar = {
        "differing_rows": "rows whose scores, or outputs beside them, were not the same",
        "max_abs_diff": "largest difference of a score or such an output; infinite where one of two is NaN",
        "n": "rows that were compared",
    }
    options: ClassVar = {"rows": 256, "tolerance": 1e-6}

    def measure(self, bundle: BundleView, test: Table, sandbox: SandboxPort) -> Measurement:
        if test.rows == 0 or self.chosen["rows"] < 1:
            raise DataError("there are no rows to compare.")
        taken = test.take(np.unique(np.linspace(0, test.rows - 1, num=min(test.rows, self.chosen["rows"]), dtype=np.int64)))
        batch = encode_table(bundle.schema, taken)
        turned = {name: array[::-1].copy() for name, array in batch.items()}
        first, isolation = sandbox.scored(bundle.schema, bundle.model, batch)
        second, _ = sandbox.scored(bundle.schema, bundle.model, batch)
        single, _ = sandbox.scored(bundle.schema, bundle.model, batch, chunk=1)
        backward, _ = sandbox.scored(bundle.schema, bundle.model, turned)
        backward = Scored(backward.scores[::-1], {name: values[::-1] for name, values in backward.also.items()})
        repeated, alone, beside = _difference(first, second), _difference(first, single), _difference(first, backward)
        tolerance = float(self.chosen["tolerance"])
        differs = (repeated > 0) | (alone > tolerance) | (beside > tolerance)
        findings = [
            f"{int(count)} of {taken.rows} rows differ {how}"
            for how, count in (
                ("in a second run", (repeated > 0).sum()),
                ("when they are scored alone", (alone > tolerance).sum()),
                ("when the rows are in reverse order", (beside > tolerance).sum()),
            )
            if count
        ]
        return Measurement(
            {
                "differing_rows": Fact(int(differs.sum())),
                "max_abs_diff": Fact(float(np.max([repeated, alone, beside]))),
                "n": Fact(taken.rows),
            },
            (*findings, *filter(None, [rows_at_once.advice(bundle.schema.rows_at_once, bundle.model.format)])),
            isolation=isolation,
        )


def _difference(one: Scored, other: Scored) -> Numbers:
    return np.asarray(np.max([_apart(one.scores, other.scores), *(_apart(one.also[name], other.also[name]) for name in one.also)], axis=0))


def _apart(one: Numbers, other: Numbers) -> Numbers:
    """Largest difference in each row, of a number above 1 as a share of it; a NaN equals nothing, not even another NaN."""
    if one.shape != other.shape:
        return np.full(len(one), np.inf)
    with np.errstate(invalid="ignore"):
        apart = np.where(np.isfinite(one) & np.isfinite(other), np.abs(one - other) / np.maximum(1.0, np.abs(one)), np.inf)
    return np.asarray(apart.reshape(len(one), -1).max(axis=1, initial=0.0))
