"""Are the labels whole, and does every class have enough rows?"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import ClassVar

from gonogo.base.table import TableFiles
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView, ProjectView
from gonogo.evidence.record import Fact, Measurement, share_of
from gonogo.model.rows import class_text

NAMED = 20  #: unknown labels that findings name


class Labels(Check):
    """Does every row have a label that the model knows, and is every class there?"""

    name = "labels"
    facts: ClassVar = {
        "classes": "classes that every table has rows of",
        "minority_share": "share of the rarest of the model's classes in the table where it is rarest",
        "minority_rows": "rows of that class there",
        "balance_ratio": "rows of the rarest class for each row of the most frequent one, in the table where that is smallest",
        "missing_labels": "rows without a label",
        "unknown_labels": "rows whose label is none of the model's classes",
    }

    def measure(
        self, project: ProjectView, bundle: BundleView, train_file: Path, test_file: Path, validation_file: Path | None = None
    ) -> Measurement:
        known, target = bundle.schema.classes, project.data.target
        findings: list[str] = []
        absent = unknown = 0
        present = set(known)
        rarest: list[tuple[float, int, int]] = []
        ratios: list[float] = []
        bars: list[dict[str, object]] = []
        with TableFiles(train=train_file, validation=validation_file, test=test_file) as tables:
            for title, rows in tables.rows.items():
                counts, none, strange = _count(tables, title, target, known)
                absent += none
                unknown += strange.total()
                findings += [f"{title}: {none} rows have no label"] if none else []
                findings += [f"{title}: {n} rows have the unknown label {label[:60]!r}" for label, n in strange.most_common(NAMED)]
                findings += [f"{title}: the class {label!r} has no row" for label in known if not counts[label]]
                present &= {label for label in known if counts[label]}
                rarest += [(counts[label] / rows, counts[label], rows) for label in known]
                ratios.append(min(counts[label] for label in known) / (max(counts[label] for label in known) or 1))
                bars += [{"name": f"{title}: {label}", "value": counts[label] / rows} for label in known]
        _, rows, of = min(rarest)
        return Measurement(
            {
                "classes": Fact(len(present)),
                "minority_share": share_of(rows, of),
                "minority_rows": Fact(rows),
                "balance_ratio": Fact(min(ratios)),
                "missing_labels": Fact(absent),
                "unknown_labels": Fact(unknown),
            },
            tuple(findings),
            pictures={"classes": {"kind": "bars", "title": "share of each class", "items": bars}},
        )


def _count(tables: TableFiles, table: str, target: str, known: tuple[str, ...]) -> tuple[Counter[str], int, Counter[str]]:
    """Rows by known class, rows without a label, and rows by unknown label: the most frequent ones, the others together."""
    column = tables.column(table, target)
    sql = f"SELECT {column}, count(*) AS times FROM {table} GROUP BY 1 ORDER BY times DESC, 1 LIMIT 10001"  # noqa: S608 - quoted
    counts, strange, none = Counter[str](), Counter[str](), 0
    for value, times in tables.ask(sql):
        label = class_text(value)
        if label is None:
            none += times
        else:
            (counts if label in known else strange)[label] += times
    rest = tables.rows[table] - counts.total() - strange.total() - none
    if rest:
        strange["one of the many rarer ones"] += rest
    return counts, none, strange
