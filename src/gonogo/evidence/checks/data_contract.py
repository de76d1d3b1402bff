"""Do the tables hold what the model's schema says?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from gonogo.base.table import Column, Table
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView, ProjectView
from gonogo.evidence.record import Fact, Measurement
from gonogo.evidence.rows import missing
from gonogo.model.encode import table_column


class DataContract(Check):
    """Do the training and test tables hold every feature and the target, as the model's schema says?"""

    name = "data_contract"
    facts: ClassVar = {
        "rows_train": "rows of the training table",
        "rows_test": "rows of the test table",
        "features": "features of the model",
        "columns_missing": "features, or the target, that a table lacks; counted once for each table",
        "columns_constant": "features with one value or none in the training table",
        "missing_share_max": "largest share of missing values of a feature in either table",
        "type_errors": "columns that hold what the model does not take: text for numbers, infinities, missing values where none may be",
    }

    def measure(self, project: ProjectView, train: Table, test: Table, bundle: BundleView) -> Measurement:
        findings: list[str] = []
        lacking = wrong = 0
        worst = 0.0
        dtypes = {graph_input.name: graph_input.dtype for graph_input in bundle.schema.inputs}
        for title, table in (("train", train), ("test", test)):
            for name in (*bundle.schema.feature_names, project.data.target):
                if name not in table.columns:
                    lacking += 1
                    findings.append(f"{title}: the column {name!r} is missing")
            for feature in bundle.schema.features:
                if feature.name not in table.columns:
                    continue
                column = table.columns[feature.name]
                worst = max(worst, float(missing(column).mean()) if len(column) else 1.0)
                try:
                    table_column(feature, dtypes[feature.input], column)
                except ValueError as error:
                    wrong += 1
                    findings.append(f"{title}: column {feature.name!r} {error}")
        constant = [name for name in bundle.schema.feature_names if name in train.columns and _is_constant(train.columns[name])]
        findings += [f"train: column {name!r} never changes" for name in constant]
        return Measurement(
            {
                "rows_train": Fact(train.rows),
                "rows_test": Fact(test.rows),
                "features": Fact(len(bundle.schema.features)),
                "columns_missing": Fact(lacking),
                "columns_constant": Fact(len(constant)),
                "missing_share_max": Fact(worst, n=train.rows + test.rows),
                "type_errors": Fact(wrong),
            },
            tuple(findings),
        )


def _is_constant(column: Column) -> bool:
    present = column[~missing(column)]
    return len(present) == 0 or bool(np.all(present == present[0]))
