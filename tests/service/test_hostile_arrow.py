"""Arrow streams that lie: each is refused, and the process goes on."""

import io

import numpy as np
import pyarrow as pa
import pytest

from gonogo.model.schema import Feature, GraphInput, Schema, Tensor
from gonogo.service.codecs.arrow import ArrowCodec
from gonogo.service.codecs.numpy_file import NumpyCodec
from gonogo.service.door.exchange import Exchange
from gonogo.service.wire import RequestRefused
from http_fuzz import SEEDS
from small_bundle import small_schema

DIED = sorted(SEEDS.glob("ended-a-process-*.arrow"))
CODEC = ArrowCodec(small_schema(), 1000)
WINDOWS = Schema(
    "binary-classification",
    (GraphInput("w", "float32", 6, (3, 2)), GraphInput("k", "float32", 1)),
    (Feature("w", "float", True, "w", 0, Tensor((3, 2))), Feature("k", "float", False, "k", 0)),
    ("0", "1"),
    "p",
)
LONG = 100_000_000  #: as Python's lists: gigabytes


def stream(columns, **options):
    table = pa.table(columns)
    file = io.BytesIO()
    with pa.ipc.new_stream(file, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return file.getvalue()


def status(body, codec=CODEC):
    with pytest.raises(RequestRefused) as caught:
        codec.read(Exchange(b"POST", b"/predict", {}, body))
    return caught.value.status


def test_an_honest_stream_is_read():
    columns = {"x": pa.array([0.25, None], pa.float64()), "k": pa.array([1, 2], pa.int64())}
    assert CODEC.read(Exchange(b"POST", b"/predict", {}, stream(columns))).rows == 2
    halves = {"x": pa.array(np.array([0.25, 0.5], np.float16)), "k": pa.array([1, 2], pa.int8())}
    assert CODEC.read(Exchange(b"POST", b"/predict", {}, stream(halves))).rows == 2


@pytest.mark.parametrize("file", DIED, ids=[file.stem for file in DIED])
def test_a_stream_that_ended_a_process_is_refused_or_read(file):
    try:
        CODEC.read(Exchange(b"POST", b"/predict", {}, file.read_bytes()))
    except RequestRefused as refused:
        refusal = refused
    else:
        return
    assert 400 <= refusal.status < 500


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_compressed_buffers_are_refused_before_they_are_unpacked(compression):
    bomb = stream({"x": pa.array(np.zeros(20_000_000))}, compression=compression)
    assert len(bomb) < 1 << 20
    assert status(bomb) == 415


def test_dictionaries_nested_values_and_floods_of_columns_are_refused():
    assert status(stream({"x": pa.array(["a", "b"]).dictionary_encode()})) == 415
    assert status(stream({"x": pa.array([[1.0], [2.0]])})) == 415
    assert status(stream({f"c{n}": pa.nulls(1) for n in range(5000)})) == 422


def test_a_column_of_nothing_that_says_it_is_long_is_refused():
    assert status(stream({"x": pa.nulls(10_000_000), "k": pa.nulls(10_000_000)})) == 413


def test_text_that_is_no_utf_8_is_refused():
    body = stream({"x": pa.array([0.5]), "k": pa.array(["abcd"])}).replace(b"abcd", b"\xff\xfe\xfd\xfc")
    assert status(body) == 400


def lists_of_nothing(count):
    """Fixed-size lists of no elements, which take no bytes."""
    return pa.Array.from_buffers(pa.list_(pa.float32(), 0), count, [None], children=[pa.array([], pa.float32())])


@pytest.mark.parametrize("nothing", [pa.nulls, lists_of_nothing], ids=["nulls", "lists of nothing"])
@pytest.mark.parametrize("name", ["w", "unknown"])
def test_a_window_of_a_hundred_million_nothings_in_a_thousand_bytes_is_refused_before_it_is_made(name, nothing):
    bomb = stream({name: pa.FixedSizeListArray.from_arrays(nothing(LONG), LONG), "k": pa.array([0.5])})
    assert len(bomb) < 2000
    assert status(bomb, ArrowCodec(WINDOWS, 1000)) == 413


def test_columns_of_lists_that_are_too_much_together_are_refused():
    many = {f"c{n}": pa.array([[1.0] * 6] * 100, pa.list_(pa.float32())) for n in range(15)}
    assert status(stream(many), ArrowCodec(WINDOWS, 100)) == 413


def test_windows_without_any_value_are_read():
    empty = pa.array([[[None, None]] * 3] * 2, pa.list_(pa.list_(pa.null())))
    assert ArrowCodec(WINDOWS, 2).read(Exchange(b"POST", b"/predict", {}, stream({"w": empty, "k": pa.array([1.0, 2.0])}))).rows == 2


def test_a_numpy_field_of_a_hundred_million_lists_of_nothing_is_refused_before_it_is_made():
    text = str({"descr": [("w", "<f4", (LONG, 0)), ("k", "<f4")], "fortran_order": False, "shape": (1,)}).encode()
    body = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(4)
    assert status(body, NumpyCodec(WINDOWS, 1000)) == 415
