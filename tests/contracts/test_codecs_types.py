"""The contract of all codecs for models whose inputs have other types than float32."""

import io
import json
import math

import numpy as np
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec_service import Service
from gonogo.model.schema import INTEGERS, Feature, GraphInput, Schema, Tensor
from spellings import TARGET, TENSOR_SPELLINGS, VALUE, as_rows, ask_in_every_way, changed, inference, numpy_file, outcome


def image(dtype, kind="int"):
    """A model whose input is an image of this type."""
    tensor = Feature("x", kind, False, "x", 0, Tensor((3, 2)))
    return Service(Schema("binary-classification", (GraphInput("x", dtype, 6, (3, 2)),), (tensor,), ("no", "yes"), "p"))


def in_its_own_type(dtype, values):
    """Requests that say the type of the graph's input: JSON and binary data of the protocol, a NumPy file, an Arrow stream."""
    array = np.array(values, dtype=dtype)
    kind = {"i": "INT", "u": "UINT", "f": "FP"}[array.dtype.kind] + str(8 * array.dtype.itemsize)
    one = {"name": "x", "shape": list(array.shape), "datatype": kind}
    head = json.dumps({"inputs": [{**one, "parameters": {"binary_data_size": array.nbytes}}]}).encode()
    lists = pyarrow.list_(pyarrow.list_(pyarrow.from_numpy_dtype(array.dtype)))
    file = io.BytesIO()
    batch = pyarrow.record_batch({"x": pyarrow.array([[list(part) for part in row] for row in array], lists)})
    with pyarrow.ipc.new_stream(file, batch.schema) as writer:
        writer.write_batch(batch)
    yield inference({"inputs": [{**one, "data": array.ravel().tolist()}]})
    yield inference({"inputs": [{**one, "data": array.tolist()}]})
    yield TARGET, {b"inference-header-content-length": b"%d" % len(head)}, head + array.tobytes()
    yield numpy_file(array)
    yield b"/predict", {b"content-type": b"application/vnd.apache.arrow.stream"}, file.getvalue()


@pytest.mark.parametrize("dtype", INTEGERS)
def test_an_image_of_integers_is_the_same_in_every_spelling_and_in_its_own_type(dtype):
    service, most = image(dtype), min(np.iinfo(dtype).max, 2**53)
    rows = [{"x": [[0, 1], [2, 1], [0, 0]]}, {"x": [[0, most], [0, 0], [0, 0]]}]
    scores, ways = ask_in_every_way(service, rows, TENSOR_SPELLINGS)
    assert ways == len(TENSOR_SPELLINGS) - 2
    assert scores[0][1] == pytest.approx(1 / (1 + math.exp(-4)), abs=1e-6)
    for spelt in in_its_own_type(dtype, [row["x"] for row in rows]):
        np.testing.assert_allclose(outcome(service, spelt), scores, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_an_integer_outside_of_its_type_is_named_and_never_becomes_another_one(dtype):
    service, limits = image(dtype), np.iinfo(dtype)
    for value in (2 * (int(limits.max) + 1), 2 * int(limits.min) - 1):  # which floats have as well
        found, ways = ask_in_every_way(service, [{"x": [[0, 1], [2, value], [0, 0]]}], TENSOR_SPELLINGS)
        assert (found, ways >= 3) == ((422, {(0, "x", "range")}), True)
    assert ask_in_every_way(service, [{"x": [[0, 1], [2, 0.5], [0, 0]]}], TENSOR_SPELLINGS)[0] == (422, {(0, "x", "type")})
    _, _, body, _ = service.ask(as_rows(service.schema, [{"x": [[0, 1], [2, int(limits.max) + 1], [0, 0]]}]))[0]
    assert f"'x'[1][1] is outside of {dtype}, {limits.min} to {limits.max}" in body.decode()


def test_half_precision_takes_what_fits_into_it_in_every_spelling():
    service = image("float16", "float")
    rows = [{"x": [[0.5, -1.5], [2, 0.25], [0.0, 0.0]]}]
    scores, _ = ask_in_every_way(service, rows, TENSOR_SPELLINGS)
    assert scores[0][1] == pytest.approx(1 / (1 + math.exp(-1.25)), abs=1e-6)
    for spelt in in_its_own_type("float16", [row["x"] for row in rows]):
        np.testing.assert_allclose(outcome(service, spelt), scores, rtol=0, atol=1e-6)
    for value in (65505.0, -70000.0, 1e30):
        assert ask_in_every_way(service, [changed(rows[0], (1, 1), value)], TENSOR_SPELLINGS)[0] == (422, {(0, "x", "range")})


PIXELS = st.one_of(VALUE, *(st.integers(-3, 300) for _ in range(5)))


@settings(max_examples=100)
@given(st.lists(st.lists(st.lists(PIXELS, min_size=2, max_size=2), min_size=3, max_size=3), min_size=1, max_size=3))
def test_law_pixels_are_judged_alike_in_every_spelling(pixels, images):
    assert ask_in_every_way(pixels, [{"x": one} for one in images], TENSOR_SPELLINGS)[1] > 1


@pytest.fixture(scope="module")
def pixels():
    return image("uint8")
