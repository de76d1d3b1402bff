"""Heads that were read a moment ago: what is not parsed again is answered as if it were."""

from __future__ import annotations

import gzip
import socket
import time
from datetime import UTC, datetime

import pytest

from gonogo.service.callers.access import Access, told
from gonogo.service.callers.api_keys import make_key
from gonogo.service.door.heads import LONGEST, MOST, Head, Heads
from gonogo.service.door.http import Limits
from hostile_requests import CASES
from small_server import HOST, serving, talk

LIMITS = Limits(body=10_000, headers=4000, pipeline=8, read_seconds=5, idle_seconds=5)


@pytest.fixture(scope="module")
def server():
    with serving(LIMITS) as running:
        yield running


def post(body: bytes, *lines: bytes, path: bytes = b"/", length: int | None = None) -> bytes:
    head = b"".join(line + b"\r\n" for line in (*lines, b"content-length: %d" % (len(body) if length is None else length)))
    return b"POST %b HTTP/1.1\r\n%b%b\r\n%b" % (path, HOST, head, body)


def heads(server) -> dict[bytes, Head]:
    async def ask(running):
        return dict(running.heads)

    return server[2](ask)


class Talk:
    """One connection that stays; `ask` gives status and body of each answer."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._rest = b""

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self._socket.sendall(part)
            if len(parts) > 1:
                time.sleep(0.02)  # so that each part arrives alone

    def answer(self) -> tuple[int, bytes]:
        while (end := self._rest.find(b"\r\n\r\n")) < 0:
            self._read()
        head, self._rest = self._rest[:end], self._rest[end + 4 :]
        [length] = [int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
        while len(self._rest) < length:
            self._read()
        body, self._rest = self._rest[:length], self._rest[length:]
        return int(head.split()[1]), body

    def ask(self, *parts: bytes) -> tuple[int, bytes]:
        self.send(*parts)
        return self.answer()

    def closed(self) -> bool:
        return self._rest == b"" and self._socket.recv(1) == b""

    def _read(self) -> None:
        piece = self._socket.recv(65536)
        assert piece, "the connection ended"
        self._rest += piece


def known(server, request: bytes) -> bytes:
    """Make a request's head known, and give the request back."""
    with Talk(server[0]) as client:
        client.ask(request)
        for _ in range(50):  # it is forgotten with every second
            if request[: request.find(b"\r\n\r\n") + 4] in heads(server):
                return request
            client.ask(request)
    raise AssertionError("the head was never kept")


def test_the_same_head_with_another_body_is_answered_by_its_own_body(server):
    with Talk(server[0]) as client:
        for number in range(200):
            assert client.ask(post(b"%03d" % number)) == (200, b"POST / %03d" % number)


def test_a_head_is_known_on_every_connection_and_carries_no_state_from_one_to_another(server):
    request = known(server, post(b"one", b"x-a: 1"))
    with Talk(server[0]) as first, Talk(server[0]) as second:
        for client in (first, second, first):
            assert client.ask(request) == (200, b"POST / one")


@pytest.mark.parametrize("cut", [1, 4, 5, 20, -7, -6, -5, -4, -3, -1])
def test_a_known_head_that_arrives_in_two_parts_is_one_request(server, cut):
    request = known(server, post(b"body"))
    with Talk(server[0]) as client:
        assert client.ask(request[:cut], request[cut:]) == (200, b"POST / body")
        assert client.ask(request) == (200, b"POST / body"), "and the connection goes on"


def test_two_known_requests_in_one_piece_are_two_answers_in_order(server):
    known(server, post(b"one"))
    with Talk(server[0]) as client:
        client.send(post(b"one") + post(b"two") + post(b"own", path=b"/late"))
        assert [client.answer() for _ in range(3)] == [(200, b"POST / one"), (200, b"POST / two"), (200, b"POST /late own")]
        client.send(post(b"own", path=b"/late"))
        client.send(post(b"one"))
        assert [client.answer()[1] for _ in range(2)] == [b"POST /late own", b"POST / one"], "an answer waits for its turn"


def test_a_known_head_as_the_body_of_another_request_is_a_body(server):
    inner = known(server, post(b"in"))
    with Talk(server[0]) as client:
        assert client.ask(post(b"", length=len(inner)), inner) == (200, b"POST / " + inner)
        assert client.ask(post(b"x" * 5 + inner)) == (200, b"POST / xxxxx" + inner)


def test_what_is_more_or_less_than_the_known_request_is_parsed(server):
    request = known(server, post(b"body"))
    with Talk(server[0]) as client:
        client.send(request + b"G")
        assert client.answer() == (200, b"POST / body")
        client.send(b"ET / HTTP/1.1\r\n" + HOST + b"\r\n")
        assert client.answer() == (200, b"GET / ")
        assert client.ask(request[:-1], request[-1:]) == (200, b"POST / body")
    assert talk(server[0], request + b"\x00\x01 bad\r\n\r\n", shut=True).count(b"HTTP/1.1 400 ") == 1


def test_after_connection_close_a_known_head_is_not_answered(server):
    request = known(server, post(b"body"))
    with Talk(server[0]) as client:
        client.send(post(b"last", b"connection: close") + request)
        assert client.answer() == (200, b"POST / last")
        assert client.closed()
    with Talk(server[0]) as client:
        client.send(post(b"last", b"connection: close", path=b"/late"), request)
        assert client.answer() == (200, b"POST /late last")
        assert client.closed()


def test_after_a_refusal_a_known_head_is_not_answered(server):
    request = known(server, post(b"body"))
    with Talk(server[0]) as client:
        client.send(b"POST / HTTP/1.1\r\n\r\n", request)
        assert client.answer()[0] == 400
        assert client.closed()


@pytest.mark.parametrize(
    "request_",
    [
        post(b"body", b"connection: keep-alive"),
        post(b"body", b"Connection: close"),
        post(b"body", b"expect: 100-continue"),
        post(b"body", b"upgrade: h2c"),
        post(gzip.compress(b"body"), b"content-encoding: gzip"),
        b"POST / HTTP/1.1\r\n" + HOST + b"transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"\r\n",
        b"PUT / HTTP/1.1\r\n" + HOST + b"content-length: 4\r\n\r\nbody",
        b"POST / HTTP/1.0\r\n" + HOST + b"content-length: 4\r\n\r\nbody",
        post(b"body", b"x: " + b"y" * LONGEST),
    ],
    ids=["keep-alive", "close", "expect", "upgrade", "gzip", "chunked", "GET", "PUT", "1.0", "long"],
)
def test_what_is_read_or_answered_otherwise_is_not_kept(server, request_):
    assert b" 200 OK" in talk(server[0], request_, shut=True)
    assert request_[: request_.find(b"\r\n\r\n") + 4] not in heads(server)


def test_a_packed_body_as_long_as_what_it_unpacks_to_leaves_no_head():
    kept = Heads()
    head = post(b"", b"content-encoding: gzip", length=4)
    kept.keep(head + b"\x1f\x8b..", b"POST", b"/", {b"content-length": b"4", b"content-encoding": b"gzip"}, 4)
    assert not kept
    kept.keep(post(b"body"), b"POST", b"/", {b"content-length": b"4"}, 4)
    assert len(kept) == 1


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_hostile_request_is_judged_the_same_after_its_head_was_seen(server, case):
    first, *again = [
        [line for line in talk(server[0], case.wire, shut=True).split(b"\r\n") if not line.startswith(b"date:")] for _ in range(3)
    ]
    assert again == [first, first]


def test_no_more_than_so_many_heads_are_kept_and_all_are_forgotten_soon(server):
    with Talk(server[0]) as client:
        for number in range(2 * MOST):
            assert client.ask(post(b"body", b"x-number: %d" % number)) == (200, b"POST / body")
        assert len(heads(server)) <= MOST
        for number in range(2 * MOST):
            assert client.ask(post(b"body", b"x-number: %d" % number)) == (200, b"POST / body")
    deadline = time.monotonic() + 10
    while heads(server):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_a_handler_does_to_its_headers_stays_its_own():
    kept = Heads()
    headers = {b"content-length": b"4"}
    kept.keep(post(b"body"), b"POST", b"/", headers, 4)
    headers[b"x"] = b"1"
    [head] = kept.values()
    assert head.headers == {b"content-length": b"4"}


def test_a_revoked_key_is_refused_with_the_very_bytes_that_were_accepted():
    key, text = make_key("ana", "reader", datetime.now(UTC), None)
    access = Access()
    access.put(told([key], {}, 1))
    with serving(LIMITS) as server:
        port, echo, on_loop = server

        async def guard(running):
            answer = running.handler
            running.handler = lambda exchange: answer(exchange) if access.admit(exchange, "reader") else None

        on_loop(guard)
        request = known(server, post(b"body", b"x-api-key: " + text.encode()))
        wrong = known(server, post(b"body", b"x-api-key: gng_000000000000_" + b"0" * 64))
        with Talk(port) as client:
            assert client.ask(request) == (200, b"POST / body")
            assert client.ask(wrong)[0] == 401

            async def revoke(running):
                access.put(
                    told([], {}, 1) | {"keys": [{"id": key.id, "name": "ana", "role": "reader", "sha256": key.sha256, "until": 0.0}]}
                )

            on_loop(revoke)
            assert client.ask(request)[0] == 401
            assert client.ask(request)[0] == 401
        assert echo.faults == []
