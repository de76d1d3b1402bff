"""One contract for all codecs: the same rows, however they are spelt, are computed to the same scores or refused for the same reasons.

Every codec runs in front of a real batcher and a real graph. A spelling returns None for rows that it has no way to say.
"""

import asyncio
import io
import json
import math
import struct

import numpy as np
import onnx
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from gonogo.model.runtimes.onnx import OnnxRuntime
from gonogo.model.schema import Feature, GraphInput, Schema, Tensor
from gonogo.service.answering.batching import Batcher
from gonogo.service.answering.endpoints import endpoints
from gonogo.service.answering.loading import Served
from gonogo.service.door.exchange import Exchange

NUMBERS = Schema(
    "binary-classification",
    (GraphInput("x", "float32", 3),),
    (Feature("a", "float", False, "x", 0), Feature("b", "float", False, "x", 1), Feature("c", "float", True, "x", 2)),
    ("no", "yes"),
    "p",
)
MIXED = Schema(
    "binary-classification",
    (GraphInput("x", "float32", 2), GraphInput("k", "int64", 1), GraphInput("s", "string", 1)),
    (
        Feature("amount", "float", True, "x", 0),
        Feature("flag", "bool", False, "x", 1),
        Feature("count", "int", False, "k", 0),
        Feature("city", "string", False, "s", 0),
    ),
    ("no", "yes"),
    "p",
)
FLAGS = Schema(
    "binary-classification",
    (GraphInput("x", "float32", 2),),
    (Feature("flag", "bool", False, "x", 1), Feature("a", "float", False, "x", 0)),
    ("no", "yes"),
    "p",
)
WINDOWS = Schema(
    "binary-classification",
    (GraphInput("x", "float32", 6, (3, 2)),),
    (Feature("x", "float", True, "x", 0, Tensor((3, 2))),),
    ("no", "yes"),
    "p",
)
BESIDE = Schema(
    "binary-classification",
    (GraphInput("x", "float32", 6, (3, 2)), GraphInput("k", "int64", 1)),
    (Feature("x", "float", False, "x", 0, Tensor((3, 2))), Feature("count", "int", False, "k", 0)),
    ("no", "yes"),
    "p",
)
MOST = 20


def row_shape(graph_input):
    return graph_input.shape or (graph_input.width,)


def graph(schema):
    """p = sigmoid(sum of x, with NaN as 0): every value of x matters."""
    kinds = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "string": TensorProto.STRING}
    nodes = [
        helper.make_node("IsNaN", ["x"], ["absent"]),
        helper.make_node("Where", ["absent", "zero", "x"], ["present"]),
        helper.make_node("ReduceSum", ["present", "axis"], ["sums"]),
        helper.make_node("Reshape", ["sums", "column"], ["sum"]),
        helper.make_node("Sigmoid", ["sum"], ["p"]),
    ]
    weights = [
        numpy_helper.from_array(np.float32(0), "zero"),
        numpy_helper.from_array(np.arange(1, 1 + len(row_shape(schema.inputs[0]))), "axis"),
    ]
    weights.append(numpy_helper.from_array(np.array([-1, 1]), "column"))
    inputs = [helper.make_tensor_value_info(one.name, kinds[one.dtype], [None, *row_shape(one)]) for one in schema.inputs]
    outputs = [helper.make_tensor_value_info("p", TensorProto.FLOAT, [None, 1])]
    model = helper.make_model(
        helper.make_graph(nodes, "g", inputs, outputs, weights), opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    )
    onnx.checker.check_model(model)
    return OnnxRuntime().load(model.SerializeToString())


class Service:
    """The data plane behind the doors."""

    def __init__(self, schema):
        self.schema = schema
        self.faults = []
        self.batches = []
        served = Served("small@1.0.0", "sha256:0", schema, graph(schema), {}, {})
        self._codecs = endpoints(served, MOST)
        self._served = served

    def ask(self, *requests):
        """Answers of requests (target, headers, body) that arrive in one turn: (status, content type, body, reply headers)."""
        return asyncio.run(self._ask(requests))

    async def _ask(self, requests):
        batcher = Batcher(self._served, seen=self.batches.append, on_fault=self.faults.append)
        asks = [Asker(self._codecs[target], target, headers, body) for target, headers, body in requests]
        for ask in asks:
            batcher.add(ask)
        async with asyncio.timeout(60):
            while not all(ask.answers for ask in asks):
                await asyncio.sleep(0)
        assert all(len(ask.answers) == 1 for ask in asks)
        return [(*ask.answers[0], ask.exchange.reply_headers) for ask in asks]


class Asker:
    """A request that keeps its answer."""

    def __init__(self, codec, target, headers, body):
        self.codec = codec
        self.exchange = Exchange(b"POST", target, headers, body)
        self.prediction_id = "id-1"
        self.answers = []

    def deliver(self, status, content_type, body, bad):
        self.answers.append((status, content_type, body))


@pytest.fixture(scope="module")
def numbers():
    return Service(NUMBERS)


@pytest.fixture(scope="module")
def mixed():
    return Service(MIXED)


# ---- how rows are spelt: (target, headers, body), or None


def as_rows(schema, rows):
    return b"/predict", {}, json.dumps({"features": rows}).encode()


def as_one_row(schema, rows):
    return (b"/predict", {b"content-type": b"application/json"}, json.dumps({"features": rows[0]}).encode()) if len(rows) == 1 else None


def as_columns(schema, rows):
    columns = columns_of(rows)
    return columns and (b"/predict", {}, json.dumps({"columns": columns}).encode())


def as_tensors(schema, rows):
    """Open Inference Protocol, a tensor for each feature."""
    columns = columns_of(rows)
    if not columns:
        return None
    inputs = [{"name": name, "shape": [len(rows)], "datatype": datatype(values), "data": values} for name, values in columns.items()]
    return None if any(one["datatype"] is None for one in inputs) else inference({"inputs": inputs})


def as_nested_tensors(schema, rows):
    spelt = as_tensors(schema, rows)
    if spelt is None:
        return None
    document = json.loads(spelt[2])
    for one in document["inputs"]:
        one.update(shape=[len(rows), 1], data=[[value] for value in one["data"]])
    return inference({"id": "7", **document})


def as_matrices(schema, rows):
    """Open Inference Protocol, a tensor for each input of the graph."""
    given = matrices_of(schema, rows)
    return given and inference({"inputs": [{"name": n, "shape": s, "datatype": d, "data": v} for n, s, d, v in given]})


def as_binary_matrices(schema, rows):
    given = matrices_of(schema, rows)
    if not given or any(value is None for _, _, _, values in given for value in values):
        return None
    if any(kind == "INT64" and not -(2**63) <= value < 2**63 for _, _, kind, values in given for value in values):
        return None  # binary data has no room for it
    inputs, tail = [], b""
    for name, shape, kind, values in given:
        if kind == "BYTES":
            data = b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in values)
        else:
            data = np.array(values, dtype={"FP64": "<f8", "INT64": "<i8"}[kind]).tobytes()
        inputs.append({"name": name, "shape": shape, "datatype": kind, "parameters": {"binary_data_size": len(data)}})
        tail += data
    head = json.dumps({"inputs": inputs}).encode()
    return TARGET, {b"inference-header-content-length": b"%d" % len(head)}, head + tail


def as_numpy_records(schema, rows):
    columns = columns_of(rows)
    kinds = columns and {name: datatype(values) for name, values in columns.items()}
    if not columns or any(None in values or kinds[name] is None for name, values in columns.items()):
        return None
    types = {"FP64": "f8", "INT64": "i8", "BOOL": "?", "BYTES": "U9"}
    array = np.zeros(len(rows), dtype=[(name, types[kinds[name]]) for name in columns])
    for name, values in columns.items():
        array[name] = values
    return numpy_file(array)


def as_numpy_matrix(schema, rows):
    """In a matrix of numbers a boolean is 0 or 1."""
    if any(row.keys() != set(schema.feature_names) for row in rows):
        return None
    cells = [[row[name] for name in schema.feature_names] for row in rows]
    fits = [(bool,) if feature.type == "bool" else (int, float) if feature.type == "float" else () for feature in schema.features]
    if any(type(value) not in types for line in cells for value, types in zip(line, fits, strict=True)):
        return None
    return numpy_file(np.array(cells, dtype=np.float64))


def as_fortran_matrix(schema, rows):
    spelt = as_numpy_matrix(schema, rows)
    return spelt and numpy_file(np.asfortranarray(np.load(io.BytesIO(spelt[2]))))


def as_arrow(schema, rows):
    columns = columns_of(rows)
    kinds = {"FP64": pyarrow.float64(), "INT64": pyarrow.int64(), "BOOL": pyarrow.bool_(), "BYTES": pyarrow.string()}
    if not columns or any(datatype(values) is None for values in columns.values()):
        return None
    batch = pyarrow.record_batch({name: pyarrow.array(values, kinds[datatype(values)]) for name, values in columns.items()})
    file = io.BytesIO()
    with pyarrow.ipc.new_stream(file, batch.schema) as writer:
        writer.write_batch(batch)
    return b"/predict", {b"content-type": b"application/vnd.apache.arrow.stream; x=1"}, file.getvalue()


TARGET = b"/v2/models/small/versions/1.0.0/infer"
SPELLINGS = [
    as_rows, as_one_row, as_columns, as_tensors, as_nested_tensors, as_matrices, as_binary_matrices, as_numpy_records, as_numpy_matrix,
    as_fortran_matrix, as_arrow,
]  # fmt: skip


def inference(document):
    return TARGET, {}, json.dumps(document).encode()


def numpy_file(array):
    file = io.BytesIO()
    np.save(file, array)
    return b"/predict", {b"content-type": b"application/x-npy"}, file.getvalue()


def columns_of(rows):
    """Values by feature, when all rows have the same features."""
    if not rows or any(not isinstance(row, dict) or row.keys() != rows[0].keys() for row in rows):
        return None
    return {name: [row[name] for row in rows] for name in rows[0]}


def datatype(values):
    types = {type(value) for value in values} - {type(None)}
    if types <= {int, float} and any(type(value) is int and abs(value) > 2**53 for value in values):
        return "INT64" if types == {int} and all(abs(value) < 2**63 for value in values if value is not None) else None
    named = {frozenset({float}): "FP64", frozenset({int}): "INT64", frozenset({bool}): "BOOL", frozenset({str}): "BYTES"}
    return "FP64" if types in ({int, float}, set()) else named.get(frozenset(types))


def matrices_of(schema, rows):
    """What the graph takes, as (name, shape, datatype, values); None for rows that only their features' names can say."""
    if not rows or any(row.keys() != set(schema.feature_names) for row in rows):
        return None
    found = []
    for one in schema.inputs:
        own = sorted((feature for feature in schema.features if feature.input == one.name), key=lambda feature: feature.column)
        values = [row[feature.name] for row in rows for feature in own]
        kind = {"float32": "FP64", "int64": "INT64", "string": "BYTES"}[one.dtype]
        allowed = {"FP64": (int, float, bool, type(None)), "INT64": (int, type(None)), "BYTES": (str, type(None))}[kind]
        flags = [type(row[feature.name]) is bool for row in rows for feature in own]
        if flags != [feature.type == "bool" for _ in rows for feature in own] or not all(type(value) in allowed for value in values):
            return None
        found.append((one.name, [len(rows), one.width], kind, [int(value) if type(value) is bool else value for value in values]))
    return found


# ---- what comes of it


def outcome(service, spelt):
    """Scores, or (status, problems)."""
    status, content_type, body, _ = service.ask(spelt)[0]
    assert service.faults == []
    if status != 200:
        document = json.loads(body)
        assert document["status"] == status
        assert document["detail"]
        assert ("error" in document) == (spelt[0] == TARGET)
        return status, {(error["row"], error["feature"], error["problem"]) for error in document.get("errors", ())}
    if content_type == b"application/x-npy":
        return np.load(io.BytesIO(body), allow_pickle=False).tolist()
    if content_type == b"application/vnd.apache.arrow.stream":
        return [[row["scores.no"], row["scores.yes"]] for row in pyarrow.ipc.open_stream(body).read_all().to_pylist()]
    document = json.loads(body)
    if "outputs" in document:
        output = document["outputs"][1]
        assert (output["name"], output["datatype"]) == ("scores", "FP64")
        return np.array(output["data"]).reshape(output["shape"]).tolist()
    return [[row["scores"]["no"], row["scores"]["yes"]] for row in document["predictions"]]


def ask_in_every_way(service, rows, spellings=None):
    """The one outcome, and in how many spellings it came."""
    spelt = [spelling(service.schema, rows) for spelling in spellings or SPELLINGS]
    outcomes = [outcome(service, one) for one in spelt if one is not None]
    assert outcomes
    first = outcomes[0]
    for other, one in zip(outcomes, [one for one in spelt if one is not None], strict=True):
        if isinstance(first, tuple):
            assert other == first, one
        else:
            np.testing.assert_allclose(other, first, rtol=0, atol=1e-6)
    return first, len(outcomes)


GOOD_NUMBERS = [{"a": 0.25, "b": -1.5, "c": 2.0}, {"a": 1e-30, "b": 3, "c": -0.0}]
GOOD_MIXED = [{"amount": 0.5, "flag": True, "count": 3, "city": "Zürich"}, {"amount": -2, "flag": False, "count": -(2**62), "city": ""}]


def test_the_same_numbers_get_the_same_scores_in_every_spelling(numbers):
    scores, ways = ask_in_every_way(numbers, GOOD_NUMBERS)
    assert ways == len(SPELLINGS) - 1
    assert scores[0][1] == pytest.approx(1 / (1 + math.exp(-0.75)), abs=1e-6)
    assert ask_in_every_way(numbers, GOOD_NUMBERS[:1])[1] == len(SPELLINGS)


def test_the_same_mixed_values_get_the_same_scores_in_every_spelling_that_has_them(mixed):
    scores, ways = ask_in_every_way(mixed, GOOD_MIXED)
    assert ways == len(SPELLINGS) - 3  # not one row, and no single matrix holds text
    assert scores[0][1] == pytest.approx(1 / (1 + math.exp(-1.5)), abs=1e-6)


def test_a_boolean_is_0_or_1_where_all_columns_are_numbers():
    flags = Service(FLAGS)
    _, ways = ask_in_every_way(flags, [{"flag": True, "a": 0.5}, {"flag": False, "a": -0.5}])
    assert ways == len(SPELLINGS) - 1
    assert outcome(flags, numpy_file(np.array([[2.0, 0.5]]))) == (422, {(0, "flag", "type")})


def test_a_missing_value_may_be_null_where_the_schema_says_so(numbers, mixed):
    assert ask_in_every_way(numbers, [{"a": 1.0, "b": 0.5, "c": None}, {"a": 1.0, "b": 0.5, "c": 0.0}])[1] >= 6
    assert ask_in_every_way(mixed, [{**GOOD_MIXED[0], "amount": None}])[1] >= 6


BAD = {
    "text for a number": ({"b": "1"}, {(1, "b", "type")}),
    "a boolean for a number": ({"b": True}, {(1, "b", "type")}),
    "null where none may be": ({"b": None}, {(1, "b", "null")}),
    "too large": ({"a": 1e39, "b": -1e39}, {(1, "a", "range"), (1, "b", "range")}),
    "just too large": ({"a": 3.4028235677973366e38}, {(1, "a", "range")}),
}


@pytest.mark.parametrize("name", BAD)
def test_a_value_that_cannot_be_used_is_named_in_every_spelling(numbers, name):
    changed, problems = BAD[name]
    assert ask_in_every_way(numbers, [GOOD_NUMBERS[0], {**GOOD_NUMBERS[1], **changed}])[0] == (422, problems)
    # A whole column of them, for those spellings that have one type a column.
    (status, found), ways = ask_in_every_way(numbers, [{**GOOD_NUMBERS[0], **changed}])
    assert (status, {problem[1:] for problem in found}) == (422, {problem[1:] for problem in problems})
    assert ways >= 5


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"count": 1.5}, (0, "count", "type")),
        ({"count": "3"}, (0, "count", "type")),
        ({"count": None}, (0, "count", "null")),
        ({"flag": 2}, (0, "flag", "type")),
        ({"flag": "true"}, (0, "flag", "type")),
        ({"city": 7}, (0, "city", "type")),
        ({"city": True}, (0, "city", "type")),
        ({"city": None}, (0, "city", "null")),
        ({"amount": "0.5"}, (0, "amount", "type")),
    ],
)
def test_a_value_of_another_type_is_named_in_every_spelling(mixed, changed, problem):
    found, ways = ask_in_every_way(mixed, [{**GOOD_MIXED[0], **changed}])
    assert found == (422, {problem})
    assert ways >= 5


def test_missing_and_unknown_features_are_named_all_together_in_every_spelling(mixed):
    found, ways = ask_in_every_way(mixed, [{"amount": "x", "count": 1, "town": "Bern"}])
    assert ways >= 5
    assert found == (422, {(0, "amount", "type"), (0, "flag", "missing"), (0, "city", "missing"), (0, "town", "unknown")})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_are_refused_in_every_spelling_that_has_them_also_where_null_may_stand(numbers, value):
    rows = [{"a": 1.0, "b": 1.0, "c": value}, {"a": value, "b": 1.0, "c": 1.0}]
    for spelling in (as_binary_matrices, as_numpy_records, as_numpy_matrix, as_fortran_matrix, as_arrow):
        assert outcome(numbers, spelling(NUMBERS, rows)) == (422, {(0, "c", "not finite"), (1, "a", "not finite")})
    for spelling in (as_rows, as_columns, as_tensors, as_matrices):  # json.dumps writes NaN and Infinity, which are no JSON
        assert outcome(numbers, spelling(NUMBERS, rows))[0] == 400


def test_a_number_beyond_all_floats_is_not_finite(numbers):
    for spelling in (as_rows, as_columns, as_tensors, as_matrices):
        target, headers, body = spelling(NUMBERS, [{"a": 123.456, "b": 0.0, "c": 0.0}])
        assert outcome(numbers, (target, headers, body.replace(b"123.456", b"1e400"))) == (422, {(0, "a", "not finite")})


def test_more_rows_than_may_be_are_refused_in_every_spelling(numbers):
    found, ways = ask_in_every_way(numbers, GOOD_NUMBERS[:1] * (MOST + 1))
    assert (found, ways) == ((413, set()), len(SPELLINGS) - 1)
    assert len(ask_in_every_way(numbers, GOOD_NUMBERS[:1] * MOST)[0]) == MOST


# ---- tensors


def as_tensor(schema, rows, *, nested=False):
    """Open Inference Protocol: the window as one tensor, beside one for each other feature."""
    columns = columns_of(rows)
    inputs = []
    for name, values in (columns or {}).items():
        shape, flat = flattened(values)
        if shape is None or datatype(flat) is None:
            return None
        inputs.append({"name": name, "shape": shape, "datatype": datatype(flat), "data": values if nested else flat})
    return inference({"inputs": inputs}) if inputs else None


def as_nested_tensor(schema, rows):
    return as_tensor(schema, rows, nested=True)


def as_binary_tensor(schema, rows):
    spelt = as_tensor(schema, rows)
    if spelt is None:
        return None
    inputs, tail = json.loads(spelt[2])["inputs"], b""
    for one in inputs:
        values, kind = one.pop("data"), {"FP64": "<f8", "INT64": "<i8", "BOOL": "?"}.get(one["datatype"])
        if kind is None or None in values:
            return None
        data = np.array(values, dtype=kind).tobytes()
        one["parameters"] = {"binary_data_size": len(data)}
        tail += data
    head = json.dumps({"inputs": inputs}).encode()
    return TARGET, {b"inference-header-content-length": b"%d" % len(head)}, head + tail


def as_numpy_tensor(schema, rows, *, order="C"):
    shape, flat = flattened([row.get("x") for row in rows])
    if shape is None or len(shape) > 3 or set(rows[0]) != {"x"} or any(type(value) not in (int, float) for value in flat):
        return None
    return numpy_file(np.array(flat, dtype=np.float64).reshape(shape).copy(order))


def as_fortran_tensor(schema, rows):
    return as_numpy_tensor(schema, rows, order="F")


def as_numpy_record(schema, rows):
    shape, flat = flattened([row.get("x") for row in rows])
    known = rows[0].keys() == {"x", "count"} and all(type(row["count"]) is int and abs(row["count"]) < 2**63 for row in rows)
    if shape is None or len(shape) > 3 or not known or any(type(value) not in (int, float) for value in flat):
        return None
    array = np.zeros(len(rows), dtype=[("x", "f8", tuple(shape[1:])), ("count", "i8")])
    array["x"] = np.array(flat, dtype=np.float64).reshape(shape)
    array["count"] = [row["count"] for row in rows]
    return numpy_file(array)


def as_arrow_lists(schema, rows):
    columns = columns_of(rows)
    arrays = {}
    for name, values in (columns or {}).items():
        shape, flat = flattened(values)
        if shape is None or datatype(flat) is None:
            return None
        kind = {"FP64": pyarrow.float64(), "INT64": pyarrow.int64(), "BOOL": pyarrow.bool_(), "BYTES": pyarrow.string()}[datatype(flat)]
        for size in reversed(shape[1:]):
            kind = pyarrow.list_(kind, size) if size == 2 else pyarrow.list_(kind)
        arrays[name] = pyarrow.array(values, kind)
    batch = pyarrow.record_batch(arrays)
    file = io.BytesIO()
    with pyarrow.ipc.new_stream(file, batch.schema) as writer:
        writer.write_batch(batch)
    return b"/predict", {b"content-type": b"application/vnd.apache.arrow.stream"}, file.getvalue()


def flattened(values):
    """Shape and elements of nested lists; (None, []) of what is ragged or empty."""
    shape, flat = [len(values)], values
    while flat and isinstance(flat[0], list):
        if any(not isinstance(one, list) or len(one) != len(flat[0]) for one in flat):
            return None, []
        shape.append(len(flat[0]))
        flat = [part for one in flat for part in one]
    return (shape, flat) if flat and not any(isinstance(one, list) for one in flat) else (None, [])


TENSOR_SPELLINGS = [
    as_rows, as_one_row, as_columns, as_tensor, as_nested_tensor, as_binary_tensor, as_numpy_tensor, as_fortran_tensor, as_numpy_record,
    as_arrow_lists,
]  # fmt: skip
GOOD_WINDOWS = [{"x": [[0.5, -1.5], [2, 0.25], [1e-30, -0.0]]}, {"x": [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]}]
GOOD_BESIDE = [{**row, "count": number} for number, row in enumerate(GOOD_WINDOWS)]


@pytest.fixture(scope="module")
def windows():
    return Service(WINDOWS)


@pytest.fixture(scope="module")
def beside():
    return Service(BESIDE)


def changed(row, place, value):
    """A row with another element in its window."""
    window = [list(part) for part in row["x"]]
    window[place[0]][place[1]] = value
    return {**row, "x": window}


def test_the_same_windows_get_the_same_scores_in_every_spelling(windows, beside):
    scores, ways = ask_in_every_way(windows, GOOD_WINDOWS, TENSOR_SPELLINGS)
    assert ways == len(TENSOR_SPELLINGS) - 2  # not one row, and there is no other feature
    assert [score[1] for score in scores] == pytest.approx([1 / (1 + math.exp(-1.25)), 1 / (1 + math.exp(-2.1))], abs=1e-6)
    assert ask_in_every_way(windows, GOOD_WINDOWS[:1], TENSOR_SPELLINGS)[1] == len(TENSOR_SPELLINGS) - 1
    scores, ways = ask_in_every_way(beside, GOOD_BESIDE, TENSOR_SPELLINGS)
    assert ways == len(TENSOR_SPELLINGS) - 3  # an array without names has no place for another feature


def test_elements_may_be_null_where_the_schema_says_so_and_the_whole_window_never(windows, beside):
    scores, ways = ask_in_every_way(windows, [changed(GOOD_WINDOWS[0], (1, 1), None)], TENSOR_SPELLINGS)
    assert ways >= 5
    assert scores[0][1] == pytest.approx(1 / (1 + math.exp(-1.0)), abs=1e-6)
    assert ask_in_every_way(beside, [changed(GOOD_BESIDE[0], (1, 1), None)], TENSOR_SPELLINGS)[0] == (422, {(0, "x", "null")})
    assert outcome(windows, as_rows(WINDOWS, [{"x": None}])) == (422, {(0, "x", "null")})


BAD_WINDOWS = {
    "a row too few": ([[1.0, 2.0]] * 2, "shape"),
    "a row too many": ([[1.0, 2.0]] * 4, "shape"),
    "a channel too few": ([[1.0]] * 3, "shape"),
    "the other way round": ([[1.0, 2.0, 3.0]] * 2, "shape"),
    "flat": ([1.0] * 6, "shape"),
    "flat and of its length": ([1.0] * 3, "type"),
    "one number": (1.0, "type"),
    "too deep": ([[[1.0], [2.0]]] * 3, "type"),
    "text inside": ([["a", "b"]] * 3, "type"),
    "booleans inside": ([[True, False]] * 3, "type"),
    "too large": ([[1.0, 1e39]] * 3, "range"),
}


@pytest.mark.parametrize("name", BAD_WINDOWS)
def test_a_window_that_is_none_is_named_in_every_spelling(windows, name):
    value, problem = BAD_WINDOWS[name]
    found, ways = ask_in_every_way(windows, [{"x": value}], TENSOR_SPELLINGS)
    assert found == (422, {(0, "x", problem)})
    assert ways >= 4


def test_ragged_windows_are_refused_where_they_can_be_said(windows):
    for spelling in (as_rows, as_columns):
        assert outcome(windows, spelling(WINDOWS, [{"x": [[1.0, 2.0], [3.0], [4.0, 5.0]]}])) == (422, {(0, "x", "shape")})
    nested = json.dumps({"inputs": [{"name": "x", "shape": [1, 3, 2], "datatype": "FP64", "data": [[[1.0, 2.0], [3.0], [4.0, 5.0, 6.0]]]}]})
    assert outcome(windows, (TARGET, {}, nested.encode()))[0] == 400


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_inside_are_refused_also_where_null_may_stand(windows, value):
    rows = [changed(GOOD_WINDOWS[0], (2, 0), value)]
    for spelling in (as_binary_tensor, as_numpy_tensor, as_fortran_tensor, as_arrow_lists):
        assert outcome(windows, spelling(WINDOWS, rows)) == (422, {(0, "x", "not finite")})
    for spelling in (as_rows, as_columns, as_tensor):
        assert outcome(windows, spelling(WINDOWS, rows))[0] == 400


def test_more_windows_than_may_be_are_refused_in_every_spelling(windows):
    found, ways = ask_in_every_way(windows, GOOD_WINDOWS[:1] * (MOST + 1), TENSOR_SPELLINGS)
    assert (found, ways) == ((413, set()), len(TENSOR_SPELLINGS) - 2)


@pytest.mark.parametrize("shape", [[1, 0, 2], [0, 3, 2], [2**31 - 1, 0, 2]])
def test_a_tensor_with_nothing_in_it_is_refused_whatever_it_says(windows, shape):
    body = {"inputs": [{"name": "x", "shape": shape, "datatype": "FP32", "data": []}]}
    assert outcome(windows, inference(body))[0] == 400


VALUE = st.one_of(
    st.floats(-1e38, 1e38), st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**70), 2**70), st.integers(-9, 9),
    st.none(), st.booleans(), st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3),
    st.sampled_from([2**63, 2**53 + 1, 2**24 + 1, 3.4028235e38, 3.4028236e38, 5e-324, "1", ""]),
)  # fmt: skip


@settings(max_examples=100)
@given(st.lists(st.fixed_dictionaries({"a": VALUE, "b": st.just(1.0), "c": VALUE}), min_size=1, max_size=3))
def test_law_numbers_are_judged_alike_in_every_spelling(numbers, rows):
    assert ask_in_every_way(numbers, rows)[1] > 1


@settings(max_examples=150)
@given(
    st.fixed_dictionaries(
        {"amount": VALUE, "flag": st.one_of(st.booleans(), VALUE), "count": VALUE, "city": st.one_of(st.just("Bern"), VALUE)},
        optional={"extra": VALUE},
    )
)
def test_law_mixed_values_are_judged_alike_in_every_spelling(mixed, row):
    assert ask_in_every_way(mixed, [row])[1] > 1


def test_requests_of_all_spellings_are_computed_in_one_batch_and_each_gets_its_own_rows(numbers):
    rows = [{"a": n / 7, "b": 0.0, "c": 0.0} for n in range(len(SPELLINGS))]
    expected = [1 / (1 + math.exp(-row["a"])) for row in rows]
    numbers.batches.clear()
    answers = numbers.ask(*(spelling(NUMBERS, [row]) for spelling, row in zip(SPELLINGS, rows, strict=True)))
    assert [batch.rows for batch in numbers.batches] == [[1] * len(SPELLINGS)]
    np.testing.assert_allclose(numbers.batches[0].scores[:, 1], expected, atol=1e-6)
    assert [status for status, *_ in answers] == [200] * len(SPELLINGS)
    assert json.loads(answers[0][2])["predictions"][0]["score"] == pytest.approx(expected[0], abs=1e-6)


ELEMENT = st.one_of(VALUE, st.floats(-9, 9), st.floats(-9, 9), st.floats(-9, 9))


@settings(max_examples=150)
@given(st.lists(st.lists(st.lists(ELEMENT, min_size=2, max_size=2), min_size=3, max_size=3), min_size=1, max_size=3))
def test_law_windows_are_judged_alike_in_every_spelling(windows, given_windows):
    assert ask_in_every_way(windows, [{"x": window} for window in given_windows], TENSOR_SPELLINGS)[1] > 1


def test_a_request_that_is_refused_harms_no_other_of_its_turn(numbers):
    good = [spelling(NUMBERS, GOOD_NUMBERS[:1]) for spelling in SPELLINGS]
    bad = [spelling(NUMBERS, [{"a": 1e39, "b": 0.0, "c": 0.0}]) for spelling in SPELLINGS]
    statuses = [status for status, *_ in numbers.ask(*(one for pair in zip(good, bad, strict=True) for one in pair))]
    assert statuses == [200, 422] * len(SPELLINGS)


# ---- what is no request


def depth(body):
    return body % (b"[" * 100_000 + b"]" * 100_000)


HOSTILE = {
    "nothing": (b"/predict", b"", 400),
    "no JSON": (b"/predict", b"{", 400),
    "no UTF-8": (b"/predict", b'{"features": {"a": 1, "b": 1, "c": 1, "\xff": 1}}', 400),
    "UTF-16": (b"/predict", '{"features": {"a": 1, "b": 1, "c": 1}}'.encode("utf-16"), 400),
    "half a surrogate pair": (b"/predict", b'{"features": {"a": 1, "b": 1, "c": 1, "\\ud800": 1}}', 400),
    "something behind": (b"/predict", b'{"features": {"a": 1, "b": 1, "c": 1}} x', 400),
    "deep": (b"/predict", depth(b'{"features": {"a": 1, "b": 1, "c": %b}}'), 400),
    "a feature twice": (b"/predict", b'{"features": {"a": 1, "b": 1, "c": 1, "a": 2}}', 400),
    "a feature twice, in disguise": (b"/predict", b'{"features": {"a": 1, "b": 1, "c": 1, "\\u0061": 2}}', 400),
    "a feature twice in one of two rows": (b"/predict", b'{"features": [{"a": 1, "b": 1, "c": 1}, {"a": 1, "b": 1, "c": 1, "c": 1}]}', 400),
    "a column twice": (b"/predict", b'{"columns": {"a": [1], "b": [1], "c": [1], "a": [2]}}', 400),
    "the rows twice": (b"/predict", b'{"features": {"a": 1, "b": 1, "c": 1}, "features": {"a": 1, "b": 1, "c": 1}}', 400),
    "rows and columns": (b"/predict", b'{"features": {"a": 1, "b": 1, "c": 1}, "columns": {}}', 422),
    "ragged columns": (b"/predict", b'{"columns": {"a": [1], "b": [1, 2], "c": [1]}}', 422),
    "columns that are no lists": (b"/predict", b'{"columns": {"a": 1, "b": [1], "c": [1]}}', 422),
    "no rows": (b"/predict", b'{"features": []}', 422),
    "no columns": (b"/predict", b'{"columns": {}}', 422),
    "empty columns": (b"/predict", b'{"columns": {"a": [], "b": [], "c": []}}', 422),
    "a row that is none": (b"/predict", b'{"features": [1, null]}', 422),
    "null": (b"/predict", b"null", 422),
    "tensors: no JSON": (TARGET, b"[", 400),
    "tensors: deep": (TARGET, depth(b'{"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": %b}]}'), 400),
    "tensors: none": (TARGET, b'{"inputs": []}', 400),
    "tensors: another member": (TARGET, b'{"inputs": [{}], "inptus": 1}', 400),
    "tensors: a member twice": (
        TARGET, b'{"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3], "data": [1, 2, 4]}]}', 400,
    ),
    "tensors: too few values": (TARGET, b'{"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2]}]}', 400),
    "tensors: a huge shape": (TARGET, b'{"inputs": [{"name": "x", "shape": [2000000000, 3], "datatype": "FP32", "data": []}]}', 413),
    "tensors: more dimensions than can be said": (
        TARGET, json.dumps({"inputs": [{"name": "x", "shape": [2**31 - 1] * 500, "datatype": "FP32", "data": []}]}).encode(), 400,
    ),
    "tensors: no shape": (TARGET, b'{"inputs": [{"name": "x", "shape": [-1, 3], "datatype": "FP32", "data": [1, 2, 3]}]}', 400),
    "tensors: another width": (TARGET, b'{"inputs": [{"name": "x", "shape": [3, 1], "datatype": "FP32", "data": [1, 2, 3]}]}', 400),
    "tensors: ragged": (TARGET, b'{"inputs": [{"name": "x", "shape": [2, 3], "datatype": "FP32", "data": [[1, 2], [3, 4, 5, 6]]}]}', 400),
    "tensors: no datatype": (TARGET, b'{"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP3", "data": [1, 2]}]}', 400),
    "tensors: no INT8": (TARGET, b'{"inputs": [{"name": "x", "shape": [1, 3], "datatype": "INT8", "data": [1, 2, 999]}]}', 422),
    "tensors: no such output": (
        TARGET, b'{"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}], "outputs": [{"name": "y"}]}', 400,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_request_is_refused_with_its_status(numbers, name):
    target, body, status = HOSTILE[name]
    assert outcome(numbers, (target, {}, body))[0] == status


def test_hundreds_of_thousands_of_keys_are_refused_and_not_all_repeated(numbers):
    body = b'{"features": {' + b",".join(b'"%d":1' % n for n in range(300_000)) + b"}}"
    status, _, answer, _ = numbers.ask((b"/predict", {}, body))[0]
    assert status == 422
    assert "300003 value(s)" in json.loads(answer)["detail"]
    assert len(answer) < 200_000


def numpy_of_shape(shape, values):
    """A NumPy file whose header says any shape."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(8 * values)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f8'}", 400),
        (numpy_file(np.zeros((2, 3)))[2][:-1], 400),
        (numpy_file(np.zeros((2, 3)))[2] + b"\0", 400),
        (numpy_file(np.zeros((2, 4)))[2], 422),
        (numpy_file(np.zeros(3))[2], 422),
        (numpy_file(np.zeros((0, 3)))[2], 400),
        (numpy_file(np.zeros((2, 3)))[2].replace(b"(2, 3)", b"(9, 9)"), 400),
        (numpy_file(np.zeros((2, 3)))[2].replace(b"(2, 3), ", b"(10**9,3)"), 400),
        (numpy_of_shape("(-2, -3)", 6), 400),
        (numpy_of_shape("(True, 3)", 3), 400),
        (numpy_of_shape(str((1,) * 70 + (3,)), 3), 400),
        (numpy_file(np.array([[{"a": 1}]], dtype=object))[2], 415),
        (numpy_file(np.zeros((2, 3), dtype=complex))[2], 415),
        (numpy_file(np.zeros((2, 3), dtype="M8[s]"))[2], 415),
    ],
)
def test_a_numpy_file_that_is_none_is_refused_and_never_unpickled(numbers, body, status):
    assert outcome(numbers, (b"/predict", {b"content-type": b"application/x-npy"}, body))[0] == status


@pytest.mark.parametrize("length", [b"x", b"-1", b"99999", b"9" * 40, b"1e3", b""])
def test_a_length_of_the_json_that_is_none_is_refused(numbers, length):
    target, _, body = as_matrices(NUMBERS, GOOD_NUMBERS)
    assert outcome(numbers, (target, {b"inference-header-content-length": length}, body))[0] == 400


def binary(tensor, data, **members):
    head = json.dumps({"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", **tensor}], **members}).encode()
    return TARGET, {b"inference-header-content-length": b"%d" % len(head)}, head + data


@pytest.mark.parametrize(
    ("tensor", "data"),
    [
        ({"parameters": {"binary_data_size": 12}}, b"\0" * 11),
        ({"parameters": {"binary_data_size": 12}}, b"\0" * 13),
        ({"parameters": {"binary_data_size": 10**12}}, b"\0" * 12),
        ({"parameters": {"binary_data_size": -12}}, b"\0" * 12),
        ({"parameters": {"binary_data_size": 12}, "data": [1, 2, 3]}, b"\0" * 12),
        ({"parameters": {"binary_data_size": 3}, "datatype": "BOOL"}, b"\0\1\2"),
        ({"parameters": {"binary_data_size": 8}, "datatype": "BYTES"}, b"\xff\xff\xff\xff1234"),
    ],
)
def test_binary_data_that_does_not_fit_is_refused(numbers, tensor, data):
    assert outcome(numbers, binary(tensor, data))[0] == 400


def test_half_precision_is_read_from_binary_data(numbers):
    halves = np.array([0.5, 1.5, -0.25], dtype="<f2").tobytes()
    scores = outcome(numbers, binary({"datatype": "FP16", "parameters": {"binary_data_size": 6}}, halves))
    assert scores[0][1] == pytest.approx(1 / (1 + math.exp(-1.75)), abs=1e-6)


def test_the_protocol_echoes_the_id_and_gives_the_outputs_that_are_asked_for(numbers):
    tensor = {"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [0.0, 0.0, 0.0]}
    answer = json.loads(numbers.ask(inference({"id": "é1", "inputs": [tensor], "outputs": [{"name": "scores"}]}))[0][2])
    assert answer == {
        "model_name": "small", "model_version": "1.0.0", "id": "é1", "parameters": {"prediction_id": "id-1"},
        "outputs": [{"name": "scores", "datatype": "FP64", "shape": [1, 2], "data": [0.5, 0.5]}],
    }  # fmt: skip
    answer = json.loads(numbers.ask(inference({"inputs": [tensor]}))[0][2])
    assert "id" not in answer
    assert answer["outputs"][0] == {"name": "label", "datatype": "BYTES", "shape": [1], "data": ["yes"]}


def test_outputs_are_binary_when_that_is_asked_for_for_all_or_for_one(numbers):
    tensor = {"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [0.0, 0.0, 0.0]}
    for members in (
        {"parameters": {"binary_data_output": True}},
        {"outputs": [{"name": name, "parameters": {"binary_data": True}} for name in ("label", "scores")]},
    ):
        status, content_type, body, headers = numbers.ask(inference({"inputs": [tensor], **members}))[0]
        assert (status, content_type) == (200, b"application/octet-stream")
        name, _, length = headers.strip().partition(b": ")
        assert name == b"inference-header-content-length"
        outputs = json.loads(body[: int(length)])["outputs"]
        assert [output["parameters"] for output in outputs] == [{"binary_data_size": 7}, {"binary_data_size": 16}]
        assert body[int(length) :] == struct.pack("<I3s2d", 3, b"yes", 0.5, 0.5)


def test_an_error_of_the_protocol_says_in_words_what_is_wrong(numbers):
    answer = json.loads(numbers.ask(inference({"inputs": [{"name": "a", "shape": [1], "datatype": "FP32", "data": [1.0]}]}))[0][2])
    assert answer["error"] == "2 value(s) cannot be used. 'b' is missing; 'c' is missing"
    assert answer["title"] == "Unprocessable Entity"


CHANGED = st.tuples(st.sampled_from(SPELLINGS), st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=4))


@settings(max_examples=150)
@given(CHANGED)
def test_a_request_with_bytes_changed_is_answered_or_refused_and_nothing_else(numbers, change):
    spelling, places = change
    target, headers, body = spelling(NUMBERS, GOOD_NUMBERS[:1])
    broken = bytearray(body)
    for place, byte in places:
        broken[place % len(broken)] = byte
    assert numbers.ask((target, headers, bytes(broken)))[0][0] in (200, 400, 413, 415, 422)
    assert numbers.faults == []


@settings(max_examples=80)
@given(st.sampled_from(SPELLINGS), st.binary(max_size=80), st.integers(0, 2000))
def test_a_request_cut_short_is_refused(numbers, spelling, more, place):
    target, headers, body = spelling(NUMBERS, GOOD_NUMBERS[:1])
    broken = body[: place % len(body)] + more
    assert numbers.ask((target, headers, broken))[0][0] in (200, 400, 413, 415, 422)
    assert numbers.faults == []
