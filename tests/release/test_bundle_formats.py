"""A bundle holds a model of any format, loads what it holds, and says the same as the library that trained it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost

import gonogo
from gonogo.base.canonical import canonical_bytes, parse_json
from gonogo.base.names import Version
from gonogo.base.table import Table, read_table
from gonogo.checklist.project import Project, load_project
from gonogo.errors import ModelError, VerificationError
from gonogo.model.encode import RowErrors, encode_rows, encode_table
from gonogo.model.pipeline import OUTPUT
from gonogo.model.predict import scores
from gonogo.model.sandbox import Sandbox
from gonogo.model.schema import Feature, GraphInput, Schema
from gonogo.release.bundle import Bundle, build_bundle, find_bundle
from gonogo.release.golden import golden_cases
from gonogo.release.version import next_version

ROWS = 120
RANDOM = np.random.default_rng(8)
X = RANDOM.normal(size=(ROWS, 3))
Y = (X[:, 0] + RANDOM.normal(size=ROWS) > 0).astype(int)
INPUTS = "inputs: [{name: x, dtype: float32, width: 3}]"
Made = tuple[str, str, Callable[[np.ndarray[Any, Any]], Any]]  # model.path, what else is declared, the library's own answer


def _xgboost(folder: Path) -> Made:
    fitted = xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(X, Y), 5)
    fitted.save_model(folder / "model.json")
    return "model.json", "", lambda x: fitted.predict(xgboost.DMatrix(x))


def _callable(folder: Path) -> Made:
    (folder / "scoring").mkdir()
    np.save(folder / "scoring/weights.npy", np.array([1.0, -1.0, 0.5]))
    lines = ["import numpy as np", "W = np.load('weights.npy')", "def predict(batch):", "    return 1 / (1 + np.exp(-(batch['x'] @ W)))"]
    (folder / "scoring/scoring.py").write_text("\n".join(lines) + "\n")
    return "scoring", f"callable: 'scoring:predict', {INPUTS}", lambda x: 1 / (1 + np.exp(-(x @ [1.0, -1.0, 0.5])))


#: One with two spellings, one that is packed; the runtimes themselves are tested in tests/contracts.
FORMATS: dict[str, tuple[Callable[[Path], Made], str]] = {
    "xgboost": (_xgboost, "model.json"),
    "callable": (_callable, "model.zip"),
}


def project(folder: Path, path: str, declared: str, *, city: bool = False) -> Project:
    """A project around a model over the columns a, b, c (and a city)."""
    lines = [",".join(map(repr, row)) for row in X.astype(np.float32).astype(float).tolist()]
    lines = [f"{line},{Y[row]},{('oslo', 'paris')[row % 2]}" for row, line in enumerate(lines)]
    for name, rows in (("train", lines), ("test", lines[::-1])):
        (folder / f"{name}.csv").write_text("\n".join(["a,b,c,late,city", *rows]) + "\n")
    model = f"model: {{path: {path}, task: binary-classification{declared and f', {declared}'}}}"
    data = f"data: {{train: train.csv, test: test.csv, target: late, ignore: [{'c' if city else 'city'}]}}"
    (folder / "gonogo.yaml").write_text(f"system: small\n{model}\n{data}\n")
    return load_project(folder / "gonogo.yaml")


@dataclass(frozen=True)
class Released:
    version: Version
    bundle: Bundle


def built(made: Project, into: Path) -> Bundle:
    return build_bundle(made, Sandbox(120, 8192, accept_weaker=True), into=into)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_bundle_of_any_format_says_what_the_library_says(tmp_path: Path, kind: str) -> None:
    make, file = FORMATS[kind]
    path, declared, answer = make(tmp_path)
    made = project(tmp_path, path, declared)
    bundle = built(made, tmp_path / "b")
    assert bundle.manifest["model"]["format"] == kind
    assert bundle.manifest["model"]["path"] == f"model/{file}"
    assert bundle.manifest["model"]["options"] == dict(made.model.options)
    table = read_table(made.data.test)
    ours = scores(bundle.schema, bundle.load(), encode_table(bundle.schema, table))
    asked = np.stack([table.numeric(name) for name in bundle.schema.feature_names], axis=1)
    np.testing.assert_allclose(ours[:, 1], answer(asked), atol=1e-5)
    assert find_bundle(made, tmp_path / "b") is not None


def test_a_packed_folder_gives_the_same_bundle_elsewhere_and_another_one_when_a_file_changes(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    path, declared, _ = _callable(tmp_path / "one")
    made = project(tmp_path / "one", path, declared)
    first = built(made, tmp_path / "b1")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    (tmp_path / "two/scoring/__pycache__").mkdir()
    (tmp_path / "two/scoring/__pycache__/scoring.pyc").write_bytes(b"x")
    assert built(load_project(tmp_path / "two/gonogo.yaml"), tmp_path / "b2").digest == first.digest
    np.save(tmp_path / "one/scoring/weights.npy", np.array([2.0, -1.0, 0.5]))
    assert find_bundle(made, tmp_path / "b1") is None


# -- behind a pipeline --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def piped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Bundle]:
    """A LightGBM model over scaled numbers and a city, with a calibrator."""
    folder = tmp_path_factory.mktemp("piped")
    rows = np.column_stack([(X[:, :2].astype(np.float32) - 0.5) / 2.0, np.arange(ROWS) % 2])
    lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, lightgbm.Dataset(rows, Y), 5).save_model(folder / "model.txt")
    gonogo.write_pipeline(
        folder / "pipeline.json",
        features={"a": "float", "b": "float", "city": "string"},
        before=[
            {"step": "standardize", "features": ["a", "b"], "mean": [0.5, 0.5], "scale": [2.0, 2.0]},
            {"step": "ordinal", "features": ["city"], "categories": [["oslo", "paris"]]},
        ],
        inputs={"x": ["a", "b", "city#"]},
        after=[{"step": "platt", "slope": [3.0], "intercept": [-1.5]}],
    )
    made = project(folder, "model.txt", "pipeline: pipeline.json", city=True)
    return made, built(made, folder / "b")


def test_a_bundle_with_a_pipeline_takes_raw_features_everywhere(piped: tuple[Project, Bundle]) -> None:
    made, bundle = piped
    assert [(feature.name, feature.type) for feature in bundle.schema.features] == [("a", "float"), ("b", "float"), ("city", "string")]
    assert set(bundle.baseline["features"]) == {"a", "b", "city"}
    assert set(bundle.golden["requests"][0]["rows"][0]) == {"a", "b", "city"}
    assert bundle.manifest["files"]["pipeline"] == "pipeline.json"
    loaded = bundle.load()
    for request in bundle.golden["requests"]:
        np.testing.assert_allclose(scores(bundle.schema, loaded, encode_rows(bundle.schema, request["rows"])), request["scores"], atol=1e-5)
    library = lightgbm.Booster(model_file=made.model.path)
    raw = library.predict(np.array([[(1.0 - 0.5) / 2, (2.0 - 0.5) / 2, 1.0]]))
    ours = scores(bundle.schema, loaded, encode_rows(bundle.schema, [{"a": 1.0, "b": 2.0, "city": "paris"}]))
    np.testing.assert_allclose(ours[:, 1], 1 / (1 + np.exp(-(3 * raw - 1.5))), atol=1e-6)


def test_an_unknown_category_is_refused_by_name(piped: tuple[Project, Bundle]) -> None:
    _, bundle = piped
    with pytest.raises(RowErrors) as caught:
        scores(bundle.schema, bundle.load(), encode_rows(bundle.schema, [{"a": 1.0, "b": 2.0, "city": "rome"}]))
    assert [(one["row"], one["feature"]) for one in caught.value.errors] == [(0, "city")]


def test_another_calibrator_is_another_bundle(piped: tuple[Project, Bundle], tmp_path: Path) -> None:
    made, bundle = piped
    assert find_bundle(made, made.root / "b") is not None
    document = json.loads((made.root / "pipeline.json").read_bytes())
    document["after"][0]["slope"] = [2.0]
    shutil.copytree(made.root, tmp_path / "p", ignore=shutil.ignore_patterns("b"))
    (tmp_path / "p/pipeline.json").write_text(json.dumps(document))
    assert find_bundle(load_project(tmp_path / "p/gonogo.yaml"), made.root / "b") is None
    assert next_version(Released(Version(1, 2, 3), bundle), bundle) == Version(1, 2, 4)  # the model and what it takes are the same


def test_golden_requests_ask_only_for_categories_that_are_listed() -> None:
    inputs = (GraphInput("texts", "string", 1), GraphInput("integers", "int64", 1), GraphInput("numbers", "float64", 1))
    features = (
        Feature("rare", "string", False, "texts", 0),
        Feature("hour", "int", False, "integers", 0),
        Feature("grade", "float", False, "numbers", 0),
    )
    schema = Schema("binary-classification", inputs, features, ("0", "1"), OUTPUT)
    words = np.array([f"word {n}" for n in range(40)], dtype=object)
    table = Table({"rare": words, "hour": np.arange(40) % 4 * 6.0, "grade": np.arange(40) % 3 / 2}, 40)
    listed = {"rare": ("", "word 3"), "hour": (0.0, 6.0, 12.0, 18.0), "grade": (0.0, 0.5, 1.0)}
    rows = [row for _, rows in golden_cases(schema, table, listed) for row in rows]
    assert {row["rare"] for row in rows} == {"word 3"}
    assert {row["hour"] for row in rows} <= {0, 6, 12, 18}
    assert {row["grade"] for row in rows} <= {0.0, 0.5, 1.0}
    assert len({row["hour"] for row in rows}) > 1


# -- what is refused ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["inputs", "callable"])
def test_what_the_file_of_a_model_does_not_say_must_be_declared(tmp_path: Path, missing: str) -> None:
    path, declared, _ = _callable(tmp_path)
    half = INPUTS if missing == "callable" else declared.removesuffix(", " + INPUTS)
    with pytest.raises(ModelError, match=f"does not say `{missing}` itself") as caught:
        built(project(tmp_path, path, half), tmp_path / "b")
    assert "gonogo.yaml" in caught.value.hint
    assert not (tmp_path / "b").exists()


def test_a_pipeline_that_is_wrong_is_refused_with_file_and_place(tmp_path: Path) -> None:
    path, _, _ = _xgboost(tmp_path)
    (tmp_path / "pipeline.json").write_text('{"format": "gonogo-pipeline/1", "after": [{"step": "temperature", "temperature": 0}]}')
    with pytest.raises(ModelError, match=r"pipeline.json: .*after\[0\].temperature must be more than 0"):
        built(project(tmp_path, path, "pipeline: pipeline.json"), tmp_path / "b")


HARMS: dict[str, Callable[[Path, dict[str, Any]], None]] = {
    "another format's name": lambda root, about: about["model"].update(format="onnx"),
    "a path outside": lambda root, about: about["model"].update(path="../model.txt"),
    "an unknown option": lambda root, about: about["model"].update(options={"unsafe": True}),
    "a malformed option": lambda root, about: about["model"].update(options={"device": "tpu"}),
    "options that are no map": lambda root, about: about["model"].update(options=[]),
    "no options": lambda root, about: about["model"].pop("options"),
    "a pipeline that is not listed": lambda root, about: about["files"].pop("pipeline"),
    "a pipeline that is gone": lambda root, about: (root / "pipeline.json").unlink(),
    "a broken pipeline": lambda root, about: (root / "pipeline.json").write_bytes(b'{"format":"gonogo-pipeline/1"}'),
    "a model that is no map": lambda root, about: about.update(model="model/model.txt"),
    "an unhashable format": lambda root, about: about["model"].update(format=["lightgbm"]),
    "the format before": lambda root, about: about.update(format="gonogo-bundle/1"),
}  # fmt: skip


@pytest.mark.parametrize("harm", HARMS)
def test_a_bundle_that_was_tampered_with_is_refused(piped: tuple[Project, Bundle], tmp_path: Path, harm: str) -> None:
    root = tmp_path / "copy"
    shutil.copytree(piped[1].root, root)
    assert Bundle.open(root).digest == piped[1].digest
    about = parse_json((root / "bundle.json").read_bytes())
    HARMS[harm](root, about)
    (root / "bundle.json").write_bytes(canonical_bytes(about))
    with pytest.raises(VerificationError):
        Bundle.open(root)
