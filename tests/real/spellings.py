"""The same rows in every spelling of a request, and what comes of it. A spelling returns None for rows that it has no way to say."""

import io
import json
import struct

import numpy as np
import pyarrow
from hypothesis import strategies as st


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


def changed(row, place, value):
    """A row with another element in its window."""
    window = [list(part) for part in row["x"]]
    window[place[0]][place[1]] = value
    return {**row, "x": window}


VALUE = st.one_of(
    st.floats(-1e38, 1e38), st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**70), 2**70), st.integers(-9, 9),
    st.none(), st.booleans(), st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3),
    st.sampled_from([2**63, 2**53 + 1, 2**24 + 1, 3.4028235e38, 3.4028236e38, 5e-324, "1", ""]),
)  # fmt: skip
