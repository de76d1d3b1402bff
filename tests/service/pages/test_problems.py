"""Whatever the spelling of a request, every problem of every row is named in one answer."""

import io

import numpy as np
import pytest

WRONG = [{"amount": "1", "city": 2, "x": 1}, {"city": "oslo"}, 5, {"amount": 1e40, "city": None}]
NAMED = [(0, "amount", "type"), (0, "city", "type"), (0, "x", "unknown"), (1, "amount", "missing"), (2, "", "type")]
NAMED += [(3, "amount", "range"), (3, "city", "null")]


def named(answer):
    assert answer.status == 422
    return [(error["row"], error["feature"], error["problem"]) for error in answer.json["errors"]]


def test_by_rows(ask):
    assert named(ask("POST", "/predict", {"features": WRONG})) == NAMED


def test_by_columns(ask):
    columns = {"amount": ["1", 2, 1e40], "city": ["oslo", 3, None], "x": [1, 2, 3]}
    found = named(ask("POST", "/predict", {"columns": columns}))
    assert set(found) >= {(row, "x", "unknown") for row in range(3)}
    assert set(found) >= {(0, "amount", "type"), (1, "city", "type"), (2, "amount", "range"), (2, "city", "null")}
    assert len(found) == 7


def test_columns_of_other_lengths_and_what_is_no_column(ask):
    found = named(ask("POST", "/predict", {"columns": {"amount": [1, 2, 3], "city": ["oslo"] * 3, "x": 5, "y": [1]}}))
    assert {(feature, problem) for _, feature, problem in found} == {("x", "type"), ("y", "length")}


@pytest.mark.parametrize("shape", [[2], [2, 1]])
def test_by_the_open_inference_protocol(ask, shape):
    tensors = [{"name": "amount", "shape": shape, "datatype": "FP64", "data": [1e40, None]}]
    tensors += [
        {"name": "city", "shape": shape, "datatype": "BYTES", "data": [None, 5]},
        {"name": "x", "shape": shape, "datatype": "INT8", "data": [1, 2]},
    ]
    answer = ask("POST", "/v2/models/small/infer", {"inputs": tensors})
    assert set(named(answer)) == {
        (0, "amount", "range"),
        (0, "city", "null"),
        (1, "city", "type"),
        (0, "x", "unknown"),
        (1, "x", "unknown"),
    }
    assert "'amount' is too large" in answer.json["error"]


def test_by_a_numpy_file(ask):
    file = io.BytesIO()
    np.save(file, np.array([(np.inf, "oslo", 1), (2.0, "x", 2)], dtype=[("amount", "f8"), ("city", "U4"), ("x", "i4")]))
    answer = ask("POST", "/predict", file.getvalue(), {"content-type": "application/x-npy"})
    assert set(named(answer)) == {(0, "amount", "not finite"), (0, "x", "unknown"), (1, "x", "unknown")}
