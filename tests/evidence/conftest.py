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
from gonogo.base.tree import read_tree
from gonogo.evidence.inputs import Scores
from gonogo.evidence.memory import measure
from gonogo.evidence.record import Measurement
from gonogo.model.schema import Feature, GraphInput, Schema
from gonogo.model.source import ModelSource
from spoken_service import ROW


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


@dataclass(frozen=True)
class Made:
    """A bundle that was really made, and its test table."""

    bundle: Any
    test: Table


@pytest.fixture(scope="session")
def forest(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Table]:
    """A logistic regression that uses x0 much, x1 little and x2 not at all, as a bundle folder; and a test table."""
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    generator = np.random.default_rng(11)
    x = generator.normal(size=(600, 3)).astype(np.float32)
    y = (2 * x[:, 0] + 0.5 * x[:, 1] + generator.normal(size=600) > 0).astype(np.int64)
    model = LogisticRegression().fit(x[:300], y[:300])
    model.coef_[0, 2] = 0.0
    root = tmp_path_factory.mktemp("bundle")
    (root / "model").mkdir()
    (root / "model" / "model.onnx").write_bytes(to_onnx(model, x[:1], options={"zipmap": False}).SerializeToString())
    columns = {f"x{i}": x[300:, i].astype(np.float64) for i in range(3)}
    return root, Table({**columns, "y": y[300:].astype(np.float64)}, 300)


def wide_schema(
    names: tuple[str, ...], classes: tuple[str, ...] = ("0", "1"), input_name: str = "X", output: str = "probabilities"
) -> Schema:
    return Schema(
        task="binary-classification",
        inputs=(GraphInput(input_name, "float32", len(names)),),
        features=tuple(Feature(name, "float", False, input_name, position) for position, name in enumerate(names)),
        classes=classes,
        score_output=output,
    )


@pytest.fixture
def made(forest: tuple[Path, Table], bundle: Callable[..., Any]) -> Made:
    root, test = forest
    names = ("x0", "x1", "x2")
    model = root / "model" / "model.onnx"
    return Made(bundle(schema=wide_schema(names), root=root, model_path=model, digest=read_tree(root).root_digest), test)


def scores_of(y: list[int], positive: list[float], **more: Any) -> Scores:
    p = np.array(positive, dtype=np.float64)
    return Scores(np.array(y, dtype=np.int64), np.stack([1 - p, p], axis=1), ("0", "1"), "process", **more)


@pytest.fixture
def served(schema: Callable[..., Schema], bundle: Callable[..., Any]) -> Any:
    """The bundle that `Service` serves, with two golden requests."""
    own = schema(amount="float", age="float?", count="int", flag="bool", city="string")
    golden = {
        "tolerance": 1e-5,
        "requests": [
            {"name": "one", "rows": [ROW], "scores": [[0.25, 0.75]]},
            {"name": "two", "rows": [ROW, {**ROW, "flag": False}], "scores": [[0.25, 0.75], [0.75, 0.25]]},
        ],
    }
    return bundle(schema=own, golden=golden)
