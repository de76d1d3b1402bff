"""How much of the training table is made up, and how well is it labelled?"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from gonogo.base.table import TableFiles
from gonogo.errors import DataError, UsageError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import ProjectView
from gonogo.evidence.record import Fact, Measurement
from gonogo.stats.intervals import wilson

LEVEL = 0.95


class Synthetic(Check):
    """How many training rows are synthetic, and how many of those that were audited have a wrong label?

    The column `flag` says of each training row whether it is synthetic (true or 1) or real (false or 0). The column `truth` holds the
    label that an audit found, and nothing where nobody looked. A test table must be real: its flagged rows are counted.
    """

    name = "synthetic"
    options: ClassVar = {"flag": "", "truth": ""}
    facts: ClassVar = {
        "synthetic_rows": "synthetic rows of the training table",
        "real_rows": "its other rows",
        "synthetic_ratio": "synthetic rows for each real one",
        "synthetic_test_rows": "synthetic rows of the test table; only when it has the column",
        "audited_rows": "synthetic training rows with an audited label; only with `truth`",
        "label_noise": "share of these whose label is another one, with its 95 % interval; 0 when nothing is synthetic; else only if any",
    }

    def measure(self, project: ProjectView, train_file: Path, test_file: Path) -> Measurement:
        flag, truth = self.chosen["flag"], self.chosen["truth"]
        if not flag:
            raise UsageError("nothing says which rows are synthetic.", hint="Name the column in the option `flag`.")
        with TableFiles(train=train_file, test=test_file) as tables:
            made = _flagged(tables, "train", flag)
            facts = {"synthetic_rows": Fact(made), "real_rows": Fact(tables.rows["train"] - made)}
            if made == tables.rows["train"]:
                raise DataError("train: every row is synthetic.")
            facts["synthetic_ratio"] = Fact(made / (tables.rows["train"] - made), n=tables.rows["train"])
            if tables.has("test", flag):
                facts["synthetic_test_rows"] = Fact(_flagged(tables, "test", flag))
            if truth:
                facts |= _noise(tables, flag, truth, project.data.target)
        wrong = facts.get("label_noise")
        findings = (f"{wrong.value:.1%} of {wrong.n} audited synthetic rows have a wrong label",) if wrong and wrong.value else ()
        return Measurement(facts, findings)


def _flagged(tables: TableFiles, table: str, flag: str) -> int:
    """Rows whose flag is 1. Raises DataError when it is missing or anything but 0 and 1 in any row."""
    x = tables.column(table, flag)
    if tables.kinds[table][flag] != "number":
        raise DataError(f"{table}: the column {flag!r} holds {tables.kinds[table][flag]}, not true and false.")
    [(made, odd)] = tables.ask(f"SELECT count(*) FILTER ({x} = 1), count(*) FILTER ({x} IS NULL OR {x} NOT IN (0, 1)) FROM {table}")  # noqa: S608
    if odd:
        raise DataError(f"{table}: {odd} rows do not say in {flag!r} whether they are synthetic.")
    return int(made)


def _noise(tables: TableFiles, flag: str, truth: str, target: str) -> dict[str, Fact]:
    found, label, x = (tables.column("train", name) for name in (truth, target, flag))
    kinds = {tables.kind("train", truth), tables.kind("train", target)} - {None}
    if len(kinds) > 1:
        raise DataError(f"the columns {truth!r} and {target!r} hold values of different types, so labels cannot be compared.")
    [(made, audited, wrong)] = tables.ask(
        f"SELECT count(*), count({found}), count(*) FILTER ({found} IS NOT NULL AND {label} IS DISTINCT FROM {found}) "  # noqa: S608
        f"FROM train WHERE {x} = 1"
    )
    if not made:
        return {"audited_rows": Fact(0), "label_noise": Fact(0.0)}
    if not audited:
        return {"audited_rows": Fact(0)}
    low, high = wilson(wrong, audited, LEVEL)
    return {"audited_rows": Fact(audited), "label_noise": Fact(wrong / audited, n=audited, low=low, high=high, level=LEVEL)}
