"""Are the labels whole, and does every class have enough rows?"""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from gonogo.base.table import Table
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView, ProjectView
from gonogo.evidence.record import Fact, Measurement
from gonogo.model.rows import class_text


class Labels(Check):
    """Does every row have a label that the model knows, and is every class there?"""

    name = "labels"
    facts: ClassVar = {
        "classes": "classes that both tables have rows of",
        "minority_share": "share of the rarest of the model's classes in the table where it is rarest",
        "minority_rows": "rows of that class there",
        "missing_labels": "rows without a label",
        "unknown_labels": "rows whose label is none of the model's classes",
    }

    def measure(self, project: ProjectView, bundle: BundleView, train: Table, test: Table) -> Measurement:
        if train.rows == 0 or test.rows == 0:
            raise DataError("a table has no rows.")
        findings: list[str] = []
        absent = unknown = 0
        present = set(bundle.schema.classes)
        rarest: list[tuple[float, int]] = []
        for title, table in (("train", train), ("test", test)):
            counts = Counter(class_text(value) for value in table.column(project.data.target).tolist())
            absent += counts.pop(None, 0)
            strange = {label: rows for label, rows in counts.items() if label not in bundle.schema.classes}
            unknown += sum(strange.values())
            findings += [f"{title}: {rows} rows have the unknown label {str(label)[:60]!r}" for label, rows in strange.items()]
            present &= {label for label in counts if label is not None}
            rarest += [(counts[label] / table.rows, counts[label]) for label in bundle.schema.classes]
        findings += [f"the class {label!r} has no row in one of the tables" for label in bundle.schema.classes if label not in present]
        share, rows = min(rarest)
        return Measurement(
            {
                "classes": Fact(len(present)),
                "minority_share": Fact(share),
                "minority_rows": Fact(rows),
                "missing_labels": Fact(absent),
                "unknown_labels": Fact(unknown),
            },
            tuple(findings),
        )
