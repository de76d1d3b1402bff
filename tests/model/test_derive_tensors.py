"""The schema of models that take windows and images: shapes, names, and what does not fit together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gonogo.base.table import Table
from gonogo.errors import DataError, ModelError
from gonogo.model.derive import derive_schema
from gonogo.model.encode import encode_table
from gonogo.model.rows import sample_rows
from gonogo.model.runtime import GraphOutput, Inspection
from gonogo.model.schema import DeclaredTensor, Feature, GraphInput, Schema, Tensor

OUTPUTS = (GraphOutput("probabilities", "float32", (None, 2)), GraphOutput("start", "float32", (None, 3)), GraphOutput("end", "int64", ()))
HOLES = np.arange(12, dtype=np.float32).reshape(2, 6)
HOLES[1, 4] = np.nan


def table(shape: tuple[int, ...] = (3, 2), values: Any = None) -> Table:
    columns = {
        "window": np.arange(12, dtype=np.float32).reshape(2, 6) if values is None else values,
        "age": np.array([1.0, 2.0]),
        "late": np.array([0.0, 1.0]),
        "id": np.array([5.0, 6.0]),
    }
    return Table(columns, 2, {"window": shape})


def derived(*inputs: GraphInput, **options: Any) -> Schema:
    given: dict[str, Any] = {
        "task": "binary-classification", "table": table(), "target": "late", "time": None, "feature_names": None, "classes": ("0", "1"),
        "also": ("start", "end"),
    }  # fmt: skip
    return derive_schema(Inspection(inputs, OUTPUTS, {}), **(given | options))


WINDOW = GraphInput("window", "float32", 6, (3, 2))


def test_an_input_with_a_shape_is_one_feature_and_the_tables_other_columns_are_left_alone() -> None:
    schema = derived(WINDOW)
    assert schema.inputs == (WINDOW,)
    assert schema.features == (Feature("window", "float", False, "window", 0, Tensor((3, 2))),)
    assert (schema.score_output, schema.also) == ("probabilities", ("start", "end"))


def test_what_is_declared_of_it_is_kept() -> None:
    said = DeclaredTensor((3, 2), 1, ("open", "close"), ("missing",))
    [feature] = derived(WINDOW, tensors={"window": said}).features
    assert feature.tensor == Tensor((3, 2), 1, ("open", "close"), ("missing",))


def test_beside_a_tensor_plain_inputs_take_the_columns_as_ever() -> None:
    schema = derived(WINDOW, GraphInput("x", "float32", 1), ignore=("id",))
    assert schema.feature_names == ("window", "age")
    assert set(encode_table(schema, table())) == {"window", "x"}


@pytest.mark.parametrize(
    ("item", "said", "nesting", "shape"),
    [
        (GraphInput("window", "float32", 0, (0, 2)), None, (3, 2), (3, 2)),  # one size is open: the table says it
        (GraphInput("window", "float32", 0, (0, 2)), None, (6,), (3, 2)),
        (GraphInput("window", "float32", 6), (3, 2), (3, 2), (3, 2)),  # a matrix that is declared to be a window
        (GraphInput("window", "float32", 6), (3, 2), (6,), (3, 2)),
        (GraphInput("window", "float32", 6), (), (3, 2), (3, 2)),
        (GraphInput("window", "float32", 0), (2, 3), (6,), (2, 3)),
        (GraphInput("window", "float32", 6), None, (6,), (6,)),  # a matrix whose name is that of a column of lists: nothing to declare
        (GraphInput("window", "float32", 0), None, (3, 2), (3, 2)),
    ],
)
def test_graph_project_and_table_agree_on_a_shape(item: GraphInput, said: Any, nesting: Any, shape: tuple[int, ...]) -> None:
    schema = derived(item, table=table(nesting), tensors={} if said is None else {"window": DeclaredTensor(said)})
    assert schema.features[0].tensor == Tensor(shape)
    assert schema.inputs[0].width == 6
    assert schema.inputs[0].shape == (shape if item.shape else ())


@pytest.mark.parametrize(
    ("item", "options", "said"),
    [
        (WINDOW, {"tensors": {"windw": DeclaredTensor()}}, "Did you mean 'window'"),
        (WINDOW, {"tensors": {"window": DeclaredTensor((2, 3))}}, r"has the shape \[2, 3\], but the model's input has \[3, 2\]"),
        (WINDOW, {"tensors": {"window": DeclaredTensor((), 1, ("open",))}}, "cannot have the channels open on axis 1"),
        (WINDOW, {"table": table((2, 3))}, r"holds tensors of the shape \[2, 3\], not \[3, 2\]"),
        (WINDOW, {"table": table((5,), np.zeros((2, 5), np.float32))}, r"holds tensors of the shape \[5\], not \[3, 2\]"),
        (WINDOW, {"table": table((), np.array([1.0, 2.0]))}, "holds single values, not tensors"),
        (WINDOW, {"table": Table({"late": np.array([0.0, 1.0])}, 2)}, "the training table has no such column"),
        (WINDOW, {"table": table(values=np.full((2, 6), np.inf, np.float32))}, "holds an infinity"),
        (GraphInput("window", "int64", 6, (3, 2)), {"table": table(values=np.full((2, 6), 0.5))}, "are not whole"),
        (GraphInput("window", "int64", 6, (3, 2)), {"table": table(values=HOLES)}, "1 missing value"),
        (WINDOW, {"target": "window"}, "its own target"),
        (WINDOW, {"also": ("strat",)}, "Did you mean 'start'"),
        (WINDOW, {"also": ("label",)}, "a name that answers need"),
        (GraphInput("x", "float32", 3), {}, "holds lists, not single values"),
    ],
)
def test_what_does_not_fit_together_is_refused(item: GraphInput, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        derived(item, **options)


def test_elements_that_are_missing_make_it_nullable_and_nothing_else_does() -> None:
    schema = derived(WINDOW, table=table(values=HOLES))
    assert schema.features[0].nullable
    batch = encode_table(schema, table(values=HOLES))
    np.testing.assert_array_equal(batch["window"], HOLES)
    assert sample_rows(schema, table(values=HOLES), 2)[1]["window"] == [[6.0, 7.0], [8.0, 9.0], [None, 11.0]]
    with pytest.raises(DataError, match="1 missing value"):
        encode_table(derived(WINDOW), table(values=HOLES))


def test_a_row_whose_tensor_misses_what_the_model_needs_is_no_sample() -> None:
    assert len(sample_rows(derived(WINDOW), table(values=HOLES), 2)) == 1


def test_lists_of_many_lengths_are_an_error_where_the_model_takes_them_and_nowhere_else() -> None:
    whole = table()
    ragged = Table(whole.columns, whole.rows, whole.shapes, {"boxes": DataError("the column 'boxes' has lists of different lengths.")})
    assert derived(WINDOW, table=ragged).feature_names == ("window",)
    encode_table(derived(WINDOW), ragged)
    for item in (GraphInput("boxes", "float32", 6, (3, 2)), GraphInput("boxes", "float32", 1)):
        with pytest.raises(DataError, match="'boxes' has lists of different lengths"):
            derived(item, table=ragged, feature_names=None if item.shape else ["boxes"])
    with pytest.raises(DataError, match="'window' has lists"):
        encode_table(derived(WINDOW), Table({}, 2, {}, {"window": DataError("the column 'window' has lists of different lengths.")}))
