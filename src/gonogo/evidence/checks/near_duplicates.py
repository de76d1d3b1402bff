"""Are test rows almost training rows?"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from gonogo.base.table import ROW, TableFiles
from gonogo.errors import DataError, UsageError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView
from gonogo.evidence.record import Fact, Measurement, share_of
from gonogo.evidence.rows import same_kinds
from gonogo.evidence.tensors import add_projections

GRIDS = 3
LARGEST = 1e150  #: values beyond it are left out of a spread, whose square could not be held


class NearDuplicates(Check):
    """Is the test table free of rows that are nearly rows that the model was trained or selected on?

    Rows are near when all their features are: texts that are equal but for case and outer blanks, equal times, and numbers in the same
    cell of a grid, `tolerance` standard deviations (of the training table) wide. So near rows differ by less than that in every number.
    Three grids, each moved by a third of a cell, keep rows together that a single one would part: when d numbers differ by a share u of
    a cell each, a pair goes unseen with a chance of 1 - 3(1-u)^d + 3(1-2u)^d - (1-3u)^d; for 20 numbers and u = 1 % that is 0.5 %. A tensor
    stands there as eight numbers: its projections on random directions, so that a distance of tensors is one of numbers.
    """

    name = "near_duplicates"
    options: ClassVar = {"tolerance": 0.001}
    facts: ClassVar = {
        "near_duplicates": "test rows that nearly or wholly equal a training (or validation) row in all features",
        "near_duplicate_share": "share of such rows among the test rows",
    }

    def measure(self, bundle: BundleView, train_file: Path, test_file: Path, validation_file: Path | None = None) -> Measurement:
        names, tolerance = bundle.schema.feature_names, float(self.chosen["tolerance"])
        if tolerance <= 0:
            raise UsageError(f"a tolerance of {tolerance:g} is none.", hint="The check overlap finds rows that are equal.")
        if not names:
            raise DataError("the model has no features, so no rows can be compared.")
        with TableFiles(train=train_file, validation=validation_file, test=test_file) as tables:
            same_kinds(tables, names)
            tensors = [feature for feature in bundle.schema.features if feature.tensor is not None]
            standing = {feature.name: add_projections(tables, feature) for feature in tensors}
            names = tuple(name for own in names for name in standing.get(own, (own,)))
            cells = {name: tolerance * spread for name, spread in _spreads(tables, names).items()}
            seen = [f"SELECT unnest({_keys(tables, table, names, cells)}) FROM {table}" for table in tables.files if table != "test"]  # noqa: S608
            asked = f"SELECT {ROW} AS row, unnest({_keys(tables, 'test', names, cells)}) AS key FROM test"  # noqa: S608
            [(near,)] = tables.ask(f"SELECT count(DISTINCT row) FROM ({asked}) WHERE key IN ({' UNION ALL '.join(seen)})")  # noqa: S608
            rows = tables.rows["test"]
        return Measurement(
            {"near_duplicates": Fact(near), "near_duplicate_share": share_of(near, rows)},
            (f"{near} of {rows} test rows are nearly rows seen in training",) if near else (),
        )


def _spreads(tables: TableFiles, names: tuple[str, ...]) -> dict[str, float]:
    """The standard deviation of each training column of numbers, to six digits, so that the order of adding does not matter."""
    numbers = [name for name in names if tables.kinds["train"][name] == "number"]
    columns = [tables.column("train", name) for name in numbers]
    if not columns:
        return {}
    asked = ", ".join(f"stddev_pop(CASE WHEN abs({x}) < {LARGEST} THEN {x} END)" for x in columns)
    [found] = tables.ask(f"SELECT {asked} FROM train")  # noqa: S608 - names are quoted
    return {name: float(f"{spread or 0.0:.6g}") for name, spread in zip(numbers, found, strict=True)}


def _keys(tables: TableFiles, table: str, names: tuple[str, ...], cells: dict[str, float]) -> str:
    """SQL for the list of a row's keys, one on each of the grids: a table is read once for all of them."""
    keys = []
    for grid in range(GRIDS):
        parts = [str(grid)]
        for name in names:
            x, kind = tables.column(table, name), tables.kinds[table][name]
            if kind == "number" and cells.get(name, 0.0) > 0:
                parts.append(f"floor({x} / {cells[name]!r}::DOUBLE + {grid / GRIDS!r}::DOUBLE)")
            else:
                parts.append(f"lower(trim({x}))" if kind == "text" else x)
        keys.append(f"hash({', '.join(parts)})")
    return f"[{', '.join(keys)}]"
