"""Do the tables share groups?"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from gonogo.base.table import TableFiles
from gonogo.errors import UsageError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import ProjectView
from gonogo.evidence.record import Fact, Measurement
from gonogo.evidence.rows import same_kinds

NAMED = 20  #: shared groups that findings name


class GroupOverlap(Check):
    """Does every group (patient, customer, machine: the column `data.group`) stand in one of the tables only?

    Rows of one group resemble each other, so a model that has seen some knows the others.
    """

    name = "group_overlap"
    facts: ClassVar = {
        "shared_groups": "groups with rows in more than one of the training, validation and test tables",
        "shared_group_rows": "test rows of groups that the training or validation table has rows of",
        "groups": "groups of all tables",
        "missing_groups": "rows without a group, which cannot be shown to be apart",
    }

    def measure(self, project: ProjectView, train_file: Path, test_file: Path, validation_file: Path | None = None) -> Measurement:
        name = project.data.group
        if name is None:
            raise UsageError("the project declares no group column.", hint="Add `data.group` to gonogo.yaml.")
        with TableFiles(train=train_file, validation=validation_file, test=test_file) as tables:
            same_kinds(tables, [name])
            column = tables.column("train", name)
            each = [
                f"SELECT CAST({tables.column(table, name)} AS VARCHAR) AS g, '{table}' AS home, count(*) AS times FROM {table} GROUP BY 1"  # noqa: S608
                for table in tables.files
            ]
            by_group = (
                "SELECT g, count(*) AS homes, coalesce(sum(times) FILTER (home = 'test'), 0) AS tested, "  # noqa: S608 - quoted names
                f"string_agg(home, ', ' ORDER BY home) AS places FROM ({' UNION ALL '.join(each)}) WHERE g IS NOT NULL GROUP BY g"
            )
            [(groups, shared, rows)] = tables.ask(
                "SELECT count(*), count(*) FILTER (homes > 1), coalesce(sum(tested) FILTER (homes > 1), 0) "  # noqa: S608
                f"FROM ({by_group})"
            )
            worst = tables.ask(f"SELECT g, places FROM ({by_group}) WHERE homes > 1 ORDER BY g LIMIT {NAMED}") if shared else []  # noqa: S608
            missing = sum(
                tables.ask(f"SELECT count(*) - count({column}) FROM {table}")[0][0]  # noqa: S608 - names are quoted
                for table in tables.files
            )
        findings = [f"the group {group!r} has rows in {places}" for group, places in worst]
        findings += [f"{shared - len(worst)} more groups are shared"] if shared > len(worst) else []
        findings += [f"{missing} rows have no group"] if missing else []
        return Measurement(
            {
                "shared_groups": Fact(shared),
                "shared_group_rows": Fact(int(rows)),
                "groups": Fact(groups),
                "missing_groups": Fact(missing),
            },
            tuple(findings),
        )
