"""The schema: where names and types come from, and what does not fit together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gonogo.base.table import Table
from gonogo.errors import ModelError
from gonogo.model.derive import derive_schema
from gonogo.model.runtime import GraphOutput, Inspection
from gonogo.model.schema import Feature, GraphInput, Schema

PROBABILITIES = GraphOutput("probabilities", "float32", (None, 2))
LABEL = GraphOutput("label", "int64", (None,))


def text(*values: str | None) -> Any:
    return np.array(values, dtype=object)


TABLE = Table(
    {
        "age": np.array([1.0, np.nan]),
        "count": np.array([1.0, 2.0]),
        "city": text("x", "y"),
        "late": np.array([0.0, 1.0]),
        "day": np.array(["2024-01-01", "2024-01-02"], dtype="datetime64[us]"),
    },
    2,
)


def derive(inputs: list[GraphInput], **options: Any) -> Schema:
    outputs = options.pop("outputs", (LABEL, PROBABILITIES))
    inspection = Inspection(tuple(inputs), tuple(outputs), options.pop("metadata", {}))
    given = {"task": "binary-classification", "table": TABLE, "target": "late", "time": "day", "feature_names": None, "classes": ("0", "1")}
    return derive_schema(inspection, **(given | options))


def test_inputs_of_one_column_are_named_after_their_feature() -> None:
    schema = derive([GraphInput("city", "string", 1), GraphInput("count", "int64", 1), GraphInput("age", "float32", 1)])
    assert schema.features == (
        Feature("city", "string", False, "city", 0),
        Feature("count", "int", False, "count", 0),
        Feature("age", "float", True, "age", 0),
    )
    assert schema.score_output == "probabilities"
    assert Schema.from_json(schema.to_json()) == schema


def test_a_wide_input_takes_the_columns_that_are_left() -> None:
    schema = derive([GraphInput("x", "float32", 2), GraphInput("city", "string", 1)])
    assert schema.feature_names == ("age", "count", "city")


def test_ignored_columns_are_no_features() -> None:
    schema = derive([GraphInput("x", "float32", 1)], ignore=("city", "age"))
    assert schema.feature_names == ("count",)


def test_the_metadata_names_the_features() -> None:
    assert derive([GraphInput("x", "float32", 2)], metadata={"feature_names": '["count", "age"]'}).feature_names == ("count", "age")
    mapped = {"feature_names": '{"x": ["count", "age"], "c": ["city"]}'}
    assert derive([GraphInput("c", "string", 1), GraphInput("x", "float32", 2)], metadata=mapped).feature_names == ("city", "count", "age")


def test_the_project_names_the_features() -> None:
    assert derive([GraphInput("x", "float32", 2)], feature_names=["count", "age"]).feature_names == ("count", "age")


def test_an_open_width_is_settled_by_the_names() -> None:
    schema = derive([GraphInput("x", "float32", 0)], feature_names=["count", "age"])
    assert schema.inputs == (GraphInput("x", "float32", 2),)


@pytest.mark.parametrize(
    ("metadata", "declared"),
    [('["count", "age"]', ["age", "count"]), ('{"x": ["count", "age"]}', ["age", "count"])],
)
def test_two_sources_of_names_must_agree(metadata: str, declared: list[str]) -> None:
    with pytest.raises(ModelError, match=r"gonogo\.yaml says"):
        derive([GraphInput("x", "float32", 2)], metadata={"feature_names": metadata}, feature_names=declared)


@pytest.mark.parametrize(
    ("inputs", "options", "said"),
    [
        ([GraphInput("x", "float32", 5)], {}, "takes 5 columns .*3 columns of the training table.*age, count, city"),
        ([GraphInput("x", "float32", 2)], {"feature_names": ["age"]}, "takes 2 columns"),
        ([GraphInput("x", "float32", 2)], {"feature_names": ["age", "nope"]}, "the table lacks nope"),
        ([GraphInput("x", "float32", 2)], {"feature_names": ["age", "age"]}, "same name: age"),
        ([GraphInput("x", "float32", 2)], {"feature_names": ["age", "late"]}, "its own target"),
        ([GraphInput("x", "float32", 2)], {"feature_names": ["age", "day"]}, "the time column"),
        ([GraphInput("x", "float32", 1)], {"feature_names": ["city"]}, "column 'city' of the training table holds text"),
        ([GraphInput("x", "string", 1)], {"feature_names": ["count"]}, "but the model takes text"),
        ([GraphInput("x", "int64", 1)], {"feature_names": ["age"]}, "1 missing"),
        ([GraphInput("x", "float32", 2)], {"metadata": {"feature_names": "[1, 2]"}}, "neither a list"),
        ([GraphInput("x", "float32", 2)], {"metadata": {"feature_names": '{"y": ["age", "count"]}'}}, "neither a list"),
        ([GraphInput("x", "float32", 2)], {"metadata": {"feature_names": '{"x": ["age"]}'}}, "metadata names 1"),
        ([GraphInput("x", "float32", 2)], {"metadata": {"feature_names": "age, count"}}, "not JSON"),
        ([GraphInput("age", "float32", 1)], {"classes": ("0",)}, "cannot have the classes"),
        ([GraphInput("age", "float32", 1)], {"classes": ("0", "1", "2")}, "cannot have the classes"),
        ([GraphInput("age", "float32", 1)], {"threshold": 1.5}, "threshold"),
        ([], {}, "no inputs"),
    ],
)
def test_what_does_not_fit_together_is_said(inputs: list[GraphInput], options: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        derive(inputs, **options)


AGE = [GraphInput("age", "float32", 1)]


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ([LABEL, PROBABILITIES], "probabilities"),
        ([GraphOutput("logits", "float32", (None, 2)), PROBABILITIES], "probabilities"),
        ([GraphOutput("label", "float32", (None, 1)), GraphOutput("p", "float64", (None, 1))], "p"),
        ([GraphOutput("y", "float32", (None, 2)), GraphOutput("z", "float32", (None, 1))], "y"),
        ([GraphOutput("y", "float32", (None, None))], "y"),
    ],
)
def test_the_score_output_is_found(outputs: list[GraphOutput], expected: str) -> None:
    assert derive(AGE, outputs=outputs).score_output == expected


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ([LABEL], "no output holds"),
        ([GraphOutput("p", "float32", (None, 3))], "no output holds"),
        ([GraphOutput("p", "float32", (None, 2)), GraphOutput("q", "float32", (None, 2))], "more than one output"),
        ([LABEL, GraphOutput("probabilities", "seq(map(int64,tensor(float)))", ())], "zipmap"),
    ],
)
def test_a_score_output_that_is_not_clear_is_an_error(outputs: list[GraphOutput], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        derive(AGE, outputs=outputs)


@pytest.mark.parametrize(("width", "advice"), [(5, "2 are missing"), (2, "data.ignore")])
def test_too_few_columns_are_to_be_written_and_too_many_to_be_ignored(width: int, advice: str) -> None:
    with pytest.raises(ModelError) as caught:
        derive([GraphInput("x", "float32", width)])
    assert advice in (caught.value.hint or "")


def test_a_regression_is_refused_as_what_it_is() -> None:
    with pytest.raises(ModelError) as caught:
        derive([GraphInput("age", "float32", 1)], outputs=(GraphOutput("variable", "float32", (None, 1)),), classes=("0", "1", "2"),
               task="multiclass-classification")  # fmt: skip
    assert "regression is not supported" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("values", "problem", "advice"),
    [
        (np.array(["a", "b"], dtype=object), "holds text such as 'a'", "dtype: string"),
        (np.array(["a", "b"], dtype=object), "holds text such as 'a'", "model.pipeline"),
        (np.array(["2026-01-01", "2026-01-02"], dtype="datetime64[us]"), "holds times", "parts of the time"),
    ],
)
def test_a_column_that_a_model_of_numbers_does_not_take_is_told_with_what_helps(values: np.ndarray, problem: str, advice: str) -> None:
    inspection = Inspection((GraphInput("x", "float64", 1),), (GraphOutput("p", "float64", (None, 2)),), {"feature_names": '["plan"]'})
    table = Table({"plan": values, "y": np.array([0.0, 1.0])}, 2)
    with pytest.raises(ModelError, match=problem) as found:
        derive_schema(inspection, task="binary-classification", table=table, target="y", time=None, feature_names=None, classes=("0", "1"))
    assert advice in found.value.hint
