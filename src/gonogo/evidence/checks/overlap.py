"""Are test rows also training rows, or other test rows once more?"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from gonogo.base.table import TableFiles
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView, ProjectView
from gonogo.evidence.record import Fact, Measurement, share_of
from gonogo.evidence.rows import row_key, same_kinds


class Overlap(Check):
    """Is the test table free of rows that the model was trained or selected on, and of rows that only repeat others of it?

    A test row that stands there many times is one sample, and figures with an interval take it for many. Rows are equal when all features
    and the target are, numbers at the precision of float32. See `evidence/rows.py`.
    """

    name = "overlap"
    facts: ClassVar = {
        "shared_rows": "test rows that also stand in the training (or validation) table",
        "shared_share": "share of such rows among the test rows",
        "repeated_rows": "test rows that repeat an earlier test row",
        "repeated_share": "share of such rows among the test rows",
        "validation_shared_rows": "validation rows that also stand in the training table; only with a validation table",
    }

    def measure(
        self, project: ProjectView, bundle: BundleView, train_file: Path, test_file: Path, validation_file: Path | None = None
    ) -> Measurement:
        names = (*bundle.schema.feature_names, project.data.target)
        with TableFiles(train=train_file, validation=validation_file, test=test_file) as tables:
            same_kinds(tables, names)
            keys = {table: f"SELECT {row_key(tables, table, names)} AS key FROM {table}" for table in tables.files}  # noqa: S608 - quoted
            seen = [keys[table] for table in ("train", "validation") if table in keys]
            shared = _shared(tables, keys["test"], seen)
            selected = _shared(tables, keys["validation"], seen[:1]) if "validation" in keys else None
            [(distinct,)] = tables.ask(f"SELECT count(DISTINCT key) FROM ({keys['test']})")  # noqa: S608 - quoted
            rows = tables.rows
        repeated = rows["test"] - int(distinct)
        findings = [f"{shared} of {rows['test']} test rows were seen in training"] if shared else []
        findings += [f"{repeated} of {rows['test']} test rows repeat another one"] if repeated else []
        findings += [f"{selected} of {rows['validation']} validation rows were seen in training"] if selected else []
        return Measurement(
            {
                "shared_rows": Fact(shared),
                "shared_share": share_of(shared, rows["test"]),
                "repeated_rows": Fact(repeated),
                "repeated_share": share_of(repeated, rows["test"]),
                **({} if selected is None else {"validation_shared_rows": Fact(selected)}),
            },
            tuple(findings),
        )


def _shared(tables: TableFiles, keys: str, seen: list[str]) -> int:
    """Rows of one table whose key is among those seen. The smaller side is held in memory, the other streams past it."""
    [(rows,)] = tables.ask(f"SELECT count(*) FROM ({keys}) WHERE key IN ({' UNION ALL '.join(seen)})")  # noqa: S608 - quoted names
    return int(rows)
