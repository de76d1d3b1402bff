"""How clean are the tables, and is every column covered by a rule?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from gonogo.base.table import TableFiles
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import BundleView, ProjectView
from gonogo.evidence.record import Fact, Measurement, share_of
from gonogo.evidence.rows import row_key, same_kinds
from gonogo.evidence.tensors import channels
from gonogo.model.schema import Feature


class DataQuality(Check):
    """Is the data clean, and is every feature watched by at least one rule?

    The rules: not missing; finite (numbers); seen in training: inside its range (numbers and times) or among its values (text). A rule
    counts for a column only where it could be applied, so a column without any value in the training table has fewer. Of a tensor (a
    window, an image) each channel is watched, over all of its elements.
    """

    name = "data_quality"
    facts: ClassVar = {
        "rules_per_column": "rules that watch the least watched feature",
        "worst_missing": "largest share of missing values of a feature in either table",
        "worst_column": "the feature with that share",
        "non_finite": "infinite values in the features of both tables",
        "out_of_range_share": "largest share, over features, of test values that training never saw: out of its range, or unknown text",
        "duplicate_rows": "training rows that repeat an earlier one in all features and the target",
        "duplicate_share": "share of such rows",
    }

    def measure(self, project: ProjectView, train_file: Path, test_file: Path, bundle: BundleView) -> Measurement:
        names, features = bundle.schema.feature_names, bundle.schema.features
        if not names:
            raise DataError("the model has no features: there is nothing to judge the data by.")
        with TableFiles(train=train_file, test=test_file) as tables:
            same_kinds(tables, names)
            columns = _watch(tables, tuple(feature.name for feature in features if feature.tensor is None))
            columns += [one for feature in features if feature.tensor is not None for one in _watch_tensor(tables, feature)]
            key = row_key(tables, "train", (*names, project.data.target))
            [(unique,)] = tables.ask(f"SELECT count(DISTINCT {key}) FROM train")  # noqa: S608 - names are quoted
            train, test = tables.rows["train"], tables.rows["test"]
        worst = max(columns, key=lambda column: column.missing)
        findings = [f"{c.name!r}: {c.infinite} infinite value(s)" for c in columns if c.infinite]
        findings += [f"{c.name!r}: {c.unseen:.1%} of the test values were never seen in training" for c in columns if c.unseen > 0]
        findings += [f"{train - unique} of {train} training rows repeat an earlier one"] if unique < train else []
        return Measurement(
            {
                "rules_per_column": Fact(min(column.rules for column in columns)),
                "worst_missing": Fact(worst.missing, n=train + test),
                "worst_column": Fact(worst.name),
                "non_finite": Fact(sum(column.infinite for column in columns)),
                "out_of_range_share": Fact(max(column.unseen for column in columns), n=test),
                "duplicate_rows": Fact(train - unique),
                "duplicate_share": share_of(train - unique, train),
            },
            tuple(findings),
            pictures={"missing": {"kind": "bars", "title": "missing", "items": [{"name": c.name, "value": c.missing} for c in columns]}},
        )


@dataclass(frozen=True)
class _Watched:
    name: str
    rules: int
    missing: float
    infinite: int
    unseen: float


def _watch_tensor(tables: TableFiles, feature: Feature) -> list[_Watched]:
    """The channels of a tensor, under the rules of a column of numbers."""
    known = channels(tables, "train", feature)
    return [
        _Watched(
            one.name,
            2 + (not math.isnan(one.low)),
            max(one.missing, other.missing),
            one.infinite + other.infinite,
            other.outside / max(other.present, 1),
        )
        for one, other in zip(known, channels(tables, "test", feature, known), strict=True)
    ]


def _watch(tables: TableFiles, names: tuple[str, ...]) -> list[_Watched]:
    """Both tables are read once for all columns, and once more for each column of text."""
    if not names:
        return []
    known = _totals(tables, "train", {name: _range(tables, name) for name in names})
    asked = _totals(tables, "test", {name: _outside(tables, name, *known[name][2:]) for name in names})
    watched = []
    for name in names:
        (present, infinite, low, _), (arrived, more_infinite, outside, _) = known[name], asked[name]
        missing = max(1 - present / tables.rows["train"], 1 - arrived / tables.rows["test"])
        if tables.kinds["train"][name] == "text":
            outside = _unknown(tables, name) if arrived else 0
            rules = 1 + bool(present)
        else:
            rules = 2 + (low is not None)
        watched.append(_Watched(name, rules, missing, int(infinite + more_infinite), outside / max(arrived, 1)))
    return watched


def _totals(tables: TableFiles, table: str, more: dict[str, tuple[str, str]]) -> dict[str, list[float]]:
    """For each column its values, its infinite ones, and two more aggregates, in one reading."""
    asked: list[str] = []
    for name, two in more.items():
        x = tables.column(table, name)
        infinite = f"count(*) FILTER (isinf({x}))" if tables.kinds[table][name] == "number" else "0"
        asked += [f"count({x})", infinite, *two]
    [found] = tables.ask(f"SELECT {', '.join(asked)} FROM {table}")  # noqa: S608 - names are quoted
    return {name: list(found[4 * index : 4 * index + 4]) for index, name in enumerate(more)}


def _range(tables: TableFiles, name: str) -> tuple[str, str]:
    x = tables.column("train", name)
    if tables.kinds["train"][name] == "text":
        return "NULL", "NULL"
    finite = f"CASE WHEN isfinite({x}) THEN {x} END"
    return f"min({finite})", f"max({finite})"


def _outside(tables: TableFiles, name: str, low: object, high: object) -> tuple[str, str]:
    """SQL for the test values outside of the range seen in training; all of them when it has none."""
    x, kind = tables.column("test", name), tables.kinds["test"][name]
    if kind == "text":
        return "0", "0"
    if low is None or tables.kinds["train"][name] != kind:
        return f"count({x})", "0"
    edges = (f"{low!r}::DOUBLE", f"{high!r}::DOUBLE") if kind == "number" else (f"'{low}'::TIMESTAMP", f"'{high}'::TIMESTAMP")
    return f"count(*) FILTER ({x} NOT BETWEEN {edges[0]} AND {edges[1]})", "0"


def _unknown(tables: TableFiles, name: str) -> int:
    """Test values of a text column that the training table lacks."""
    x = tables.column("test", name)
    seen = f"SELECT CAST({x} AS VARCHAR) FROM train WHERE {x} IS NOT NULL"  # noqa: S608 - names are quoted
    [(rows,)] = tables.ask(f"SELECT count(*) FROM test WHERE {x} IS NOT NULL AND CAST({x} AS VARCHAR) NOT IN ({seen})")  # noqa: S608
    return int(rows)
