"""Are test rows also training rows?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from gonogo.base.table import Table
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView, ProjectView
from gonogo.evidence.record import Fact, Measurement
from gonogo.evidence.rows import row_keys, same_kinds


class Overlap(Check):
    """Is the test table free of rows that the model was trained or selected on?

    Rows are equal when all features and the target are, numbers at the precision of float32. See `evidence/rows.py`.
    """

    name = "overlap"
    facts: ClassVar = {
        "shared_rows": "test rows that also stand in the training (or validation) table",
        "shared_share": "share of such rows among the test rows",
    }

    def measure(self, project: ProjectView, bundle: BundleView, train: Table, test: Table, validation: Table | None = None) -> Measurement:
        names = (*bundle.schema.feature_names, project.data.target)
        tables = [table for table in (train, validation) if table is not None]
        if test.rows == 0 or train.rows == 0:
            raise DataError("a table has no rows, so nothing can be said about rows that they share.")
        same_kinds([*tables, test], names)
        seen = np.concatenate([row_keys(table, names) for table in tables])
        shared = int(np.isin(row_keys(test, names), seen).sum())
        return Measurement(
            {"shared_rows": Fact(shared), "shared_share": Fact(shared / test.rows, n=test.rows)},
            (f"{shared} of {test.rows} test rows were seen in training",) if shared else (),
        )
