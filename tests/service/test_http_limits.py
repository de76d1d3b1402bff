"""What one client may take of a server, and all of them together: bytes, requests in flight, connections, memory, time."""

import asyncio
import resource
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest

from gonogo.service.door.http import Limits
from small_server import HOST, serving, talk
from waiting import until

CLOSE = b"connection: close\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def value(work):
    """A coroutine function for the server's loop that gives a value of the server."""

    async def ask(server):
        return work(server)

    return ask


@pytest.fixture(scope="module")
def server():
    with serving(Limits(body=1 << 20, headers=4096, pipeline=8, read_seconds=5)) as running:
        yield running


def test_a_body_has_room_for_the_golden_requests_of_large_images_unless_somebody_says_otherwise(monkeypatch):
    image = 3 * 224 * 224
    four_rows = 4 * len("-0.12345678901234567, ") * image
    assert Limits.from_settings(20).body == 1 << 20
    assert Limits.from_settings(image).body > four_rows
    monkeypatch.setenv("GONOGO_REQUEST_BODY", "2")
    assert Limits.from_settings(image).body == 2 << 20


def test_a_body_of_two_gigabytes_is_refused_at_its_header_and_the_answer_is_not_lost(server):
    port, echo, on_loop = server
    with connect(port) as connection:
        connection.sendall(POST + b"content-length: 2147483648\r\n\r\n")
        for _ in range(64):
            connection.sendall(bytes(1 << 16))  # a client that sends before it reads
        answer = b""
        while piece := connection.recv(1 << 16):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"GONOGO_REQUEST_BODY" in answer
    assert on_loop(value(lambda s: s.held)) == 0
    assert echo.seen == []


def test_a_million_chunks_of_one_byte_are_one_body(server):
    port, _, _ = server
    answer = talk(port, CHUNKED.replace(b"host", CLOSE + b"host") + b"1\r\nx\r\n" * 200_000 + b"0\r\n\r\n")
    assert answer.endswith(b"x" * 200_000)


FLOODS = {
    "chunk extensions": (CHUNKED + b"1;" + b"a" * 100_000 + b"\r\nx\r\n0\r\n\r\n", 413),
    "many chunk extensions": (CHUNKED + (b"1;" + b"a" * 100 + b"\r\nx\r\n") * 2000, 413),
    "one long trailer": (CHUNKED + b"0\r\na: " + b"b" * 100_000, 413),
    "many trailers": (CHUNKED + b"0\r\n" + b"".join(b"a%d: b\r\n" % n for n in range(2000)), 431),
    "many headers of one name": (b"GET / HTTP/1.1\r\n" + HOST + b"a:b\r\n" * 500 + b"\r\n", 431),
    "one header without end": (b"GET / HTTP/1.1\r\n" + HOST + b"a: " + b"b" * 100_000, 431),
    "a method without end": (b"GET" * 5000, 400),
    "zeros in a chunk size": (CHUNKED + b"0" * 100_000, 413),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_is_refused_while_it_arrives(server, name):
    port, echo, _ = server
    seen = len(echo.seen)
    wire, status = FLOODS[name]
    assert talk(port, wire).startswith(b"HTTP/1.1 %d " % status)
    assert len(echo.seen) == seen


def test_a_pipeline_stops_near_its_bound_and_goes_on_in_order_when_there_is_room(server):
    port, echo, on_loop = server
    targets = [b"/late?%d" % n for n in range(600)]
    wire = b"".join(b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n" for target in targets)
    most = 0
    with connect(port) as connection:
        echo.seen.clear()
        connection.sendall(wire)
        received = b""
        while received.count(b"GET /late?") < 600:
            received += connection.recv(1 << 16)
            most = max(most, on_loop(value(lambda s: max(len(c.exchanges) for c in s.connections))))
    assert most <= 8 + 2048 // len(b"GET /late?1 HTTP/1.1\r\nhost: x\r\n\r\n")
    assert echo.seen == targets
    assert [b"GET " + line.split(b" ")[1] for line in received.split(b"\r\n\r\n") if line.startswith(b"GET")] == [
        b"GET " + t for t in targets
    ]


def test_a_connection_beyond_the_bound_is_told_and_the_others_are_served():
    with serving(Limits(connections=3)) as (port, echo, _), ExitStack() as stack:
        open_ones = [stack.enter_context(connect(port)) for _ in range(3)]
        for connection in open_ones:
            connection.sendall(GET)
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        assert talk(port, GET).startswith(b"HTTP/1.1 503 ")
        for connection in open_ones:
            connection.sendall(GET)
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        open_ones[0].close()
        until(lambda: talk(port, b"GET / HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n").startswith(b"HTTP/1.1 200"))
        assert echo.faults == []


def test_when_the_machine_gives_no_descriptor_the_server_waits_and_serves_again():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with serving(Limits()) as (port, echo, on_loop), ExitStack() as stack:
        assert talk(port, b"GET / HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n").startswith(b"HTTP/1.1 200")
        client = stack.enter_context(socket.socket())
        used = socket.socket()
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (used.fileno() + 1, hard))
            client.connect(("127.0.0.1", port))
            until(lambda: echo.faults)
            time.sleep(0.6)
            assert len(echo.faults) < 10, "it must not spin"
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            used.close()
        client.settimeout(10)
        client.sendall(GET)
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
        assert on_loop(value(lambda s: len(s.connections))) == 1


def test_the_memory_of_all_connections_is_bounded():
    with serving(Limits(body=1 << 20, held=3 << 20, read_seconds=5)) as (port, _, on_loop), ExitStack() as stack:
        half = POST + b"content-length: 1000000\r\n\r\n" + bytes(900_000)
        for _ in range(3):
            stack.enter_context(connect(port)).sendall(half)
        until(lambda: on_loop(value(lambda s: s.held)) >= 2_700_000)
        assert talk(port, half).startswith(b"HTTP/1.1 503 ")
        assert talk(port, b"GET / HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n").startswith(b"HTTP/1.1 200"), "small requests go on"
        stack.close()
        until(lambda: on_loop(value(lambda s: s.held)) == 0)


def test_small_requests_that_wait_for_their_answers_count_as_well():
    body = POST.replace(b"/ ", b"/never ") + b"content-length: 6000\r\n\r\n" + bytes(6000)
    with serving(Limits(held=100_000, pipeline=64)) as (port, echo, on_loop), ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(connect(port)).sendall(body * 4)
        until(lambda: len(echo.seen) == 16)
        assert on_loop(value(lambda s: s.held)) == 96_000
        assert talk(port, body).startswith(b"HTTP/1.1 503 ")


def test_clients_that_ask_and_do_not_read_are_cut_when_they_hold_too_much():
    limits = Limits(body=1 << 20, held=2 << 20, pipeline=64, write_seconds=60)
    with serving(limits) as (port, _, on_loop), ExitStack() as stack:
        request = POST + b"content-length: 1000000\r\n\r\n" + bytes(1_000_000)
        for _ in range(6):
            greedy = stack.enter_context(connect(port))
            greedy.settimeout(0.3)
            with suppress(OSError):  # held back or cut
                greedy.sendall(request * 40)
        assert on_loop(value(lambda s: s.held)) <= 3 << 20
        assert talk(port, b"GET / HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n").startswith(b"HTTP/1.1 200")


def test_what_was_held_for_a_client_that_left_is_given_back():
    with serving(Limits()) as (port, echo, on_loop):
        body = POST.replace(b"/ ", b"/late ") + b"content-length: 200000\r\n\r\n" + bytes(200_000)
        for _ in range(10):
            with connect(port) as connection:
                connection.sendall(body + body)
                until(lambda: echo.seen)
        until(lambda: on_loop(value(lambda s: len(s.connections))) == 0)
        until(lambda: on_loop(value(lambda s: s.held)) == 0)
        assert len(echo.seen) >= 10


def test_a_new_connection_that_says_nothing_is_closed_sooner_than_an_old_one():
    with serving(Limits(read_seconds=0.3, idle_seconds=30)) as (port, _, _), connect(port) as old:
        old.sendall(GET)
        old.recv(1000)
        assert talk(port) == b""
        old.sendall(GET)
        assert old.recv(1000).startswith(b"HTTP/1.1 200")


def test_a_body_that_trickles_is_cut_although_each_piece_is_quick():
    with serving(Limits(read_seconds=0.5)) as (port, echo, _), connect(port) as connection:
        connection.sendall(POST + b"content-length: 1000\r\n\r\n")
        connection.settimeout(0.02)
        for _ in range(400):
            try:
                answer = connection.recv(1000)
                break
            except TimeoutError:
                connection.sendall(b"x")
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert echo.seen == []


def test_a_leaving_server_answers_what_is_in_a_pipeline_before_it_closes():
    with serving(Limits()) as (port, _, on_loop), connect(port) as connection, ThreadPoolExecutor(1) as beside:

        async def leave(server):
            while not any(len(c.exchanges) == 5 for c in server.connections):
                await asyncio.sleep(0)
            server.stop_listening()
            return await asyncio.wait_for(server.drained(5), 8)

        left = beside.submit(on_loop, leave)
        connection.sendall(b"".join(b"GET /late?%d HTTP/1.1\r\n" % n + HOST + b"\r\n" for n in range(5)))
        assert left.result(20) is True
        received = b""
        while piece := connection.recv(1 << 16):
            received += piece
        assert received.count(b"HTTP/1.1 200") == 5
        assert received.count(b"connection: close") == 1
