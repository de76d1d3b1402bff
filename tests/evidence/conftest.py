"""Small projects, bundles and tables for the checks' tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from gonogo.base.table import Table
from gonogo.evidence.memory import measure
from gonogo.evidence.record import Measurement
from gonogo.model.schema import Feature, GraphInput, Schema
from gonogo.model.source import ModelSource


@dataclass(frozen=True)
class SmallCode:
    paths: tuple[Path, ...] = (Path(),)
    tests: tuple[str, ...] | None = None
    lint: tuple[str, ...] | None = None
    format: tuple[str, ...] | None = None
    hooks: tuple[str, ...] | None = None
    train: tuple[str, ...] | None = None
    security: tuple[str, ...] | None = None


@dataclass(frozen=True)
class SmallData:
    target: str = "y"
    time: str | None = "when"
    ignore: tuple[str, ...] = ()
    group: str | None = None
    embargo: float | None = None


@dataclass(frozen=True)
class SmallProject:
    root: Path = Path()
    system: str = "small"
    code: SmallCode = field(default_factory=SmallCode)
    data: SmallData = field(default_factory=SmallData)
    accelerator: str = "none"


@dataclass(frozen=True)
class SmallBundle:
    schema: Schema
    root: Path = Path()
    digest: str = "sha256:0"
    model_path: Path = Path()
    baseline: Mapping[str, Any] = field(default_factory=dict)
    golden: Mapping[str, Any] = field(default_factory=dict)

    @property
    def model(self) -> ModelSource:
        return ModelSource(self.model_path)


def column(values: list[Any]) -> np.ndarray[Any, Any]:
    if all(isinstance(value, str) or value is None for value in values) and any(isinstance(value, str) for value in values):
        return np.array(values, dtype=object)
    if any(isinstance(value, np.datetime64) for value in values):
        return np.array(values, dtype="datetime64[us]")
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


@pytest.fixture
def table() -> Callable[..., Table]:
    """`table(x=[1, 2], t=["a", None])`: numbers, texts and times as the table reader gives them."""

    def make(**columns: list[Any]) -> Table:
        made = {name: column(values) for name, values in columns.items()}
        return Table(made, len(next(iter(made.values()))))

    return make


def write(path: Path, table: Table) -> Path:
    rows = dict(table.columns)
    duckdb.sql("SELECT * FROM rows").write_parquet(str(path))
    assert rows
    return path


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., Measurement]:
    """`check("overlap", train=table(x=[1]), test=table(x=[1]), …)`: the tables are written as Parquet files and measured there."""

    def run(name: str, options: Mapping[str, Any] | None = None, **inputs: Any) -> Measurement:
        for title in {"train", "validation", "test"} & inputs.keys():
            inputs[f"{title}_file"] = write(tmp_path / f"{title}.parquet", inputs.pop(title))
        return measure(name, options, **inputs)

    return run


@pytest.fixture
def schema() -> Callable[..., Schema]:
    """`schema(x="float", t="string?")`: one graph input for each feature; "?" makes it nullable."""

    def make(classes: tuple[str, ...] = ("0", "1"), threshold: float = 0.5, **types: str) -> Schema:
        dtypes = {"float": "float32", "int": "int64", "bool": "bool", "string": "string"}
        plain = {name: kind.rstrip("?") for name, kind in types.items()}
        return Schema(
            task="binary-classification" if len(classes) == 2 else "multiclass-classification",
            inputs=tuple(GraphInput(name, dtypes[kind], 1) for name, kind in plain.items()),
            features=tuple(Feature(name, kind, types[name].endswith("?"), name, 0) for name, kind in plain.items()),  # type: ignore[arg-type]
            classes=classes,
            score_output="probabilities",
            threshold=threshold,
        )

    return make


@pytest.fixture
def project() -> Callable[..., SmallProject]:
    """`project(root, time=None, tests=("pytest",))`."""

    def make(root: Path = Path(), **declared: Any) -> SmallProject:
        code = {key: declared.pop(key) for key in ("paths", "tests", "lint", "format", "hooks", "train", "security") if key in declared}
        return SmallProject(root=root, code=SmallCode(**code), data=SmallData(**declared))

    return make


@pytest.fixture
def bundle(schema: Callable[..., Schema]) -> Callable[..., SmallBundle]:
    """`bundle(x="float")`, or with `schema=` and whatever else a bundle has."""

    def make(**given: Any) -> SmallBundle:
        own = {key: given.pop(key) for key in ("root", "digest", "model_path", "baseline", "golden", "schema") if key in given}
        return SmallBundle(**{"schema": schema(**given) if given else None, **own})

    return make
