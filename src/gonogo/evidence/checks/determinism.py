"""Does the same row always get the same score?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from gonogo.base.table import Table
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView, Numbers, SandboxPort
from gonogo.evidence.record import Fact, Measurement
from gonogo.model.encode import encode_table


class Determinism(Check):
    """Does a row get the same scores in another run, in a batch of one, and beside other rows?

    Rows of the test table, evenly spread, are scored in two runs of the same batch, which must agree to the last bit, then one at a
    time and in reverse order, which may differ by `tolerance` (batch sizes change the order of additions).
    """

    name = "determinism"
    facts: ClassVar = {
        "differing_rows": "rows whose scores were not the same",
        "max_abs_diff": "largest difference of a score; infinite where one of two is NaN",
        "n": "rows that were compared",
    }
    options: ClassVar = {"rows": 256, "tolerance": 1e-6}

    def measure(self, bundle: BundleView, test: Table, sandbox: SandboxPort) -> Measurement:
        if test.rows == 0 or self.chosen["rows"] < 1:
            raise DataError("there are no rows to compare.")
        taken = test.take(np.unique(np.linspace(0, test.rows - 1, num=min(test.rows, self.chosen["rows"]), dtype=np.int64)))
        batch = encode_table(bundle.schema, taken)
        turned = {name: array[::-1].copy() for name, array in batch.items()}
        first, isolation = sandbox.scores(bundle.schema, bundle.model, batch)
        second, _ = sandbox.scores(bundle.schema, bundle.model, batch)
        single, _ = sandbox.scores(bundle.schema, bundle.model, batch, chunk=1)
        backward, _ = sandbox.scores(bundle.schema, bundle.model, turned)
        repeated, alone, beside = _difference(first, second), _difference(first, single), _difference(first, backward[::-1])
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
            tuple(findings),
            isolation=isolation,
        )


def _difference(one: Numbers, other: Numbers) -> Numbers:
    """Largest difference of a score in each row; a NaN equals nothing, not even another NaN."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(np.isfinite(one) & np.isfinite(other), np.abs(one - other), np.inf).max(axis=1))
