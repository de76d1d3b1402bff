"""Arrow streams that lie: each is refused, and the process goes on."""

import io

import numpy as np
import pyarrow as pa
import pytest

from gonogo.service.codecs.arrow import ArrowCodec
from gonogo.service.door.exchange import Exchange
from gonogo.service.wire import RequestRefused
from http_fuzz import SEEDS
from small_bundle import small_schema

DIED = sorted(SEEDS.glob("ended-a-process-*.arrow"))
CODEC = ArrowCodec(small_schema(), 1000)


def stream(columns, **options):
    table = pa.table(columns)
    file = io.BytesIO()
    with pa.ipc.new_stream(file, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return file.getvalue()


def status(body):
    with pytest.raises(RequestRefused) as caught:
        CODEC.read(Exchange(b"POST", b"/predict", {}, body))
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
