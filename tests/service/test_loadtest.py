"""The load test counts every answer, and is aimed at this machine only."""

import asyncio
import contextlib
import json
import math
import socket
import threading

import pytest

from gonogo.errors import UnreachableError, UsageError
from gonogo.service.loadtest import _rank, run_load_test
from gonogo.stats.latency import LatencyHistogram


@contextlib.contextmanager
def answering(respond):
    """A server of our own making: `respond(number) -> bytes, or None to hang up`."""
    started, stop = threading.Event(), []
    count, serving = 0, []

    async def serve(reader, writer):
        nonlocal count
        serving.append((asyncio.current_task(), writer))
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
                count += 1
                answer = respond(count)
                if answer is None:
                    break
                writer.write(answer)
        writer.close()

    async def main():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        done = asyncio.Event()
        stop.extend([asyncio.get_running_loop(), done, server.sockets[0].getsockname()[1]])
        started.set()
        await done.wait()
        server.close()
        for task, writer in serving:
            task.cancel()
            writer.close()
        await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    started.wait(10)
    yield f"http://127.0.0.1:{stop[2]}"
    stop[0].call_soon_threadsafe(stop[1].set)
    thread.join(10)


def said(body):
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def prediction(score, release="a@1.0.0", label="1", classes=("0", "1")):
    scores = dict(zip(classes, (1 - score, score), strict=True))
    return said(json.dumps({"release": release, "predictions": [{"label": label, "score": score, "scores": scores}]}).encode())


OK = prediction(0.75)
FAILED = b"HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n"


def test_all_requests_are_sent_and_counted():
    with answering(lambda number: OK) as url:
        result = run_load_test(url, [{"a": 1}], requests=500, concurrency=20)
    assert (result.requests, result.concurrency, result.errors, result.error_kinds) == (500, 20, 0, {})
    assert 0 < result.p50_ms <= result.p95_ms <= result.p99_ms <= result.max_ms
    assert LatencyHistogram.from_json(result.histogram).count == 500


def test_errors_are_counted_by_kind():
    with answering(lambda number: FAILED if number % 10 == 0 else None if number % 10 == 5 else OK) as url:
        result = run_load_test(url, [{"a": 1}], requests=200, concurrency=4, warmup=0)
    assert result.error_kinds == {"status 500": 20, "lost": 20}
    assert result.errors == 40


@pytest.mark.parametrize("body", [b"{}", b"", b"well", b'{"predictions": []}', b'{"predictions": [{"label": "1", "scores": {"1": null}}]}'])
def test_an_answer_without_a_prediction_is_an_error(body):
    with answering(lambda number: OK if number % 2 else said(body)) as url:
        result = run_load_test(url, [{"a": 1}], requests=100, concurrency=1, warmup=0)
    assert result.error_kinds == {"no prediction": 50}


@pytest.mark.parametrize(
    ("odd", "difference"),
    [
        (OK, 0.0), (prediction(0.75 + 2**-19), 2**-19), (prediction(0.25), 0.5), (prediction(0.75, label="0"), math.inf),
        (prediction(0.25, release="b@2.0.0"), 0.0), (prediction(0.75, classes=("no", "1")), math.inf),
    ],
    ids=["same", "nearly", "other score", "other label", "of another release", "other classes"],
)  # fmt: skip
def test_answers_of_one_release_to_one_row_are_compared(odd, difference):
    with answering(lambda number: odd if number % 7 == 0 else OK) as url:
        result = run_load_test(url, [{"a": 1}, {"a": 2}], requests=100, concurrency=4)
    assert result.errors == 0
    assert result.max_answer_difference == difference
    assert result.answers_compared >= 90
    json.dumps(result.to_json(), allow_nan=False)


def test_without_a_second_answer_to_a_row_nothing_is_said_about_consistency():
    with answering(lambda number: OK) as url:
        result = run_load_test(url, [{"a": n} for n in range(50)], requests=20, concurrency=2, warmup=0)
    assert (result.answers_compared, result.max_answer_difference) == (0, None)


def test_nothing_there_is_an_error_and_no_result():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(UnreachableError):
        run_load_test(f"http://127.0.0.1:{port}", [{"a": 1}], requests=5, concurrency=2)


@pytest.mark.parametrize("url", ["http://192.0.2.1:80", "http://example.org", "ftp://127.0.0.1", "127.0.0.1:80", "http://"])
def test_other_machines_and_other_schemes_are_refused_before_anything_is_sent(url):
    with pytest.raises(UsageError):
        run_load_test(url, [{"a": 1}])


@pytest.mark.parametrize("wrong", [{"requests": 0}, {"concurrency": 0}])
def test_a_load_test_of_nothing_is_refused(wrong):
    with pytest.raises(UsageError):
        run_load_test("http://127.0.0.1:1", [{"a": 1}], **wrong)
    with pytest.raises(UsageError):
        run_load_test("http://127.0.0.1:1", [])


def test_percentiles_are_nearest_ranks():
    ordered = [float(n) for n in range(1, 101)]
    assert (_rank(ordered, 0.5), _rank(ordered, 0.95), _rank(ordered, 0.99)) == (50.0, 95.0, 99.0)
    assert _rank([7.0], 0.99) == 7.0
    assert _rank([1.0, 2.0], 0.5) == 1.0
