"""What is no request is refused with its status by every codec, and what one may ask of the protocol beside the rows."""

import json
import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec_service import NUMBERS, Service
from spellings import GOOD_NUMBERS, SPELLINGS, TARGET, as_matrices, inference, numpy_file, outcome


@pytest.fixture(scope="module")
def numbers():
    return Service(NUMBERS)


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
