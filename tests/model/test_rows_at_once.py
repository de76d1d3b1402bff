"""Graphs that take a fixed number of rows at once: any number of rows gets the scores that each row gets alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from gonogo.errors import ModelError
from gonogo.model import rows_at_once
from gonogo.model.runtime import inspect
from gonogo.model.runtimes.onnx import OnnxRuntime
from gonogo.model.sandbox import Sandbox
from gonogo.model.schema import Schema
from gonogo.model.source import ModelSource
from gonogo.operations.init import init

X = np.arange(10 * 6, dtype=np.float32).reshape(10, 6) / 60


def fixed(models: Any, rows: int | None, *, squeeze: bool = False) -> bytes:
    """p = sigmoid(w·x) of tensors [2, 3], exported for exactly so many rows."""
    nodes = [helper.make_node("Reshape", ["x", "flat"], ["rows"]), helper.make_node("MatMul", ["rows", "w"], ["z"])]
    nodes += [helper.make_node("Sigmoid", ["z"], ["p"])] if not squeeze else []
    nodes += [helper.make_node("Squeeze", ["z"], ["scalar"]), helper.make_node("Sigmoid", ["scalar"], ["p"])] if squeeze else []
    tensors = [
        numpy_helper.from_array(np.linspace(-1, 2, 6, dtype=np.float32).reshape(6, 1), "w"),
        numpy_helper.from_array(np.array([rows or -1, 6]), "flat"),
    ]
    shape = [] if squeeze else [rows, 1]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, 2, 3])]
    data: bytes = models.finish(nodes, inputs, [helper.make_tensor_value_info("p", TensorProto.FLOAT, shape)], tensors)
    return data


@pytest.mark.parametrize("size", [1, 3, 4, 32])
@pytest.mark.parametrize("rows", [1, 3, 10])
def test_any_number_of_rows_gets_the_scores_of_a_graph_that_takes_any(models: Any, size: int, rows: int) -> None:
    free, loaded = OnnxRuntime().load(fixed(models, None)), OnnxRuntime().load(fixed(models, size))
    assert (rows_at_once.of(loaded.metadata), rows_at_once.of(free.metadata)) == (size, 0)
    assert inspect(loaded).outputs == inspect(free).outputs
    np.testing.assert_allclose(loaded.run({"x": X[:rows]})["p"], free.run({"x": X[:rows]})["p"], rtol=0, atol=1e-7)


def test_an_output_that_has_no_entry_for_a_row_is_refused_by_name(models: Any) -> None:
    with pytest.raises(ModelError, match=r"takes exactly 1 row\(s\) at once, but its output 'p' is \[\]"):
        OnnxRuntime().load(fixed(models, 1, squeeze=True)).run({"x": X})


def test_inputs_that_want_different_numbers_of_rows_are_refused(models: Any) -> None:
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [rows, 1]) for name, rows in (("a", 1), ("b", 2))]
    data = models.finish(
        [helper.make_node("Add", ["a", "b"], ["p"])], inputs, [helper.make_tensor_value_info("p", TensorProto.FLOAT, [2, 1])]
    )
    with pytest.raises(ModelError, match="fixed first dimensions 1, 2"):
        OnnxRuntime().load(data)


def test_the_number_is_in_the_schema_and_a_schema_without_it_is_what_it_was(models: Any) -> None:
    schema = models.schema("a")
    assert "rows_at_once" not in schema.to_json()
    told = Schema(schema.task, schema.inputs, schema.features, schema.classes, "p", rows_at_once=4)
    assert (told.to_json()["rows_at_once"], Schema.from_json(told.to_json())) == (4, told)


def test_a_model_cannot_claim_it_in_its_own_metadata(models: Any) -> None:
    assert rows_at_once.described({rows_at_once.KEY: "7", "other": "1"}, 0) == {"other": "1"}
    assert [rows_at_once.of({rows_at_once.KEY: said}) for said in ("", "x", "-1", "99999")] == [0, 0, 0, 0]


def test_the_isolated_child_tells_it_and_asks_in_pieces(models: Any, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(fixed(models, 4))
    inspection, _ = Sandbox(120, 4096).inspect(ModelSource(tmp_path / "model.onnx"))
    assert rows_at_once.of(inspection.metadata) == 4


def test_whoever_begins_is_told_what_it_costs_and_how_to_export_again(models: Any, tmp_path: Path) -> None:
    for name in ("train", "test"):
        (tmp_path / f"{name}.csv").write_text("a,target\n" + "".join(f"{n},{n % 2}\n" for n in range(20)))
    (tmp_path / "model.onnx").write_bytes(fixed(models, 1))
    [note] = init(tmp_path, target="target").notes
    assert "exactly 1 row(s) at once, so that every row of a request is a call of its own" in note
    assert "torch.export.Dim" in note
    (tmp_path / "gonogo.yaml").unlink()
    (tmp_path / "model.onnx").write_bytes(fixed(models, None))
    assert init(tmp_path, target="target").notes == ()
