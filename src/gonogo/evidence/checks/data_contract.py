"""Do the tables hold what the model's schema says?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from gonogo.base.table import Kind, TableFiles
from gonogo.evidence.check import Check
from gonogo.evidence.domain import Domain
from gonogo.evidence.inputs import BundleView, ProjectView
from gonogo.evidence.record import Fact, Measurement
from gonogo.evidence.tensors import Channel, channels
from gonogo.model.encode import beyond
from gonogo.model.packing import LARGEST
from gonogo.model.schema import Feature


class DataContract(Check):
    """Do the training, validation and test tables hold every feature and the target, as the model's schema says?

    `columns` names columns that must be there beside these, `domains` where values must lie (`label in {0, 1}`, `age in [0, 120]`), and
    `expected_rows` how many rows all tables have together. Of a tensor (a window, an image) every row must have the declared shape, and
    each channel is looked at, over all of its elements.
    """

    name = "data_contract"
    options: ClassVar = {"expected_rows": 0, "columns": [], "domains": []}
    facts: ClassVar = {
        "rows": "rows of all tables together",
        "rows_expected_difference": "by how many rows that is more or less than `expected_rows`; only when that is given",
        "rows_train": "rows of the training table",
        "rows_test": "rows of the test table",
        "features": "features of the model",
        "columns_missing": "features, or the target, that a table lacks; counted once for each table",
        "columns_absent": "columns of the option `columns` that a table lacks; counted once for each table",
        "columns_constant": "features (channels of a tensor) with one value or none in the training table",
        "shape_errors": "tensors that have another shape than the model takes, or none; only where a feature is a tensor",
        "missing_share_max": "largest share of missing values of a feature in any table",
        "type_errors": "columns that hold what the model does not take: text for numbers, infinities, missing values where none may be",
        "domain_violations": "rows whose value lies outside of a domain or is missing; counted once for each domain",
    }

    def measure(
        self, project: ProjectView, bundle: BundleView, train_file: Path, test_file: Path, validation_file: Path | None = None
    ) -> Measurement:
        domains = [Domain.parse(text) for text in self.chosen["domains"]]
        needed = (*bundle.schema.feature_names, project.data.target)
        dtypes = {graph_input.name: graph_input.dtype for graph_input in bundle.schema.inputs}
        findings: list[str] = []
        with TableFiles(train=train_file, validation=validation_file, test=test_file) as tables:
            lacking = [(title, name) for title in tables.files for name in needed if not tables.has(title, name)]
            absent = [(title, name) for title in tables.files for name in self.chosen["columns"] if not tables.has(title, name)]
            findings += [f"{title}: the column {name!r} is missing" for title, name in dict.fromkeys(lacking + absent)]
            worst, wrong, constant, shapes = 0.0, 0, [], 0
            tensors = [feature for feature in bundle.schema.features if feature.tensor is not None]
            for title, feature in ((title, one) for title in tables.files for one in tensors if tables.has(title, one.name)):
                found = _look_at_tensor(tables, title, feature, dtypes[feature.input])
                shapes, wrong = shapes + found.shape_errors, wrong + bool(found.problem)
                worst = max(worst, *(one.missing for one in found.channels), worst)
                findings += [f"{title}: column {feature.name!r} {found.problem}"] if found.problem else []
                constant += [one.name for one in found.channels if title == "train" and one.constant]
            for title in tables.files:
                for feature, seen in _look(tables, title, tuple(one for one in bundle.schema.features if one.tensor is None)).items():
                    worst = max(worst, 1 - seen.present / seen.rows)
                    problem = _problem(tables, title, feature, dtypes[feature.input], seen)
                    wrong += bool(problem)
                    findings += [f"{title}: column {feature.name!r} {problem}"] if problem else []
                    if title == "train" and (seen.present == 0 or seen.low == seen.high):
                        constant.append(feature.name)
            outside = [(domain, title, domain.violations(tables, title)) for domain in domains for title in tables.files]
            rows = tables.rows
        findings += [f"train: column {name!r} never changes" for name in constant]
        findings += [f"{title}: {count} rows break {domain.text!r}" for domain, title, count in outside if count]
        everything, expected = sum(rows.values()), self.chosen["expected_rows"]
        if expected and everything != expected:
            findings.append(f"the tables have {everything} rows, not {expected}")
        facts = {
            "rows": Fact(everything),
            "rows_train": Fact(rows["train"]),
            "rows_test": Fact(rows["test"]),
            "features": Fact(len(bundle.schema.features)),
            "columns_missing": Fact(len(lacking)),
            "columns_absent": Fact(len(absent)),
            "columns_constant": Fact(len(constant)),
            "missing_share_max": Fact(worst, n=everything),
            "type_errors": Fact(wrong),
            "domain_violations": Fact(sum(count for _, _, count in outside)),
        }
        if tensors:
            facts["shape_errors"] = Fact(shapes, n=everything)
        if expected:
            facts["rows_expected_difference"] = Fact(abs(everything - expected))
        return Measurement(facts, tuple(findings))


@dataclass(frozen=True)
class _Seen:
    """One feature's column: its kind, its rows, those with a value, the lowest and highest value, values that its type forbids."""

    kind: Kind
    rows: int
    present: int
    low: float
    high: float
    odd: int


def _look(tables: TableFiles, table: str, features: tuple[Feature, ...]) -> dict[Feature, _Seen]:
    """What the columns of a table hold, from one reading of it. Features that the table lacks are left out."""
    there = [feature for feature in features if tables.has(table, feature.name)]
    asked = ["count(*)"]
    for feature in there:
        x = tables.column(table, feature.name)
        number = tables.kinds[table][feature.name] == "number"
        odd = f"count(*) FILTER ({x} <> floor({x}))" if feature.type == "int" else f"count(*) FILTER ({x} NOT IN (0, 1))"
        asked += [f"count({x})", f"min({x})", f"max({x})", odd if number and feature.type in ("int", "bool") else "0"]
    [found] = tables.ask(f"SELECT {', '.join(asked)} FROM {table}")  # noqa: S608 - names are quoted
    each = zip(there, *(found[first::4] for first in (1, 2, 3, 4)), strict=True)
    return {feature: _Seen(tables.kinds[table][feature.name], found[0], *seen) for feature, *seen in each}


@dataclass(frozen=True)
class _Tensors:
    """A tensor feature's column: rows whose tensor has another shape than the model takes, what its channels hold (nothing where there are
    such rows), and why the model does not take it."""

    shape_errors: int
    channels: tuple[Channel, ...]
    problem: str


def _look_at_tensor(tables: TableFiles, table: str, feature: Feature, dtype: str) -> _Tensors:
    assert feature.tensor is not None
    shape, rows = feature.tensor.shape, tables.rows[table]
    said = f"tensors of the shape {list(shape)}"
    if tables.kinds[table][feature.name] != "tensor":
        return _Tensors(rows, (), f"holds single values, not {said}")
    size = f"len({tables.flat(table, feature.name)})"
    [(bad,)] = tables.ask(f"SELECT count(*) FILTER ({size} IS DISTINCT FROM {math.prod(shape)}) FROM {table}")  # noqa: S608 - quoted
    if bad:
        return _Tensors(bad, (), f"has {bad} row(s) that hold no {said}")
    nested = next(tables.parts(table, [feature.name], 1)).shapes[feature.name]
    if nested not in (shape, (math.prod(shape),)):
        return _Tensors(rows, (), f"holds {list(nested)}, not {said}")
    found = channels(tables, table, feature)
    holes = sum(one.elements - one.present for one in found)
    if holes and not (feature.nullable and dtype in LARGEST):
        return _Tensors(0, found, f"has {holes} missing element(s), which the model does not take")
    low, high = min((one.low for one in found), default=0.0), max((one.high for one in found), default=0.0)
    ends = (float("inf"), float("inf")) if any(one.infinite for one in found) else (low, high)
    seen = _Seen("number", rows, rows, *ends, sum(one.fractions for one in found) if feature.type == "int" else 0)
    return _Tensors(0, found, _bad_numbers(feature, dtype, seen))


def _problem(tables: TableFiles, table: str, feature: Feature, dtype: str, seen: _Seen) -> str:
    """Why the model does not take the column, in words that continue "column x …", or "". The rules are those of `model/encode.py`."""
    if seen.kind == "time":
        return "holds times, not a feature"
    if seen.present and (seen.kind == "text") != (feature.type == "string"):
        if feature.type == "string":
            return "holds numbers or booleans, but the model takes text (CSV cannot keep them apart, Parquet can)"
        return f"holds text such as {_word(tables, table, feature.name)!r}, not numbers"
    holes = seen.rows - seen.present
    if holes and not (feature.nullable and (feature.type == "string" or dtype in LARGEST)):
        return f"has {holes} missing value(s), which the model does not take"
    return _bad_numbers(feature, dtype, seen) if seen.present and seen.kind == "number" else ""


def _bad_numbers(feature: Feature, dtype: str, seen: _Seen) -> str:
    if float("inf") in (seen.high, -seen.low):
        return "holds an infinity"
    if seen.odd:
        return "holds other values than 0 and 1" if feature.type == "bool" else "holds numbers that are not whole"
    outside = beyond(feature, dtype, seen.low, seen.high)
    return f"holds numbers {outside}" if outside else ""


def _word(tables: TableFiles, table: str, name: str) -> str:
    """A value of a text column, one that is no number if there is any."""
    x = tables.column(table, name)
    number = f"coalesce(isfinite(TRY_CAST({x} AS DOUBLE)), false)"
    [(odd, first)] = tables.ask(f"SELECT any_value({x}) FILTER (NOT {number}), any_value({x}) FROM {table}")  # noqa: S608 - quoted
    return str(first if odd is None else odd)[:120]
