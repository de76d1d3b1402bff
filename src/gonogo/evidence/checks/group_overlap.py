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
            each = [
                f"SELECT CAST({tables.column(table, name)} AS VARCHAR) AS g, '{table}' AS home, {place} AS place, "  # noqa: S608
                f"count(*) AS times FROM {table} GROUP BY 1"
                for place, table in enumerate(tables.files)
            ]
            homes = (
                "SELECT string_agg(home, ' and ' ORDER BY place) AS places, count(*) AS tables, "  # noqa: S608 - names are quoted
                f"coalesce(sum(times) FILTER (home = 'test'), 0) AS tested FROM ({' UNION ALL '.join(each)}) WHERE g IS NOT NULL GROUP BY g"
            )
            found = tables.ask(f"SELECT places, tables, count(*), sum(tested) FROM ({homes}) GROUP BY ALL ORDER BY places")  # noqa: S608
            [(missing,)] = tables.ask(f"SELECT coalesce(sum(times), 0) FROM ({' UNION ALL '.join(each)}) WHERE g IS NULL")  # noqa: S608
        shared = [(places, groups, tested) for places, homes_of, groups, tested in found if homes_of > 1]
        # Groups may be people: they are counted and not named.
        findings = [f"{groups} groups have rows in {places}" for places, groups, _ in shared]
        findings += [f"{missing} rows have no group"] if missing else []
        return Measurement(
            {
                "shared_groups": Fact(sum(groups for _, groups, _ in shared)),
                "shared_group_rows": Fact(int(sum(tested for _, _, tested in shared))),
                "groups": Fact(sum(groups for _, _, groups, _ in found)),
                "missing_groups": Fact(int(missing)),
            },
            tuple(findings),
        )
