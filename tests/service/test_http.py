"""HTTP/1.1 on real sockets: whatever is sent, each request gets its own answer or one clear refusal, and nothing hangs."""

import socket

import pytest

from gonogo.service.door.http import Limits
from small_server import HOST, serving, talk


@pytest.fixture(scope="module")
def server():
    with serving() as running:
        yield running


CLOSE = b"connection: close\r\n"

REFUSED = {
    "not HTTP": (b"hello there\r\n\r\n", 400),
    "TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(60), 400),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nhost: a\r\nHost: b\r\n\r\n", 400),
    "two lengths": (b"POST / HTTP/1.1\r\n" + HOST + b"content-length: 1\r\ncontent-length: 2\r\n\r\nab", 400),
    "length and chunked": (b"POST / HTTP/1.1\r\n" + HOST + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunked not last": (b"POST / HTTP/1.1\r\n" + HOST + b"transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400),
    "negative length": (b"POST / HTTP/1.1\r\n" + HOST + b"content-length: -1\r\n\r\n", 400),
    "length overflows": (b"POST / HTTP/1.1\r\n" + HOST + b"content-length: 99999999999999999999999\r\n\r\n", 400),
    "bad chunk size": (b"POST / HTTP/1.1\r\n" + HOST + b"transfer-encoding: chunked\r\n\r\nxyz\r\n", 400),
    "line feed in header": (b"GET / HTTP/1.1\r\n" + HOST + b"a: b\nc: d\r\n\r\n", 400),
    "space before colon": (b"GET / HTTP/1.1\r\n" + HOST + b"content-length : 3\r\n\r\nabc", 400),
    "body too long": (b"POST / HTTP/1.1\r\n" + HOST + b"content-length: 1001\r\n\r\n", 413),
    "chunks too long": (
        b"POST / HTTP/1.1\r\n" + HOST + b"transfer-encoding: chunked\r\n\r\n" + (b"64\r\n" + b"x" * 100 + b"\r\n") * 11,
        413,
    ),
    "address too long": (b"GET /" + b"a" * 1500 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "headers too large": (b"GET / HTTP/1.1\r\n" + HOST + b"a: " + b"b" * 2500 + b"\r\n\r\n", 431),
    "headers without end": (b"GET / HTTP/1.1\r\n" + HOST + b"a: " + b"b" * 2500, 431),
    "too many headers": (b"GET / HTTP/1.1\r\n" + HOST + b"".join(b"a%d: b\r\n" % n for n in range(150)) + b"\r\n", 431),
    "connect": (b"CONNECT example.org:443 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "unknown expectation": (b"POST / HTTP/1.1\r\n" + HOST + b"expect: magic\r\ncontent-length: 1\r\n\r\na", 417),
    "trickling": (b"POST / HTTP/1.1\r\n" + HOST + b"content-length: 10\r\n\r\nabc", 408),
    "half a line": (b"GET / HT", 408),
}


@pytest.mark.parametrize("case", REFUSED, ids=REFUSED.keys())
def test_what_cannot_be_served_is_refused_once_and_the_connection_ends(server, case):
    port, echo, _ = server
    request, status = REFUSED[case]
    seen = len(echo.seen)
    answer = talk(port, request)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in answer
    assert b"content-type: application/problem+json" in answer
    assert len(echo.seen) == seen, "a handler saw a request that was refused"


def test_a_smuggled_request_behind_a_refused_one_is_never_read(server):
    port, echo, _ = server
    smuggling = (
        b"POST / HTTP/1.1\r\n"
        + HOST
        + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /admin HTTP/1.1\r\n"
        + HOST
        + b"\r\n"
    )
    assert talk(port, smuggling).count(b"HTTP/1.1 4") == 1
    assert b"/admin" not in echo.seen


def test_a_request_that_ends_early_is_refused_not_forgotten(server):
    port, _, _ = server
    assert talk(port, b"POST / HTTP/1.1\r\n" + HOST + b"content-length: 10\r\n\r\nabc", shut=True).startswith(b"HTTP/1.1 400 ")


def test_pipelined_answers_come_in_the_order_of_the_requests(server):
    port, _, _ = server
    targets = [b"/late?%d" % n if n % 3 == 0 else b"/%d" % n for n in range(30)]
    requests = b"".join(b"GET " + target + b" HTTP/1.1\r\n" + HOST + (CLOSE if target == b"/29" else b"") + b"\r\n" for target in targets)
    answer = talk(port, requests)
    positions = [answer.index(b"GET " + target + b" ") for target in targets]
    assert positions == sorted(positions)
    assert answer.count(b"HTTP/1.1 200 OK") == 30


def test_requests_after_connection_close_are_not_served(server):
    port, echo, _ = server
    answer = talk(port, b"GET /one HTTP/1.1\r\n" + HOST + CLOSE + b"\r\nGET /two-after-close HTTP/1.1\r\n" + HOST + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"/two-after-close" not in echo.seen


def test_a_request_in_single_bytes_is_one_request(server):
    port, _, _ = server
    request = b"POST /slow HTTP/1.1\r\n" + HOST + CLOSE + b"content-length: 5\r\n\r\nhello"
    assert talk(port, *(request[n : n + 1] for n in range(len(request)))).endswith(b"POST /slow hello")


def test_chunks_are_put_together_and_trailers_ignored(server):
    port, _, _ = server
    body = b"3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nhost: evil\r\n\r\n"
    assert talk(port, b"POST /c HTTP/1.1\r\n" + HOST + CLOSE + b"transfer-encoding: chunked\r\n\r\n" + body).endswith(b"POST /c abcde")


def test_a_client_that_waits_for_100_continue_is_told_to_go_on(server):
    port, _, _ = server
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"POST /e HTTP/1.1\r\n" + HOST + b"expect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"ok")
        assert connection.recv(1000).endswith(b"POST /e ok")


def test_head_has_the_headers_of_get_and_no_body(server):
    port, _, _ = server
    answer = talk(port, b"HEAD /h HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n")
    assert b"content-length: 8\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(("asked", "kept"), [(b"", False), (b"connection: keep-alive\r\n", True)], ids=["plain", "keep-alive"])
def test_http_1_0_is_closed_unless_it_asks_to_be_kept(server, asked, kept):
    port, _, _ = server
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"GET /0 HTTP/1.0\r\n" + asked + b"\r\n")
        assert (b"connection: keep-alive" in connection.recv(1000)) is kept


def test_a_handler_that_raises_is_answered_500_and_recorded(server):
    port, echo, _ = server
    assert talk(port, b"GET /raise HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n").startswith(b"HTTP/1.1 500 ")
    assert isinstance(echo.faults[-1], RuntimeError)


def test_a_silent_connection_is_closed_without_a_word(server):
    port, _, _ = server
    assert talk(port, b"GET / HTTP/1.1\r\n" + HOST + b"\r\n").count(b"HTTP/1.1") == 1


def test_a_client_that_floods_and_does_not_read_is_held_back_and_then_cut():
    limits = Limits(body=1 << 20, pipeline=8, read_seconds=5, idle_seconds=5, write_seconds=0.5)
    with serving(limits) as (port, echo, _):
        request = b"POST /f HTTP/1.1\r\n" + HOST + b"content-length: 500000\r\n\r\n" + b"x" * 500_000
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection, pytest.raises(OSError):  # noqa: PT011, PT012 - reset or full
            for _ in range(200):
                connection.sendall(request)
        assert len(echo.seen) < 100
        assert talk(port, b"GET /other HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n").endswith(b"GET /other ")


def test_a_leaving_server_answers_what_comes_on_old_connections_and_closes_them():
    with serving() as (port, _, on_loop), socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"GET /a HTTP/1.1\r\n" + HOST + b"\r\n")
        assert b"connection: close" not in connection.recv(1000)

        async def leave(server):
            server.stop_listening()

        on_loop(leave)
        connection.sendall(b"GET /b HTTP/1.1\r\n" + HOST + b"\r\n")
        answer = connection.recv(1000)
        assert b"GET /b " in answer
        assert b"connection: close" in answer
        assert connection.recv(1000) == b""


def test_a_client_that_leaves_before_its_answer_harms_nobody(server):
    port, echo, _ = server
    faults = len(echo.faults)
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /late HTTP/1.1\r\n" + HOST + b"\r\n")
    assert talk(port, b"GET /late?x HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n").endswith(b"GET /late?x ")
    assert len(echo.faults) == faults
