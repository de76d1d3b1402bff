"""The door: a site's answers on loopback, bounded in connections, bodies, streams and time, and nothing else."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator

import pytest

from gonogo.errors import AddressInUseError, StorageError
from gonogo.http.door import MOST_BODY, MOST_CONNECTIONS, MOST_STREAMS, POLICY, Answer, Asked, Door, Stream
from waiting import until


class Echo:
    """A site that says what it was asked."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()

    def methods(self, path: str) -> tuple[str, ...]:
        reads = ("/", "/broken", "/wrong", "/events", "/ends", "/fails")
        return ("GET",) if path in reads else ("GET", "POST") if path == "/form" else ()

    def answer(self, asked: Asked) -> Answer | Stream:
        if asked.path == "/broken":
            raise StorageError("the store is gone", hint="Look for it.")
        if asked.path == "/wrong":
            raise RuntimeError("a fault of ours")
        if asked.path == "/events":
            return Stream(self._events())
        if asked.path in ("/ends", "/fails"):
            return Stream(self._failing(StorageError("gone") if asked.path == "/ends" else RuntimeError("a fault of ours")))
        return Answer(json.dumps([asked.method, asked.path, dict(asked.query), asked.body.decode()]).encode())

    def _failing(self, error: Exception) -> Iterator[bytes]:
        yield b"event: part\ndata: {}\n\n"
        raise error

    def _events(self) -> Iterator[bytes]:
        while not self.closed.wait(0.05):
            yield b"event: part\ndata: {}\n\n"


@pytest.fixture
def door() -> Iterator[Door]:
    with Door(Echo()) as opened:
        yield opened


def address(door: Door) -> tuple[str, int]:
    host, _, port = door.url.removeprefix("http://").rstrip("/").partition(":")
    return host, int(port)


def ask(door: Door, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(*address(door), timeout=10)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def spoken(door: Door, request: str) -> bytes:
    """The status of the answer to these very bytes, after which nothing more is sent."""
    with socket.create_connection(address(door), timeout=30) as raw:
        raw.sendall(request.encode())
        raw.shutdown(socket.SHUT_WR)
        return raw.makefile("rb").readline().split()[1]


def test_a_page_comes_with_a_policy_that_lets_nothing_in_from_elsewhere(door):
    code, headers, body = ask(door, "GET", "/?x=1&x=2&y=")
    assert (code, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert json.loads(body) == ["GET", "/", {"x": "2"}, ""]
    assert headers["Content-Security-Policy"] == POLICY
    assert "unsafe" not in POLICY
    assert {headers["Cache-Control"], headers["X-Content-Type-Options"]} == {"no-store", "nosniff"}


def test_a_head_has_the_length_and_no_body(door):
    code, headers, body = ask(door, "HEAD", "/")
    assert (code, body) == (200, b"")
    assert int(headers["Content-Length"]) > 0


@pytest.mark.parametrize("path", ["/nothing", "/../gonogo.yaml", "//etc/passwd", "/%2e%2e/gonogo.db", "/form/", "*"])
def test_no_other_path_is_opened(door, path):
    code, _, body = ask(door, "GET", path)
    assert (code, json.loads(body)) == (404, {"title": "there is no such page"})


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_a_page_to_read_takes_nothing(door, method):
    code, headers, _ = ask(door, method, "/")
    assert (code, headers["Allow"]) == (405, "GET, HEAD")


def test_a_body_is_bounded_and_says_its_length(door):
    assert json.loads(ask(door, "POST", "/form", "a=b")[2]) == ["POST", "/form", {}, "a=b"]
    assert ask(door, "POST", "/form", "x" * (MOST_BODY + 1))[0] == 413
    with socket.create_connection(address(door), timeout=10) as raw:
        raw.sendall(b"POST /form HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n")
        assert b" 411 " in raw.makefile("rb").readline()


@pytest.mark.parametrize("length", ["9" * 5000, "9" * 21])
def test_a_length_that_is_none_is_answered(door, length):
    assert spoken(door, f"POST /form HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n") == b"400"


def test_a_query_of_too_many_values_is_answered(door):
    assert ask(door, "GET", "/?" + "&" * 21)[0] == 400


def test_a_body_that_was_cut_off_is_refused(door):
    assert spoken(door, "POST /form HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\nkey=ab") == b"400"


def test_a_request_that_comes_byte_by_byte_is_left(door):
    with socket.create_connection(address(door), timeout=0.5) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nX: ")

        def left() -> bool:
            try:
                slow.sendall(b"x")
                return not slow.recv(64)
            except TimeoutError:
                return False
            except ConnectionError:
                return True

        assert any(left() for _ in range(60)), "a slow request holds its place"


def test_a_request_names_one_host(door):
    assert spoken(door, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n") == b"421"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "127.0.0.1:8401@evil.example", "127.0.0.1:x", "localhost:", ""]
)
def test_a_page_of_another_name_reads_nothing(door, host):
    connection = http.client.HTTPConnection(*address(door), timeout=10)
    connection.putrequest("GET", "/", skip_host=True)
    connection.putheader("Host", host)
    connection.endheaders()
    assert connection.getresponse().status == 421
    connection.close()


def test_it_listens_on_loopback_alone(door):
    assert address(door)[0] == "127.0.0.1"
    with socket.socket() as elsewhere:
        elsewhere.settimeout(5)
        assert elsewhere.connect_ex(("127.0.0.2", address(door)[1])) != 0


def test_a_port_that_is_taken_says_so(door):
    with pytest.raises(AddressInUseError, match="is taken"):
        Door(Echo(), port=address(door)[1])


def test_what_cannot_be_read_now_is_no_page_and_a_fault_of_ours_is_logged(door, caplog):
    code, _, body = ask(door, "GET", "/broken")
    assert (code, json.loads(body)["title"]) == (503, "the store is gone Look for it.")
    code, _, body = ask(door, "GET", "/wrong")
    assert (code, b"fault" in body) == (500, False)
    assert "a fault of ours" in caplog.text
    assert ask(door, "GET", "/")[0] == 200


@pytest.mark.parametrize(("path", "told"), [("/ends", "cannot be followed now: gone"), ("/fails", "a fault of ours")])
def test_a_stream_that_fails_ends_is_logged_and_frees_its_place(door, path, told, caplog, capfd):
    for _ in range(MOST_STREAMS + 1):
        assert ask(door, "GET", path)[2] == b"event: part\ndata: {}\n\n"
    assert told in caplog.text
    assert capfd.readouterr().err == ""


def test_readers_that_go_away_leave_nothing_in_the_terminal(door, capfd):
    for path in ("/", "/events", "/"):
        with socket.create_connection(address(door)) as gone:
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            gone.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    assert ask(door, "GET", "/")[0] == 200
    assert capfd.readouterr().err == ""


def test_a_request_that_is_none_is_refused_in_json(door):
    with socket.create_connection(address(door), timeout=10) as raw:
        raw.sendall(b"<script>alert(1)</script>\r\n\r\n")
        answer = raw.makefile("rb").read()
    assert b"text/html" not in answer
    assert json.loads(answer.rpartition(b"\r\n\r\n")[2] or answer)


def opened_stream(door: Door) -> tuple[int, socket.socket]:
    listener = socket.create_connection(address(door), timeout=10)
    listener.sendall(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    return int(listener.recv(64).split()[1]), listener


def test_streams_are_bounded_and_pages_are_answered_beside_them(door):
    streams = [opened_stream(door) for _ in range(MOST_STREAMS)]
    assert {code for code, _ in streams} == {200}
    code, extra = opened_stream(door)
    assert code == 503
    assert ask(door, "GET", "/")[0] == 200
    for _, listener in (*streams, (code, extra)):
        listener.close()

    def code_of_another() -> int:
        code, again = opened_stream(door)
        again.close()
        return code

    until(code_of_another, lambda code: code == 200)


def test_who_opens_connections_and_says_nothing_keeps_nobody_out(door):
    """The oldest give their places away; no more threads than places are at work."""
    silent = []
    for _ in range(5):
        silent += [socket.create_connection(address(door), timeout=10) for _ in range(MOST_CONNECTIONS)]
        assert ask(door, "GET", "/")[0] == 200
    assert sum("process_request" in thread.name for thread in threading.enumerate()) <= MOST_CONNECTIONS + 1
    for one in silent:
        one.close()


def test_connections_are_bounded_and_the_places_come_back(door):
    asking = [opened_stream(door)[1] for _ in range(MOST_STREAMS)]
    silent = [socket.create_connection(address(door), timeout=10) for _ in range(MOST_CONNECTIONS)]
    assert silent[0].recv(64) == b"", "the first one has given its place away"
    assert ask(door, "GET", "/")[0] == 200
    silent += asking
    for one in silent:
        one.close()
    for _ in range(200):
        try:
            if ask(door, "GET", "/")[0] == 200:
                return
        except (OSError, http.client.HTTPException):
            continue
    pytest.fail("nobody is let in although everybody has left")


@pytest.mark.parametrize(
    ("headers", "same"),
    [
        ({"host": "127.0.0.1:1"}, True),
        ({"host": "127.0.0.1:1", "origin": "http://127.0.0.1:1"}, True),
        ({"host": "127.0.0.1:1", "origin": "http://127.0.0.1:2"}, False),
        ({"host": "127.0.0.1:1", "origin": "null"}, False),
        ({"host": "127.0.0.1:1", "origin": "https://evil.example"}, False),
        ({"host": "127.0.0.1:1", "origin": "http://127.0.0.1:1", "sec-fetch-site": "cross-site"}, False),
        ({"host": "127.0.0.1:1", "sec-fetch-site": "same-site"}, False),
    ],
)
def test_a_form_of_another_origin_is_known(headers, same):
    assert Asked("POST", "/", headers=headers).same_origin is same
