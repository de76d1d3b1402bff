"""Training and serving compute the same features, or the check says which ones differ and where."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gonogo.base.table import Table
from gonogo.errors import DataError
from gonogo.evidence.memory import measure
from gonogo.evidence.record import Measurement
from gonogo.model.schema import Feature, GraphInput, Schema
from gonogo.model.source import ModelSource
from measured import values

ROWS = 40
CITIES = ["oslo", "paris"]
DOCUMENT: dict[str, Any] = {
    "format": "gonogo-pipeline/1",
    "features": [{"name": "age", "type": "float"}, {"name": "city", "type": "string"}],
    "before": [
        {"step": "impute", "values": {"age": 40.0}},
        {"step": "standardize", "features": ["age"], "mean": [40.0], "scale": [8.0]},
        {"step": "one-hot", "features": ["city"], "categories": [CITIES]},
    ],
    "inputs": {"x": ["age", "city=paris"]},
}
SCHEMA = Schema(
    "binary-classification",
    (GraphInput("numbers", "float64", 1), GraphInput("texts", "string", 1)),
    (Feature("age", "float", True, "numbers", 0), Feature("city", "string", False, "texts", 0)),
    ("0", "1"),
    "probabilities",
)


@dataclass(frozen=True)
class Bundled:
    schema: Schema
    model: ModelSource


@pytest.fixture
def held_out() -> Table:
    random = np.random.default_rng(5)
    age = random.normal(40, 8, ROWS)
    age[3] = np.nan
    return Table({"age": age, "city": random.choice(CITIES, ROWS).astype(object)}, ROWS)


@pytest.fixture
def compared(tmp_path: Path, held_out: Table) -> Callable[..., Measurement]:
    """Measure against what a training wrote, changed by `change`, for these rows."""

    def run(change: Callable[[dict[str, Any]], None] = lambda said: None, *, document: Mapping[str, Any] | None = DOCUMENT) -> Measurement:
        rows = np.arange(ROWS)[::-2].copy()
        age, city = held_out.column("age")[rows], held_out.column("city")[rows]
        said: dict[str, Any] = {"row": rows.tolist(), "age": ((np.nan_to_num(age, nan=40.0) - 40) / 8).tolist()}
        said["city=paris"] = (city == "paris").astype(int).tolist()
        if document is None:
            said = {"row": rows.tolist(), "age": age.tolist(), "city": city.tolist()}
        change(said)
        rows_said = (",".join("" if str(value) == "nan" else str(value) for value in line) for line in zip(*said.values(), strict=True))
        lines = [",".join(said), *rows_said]
        (tmp_path / "features.csv").write_text("\n".join(lines) + "\n")
        pipeline = None if document is None else tmp_path / "pipeline.json"
        if pipeline:
            pipeline.write_text(json.dumps(document))
        made = Bundled(SCHEMA, ModelSource(tmp_path / "model.onnx", pipeline=pipeline))
        return measure("feature_parity", bundle=made, test=held_out, files={"training_features": tmp_path / "features.csv"})

    return run


def test_the_same_features_do_not_differ(compared: Callable[..., Measurement]) -> None:
    found = compared()
    facts = values(found)
    assert (facts["rows"], facts["features"], facts["features_differing"], facts["rows_differing"]) == (20, 2, 0, 0)
    assert facts["max_abs_diff"] < 1e-9
    assert found.findings == ()


def test_another_scaler_in_training_is_found_in_every_row(compared: Callable[..., Measurement]) -> None:
    found = compared(lambda said: said.update(age=[value + 0.25 for value in said["age"]]))
    facts = values(found)
    assert (facts["features_differing"], facts["rows_differing"]) == (1, 20)
    assert facts["max_abs_diff"] == pytest.approx(0.25)
    assert found.findings[0].startswith("age differs in 20 of 20 rows, first in test row 39")


def test_one_row_with_another_category_is_found(compared: Callable[..., Measurement]) -> None:
    found = compared(lambda said: said["city=paris"].__setitem__(4, 1 - said["city=paris"][4]))
    assert (values(found)["features_differing"], values(found)["rows_differing"]) == (1, 1)
    assert "first in test row 31" in found.findings[0]


def test_a_value_that_is_missing_on_one_side_differs_and_has_no_distance(compared: Callable[..., Measurement]) -> None:
    found = compared(lambda said: said["age"].__setitem__(0, float("nan")))
    assert values(found)["features_differing"] == 1
    assert "max_abs_diff" not in found.facts


def test_without_a_pipeline_the_raw_features_are_compared(compared: Callable[..., Measurement]) -> None:
    assert values(compared(document=None))["features_differing"] == 0
    found = compared(lambda said: said["city"].__setitem__(0, "rome"), document=None)
    assert values(found)["features_differing"] == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.pop("city=paris"), "lacks city=paris"),
        (lambda table: table.pop("row"), "row"),
        (lambda table: table["row"].__setitem__(0, table["row"][1]), "different positions"),
        (lambda table: table["row"].__setitem__(0, ROWS), "different positions"),
        (lambda table: table.update(age=["x"] * len(table["row"])), "holds text"),
    ],
)
def test_a_table_that_cannot_be_compared_is_an_error(compared: Callable[..., Measurement], change: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        compared(change)


def test_a_held_out_row_that_the_pipeline_refuses_is_an_error(compared: Callable[..., Measurement]) -> None:
    narrow = json.loads(json.dumps(DOCUMENT))
    narrow["before"][2]["categories"] = [["paris"]]
    with pytest.raises(DataError, match="'city' must be one of 'paris', not 'oslo'"):
        compared(document=narrow)
