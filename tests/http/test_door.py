"""The door: four paths to read, on loopback, and nothing else."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from gonogo.errors import AddressInUseError, StorageError
from gonogo.http.door import Door

STATUS: dict[str, Any] = {
    "system": "<b>shop</b>", "time": "2026-11-21T04:01:00.000Z", "health": {"state": "NOTHING LIVE", "reasons": ["no release"]},
    "production": None, "service": {"alive": False, "url": None, "problem": "It does not run.", "arms": []}, "rollout": None,
    "watch": {"time": None, "fresh": False, "problem": "", "untold": 0}, "signals": [], "alarms": [], "releases": [], "events": 0,
    "chain": "intact",
}  # fmt: skip


@pytest.fixture
def door() -> Iterator[Door]:
    with Door(lambda: STATUS, lambda: {"events": []}) as opened:
        yield opened


def address(door: Door) -> tuple[str, int]:
    host, _, port = door.url.removeprefix("http://").rstrip("/").partition(":")
    return host, int(port)


def ask(door: Door, method: str, path: str, host: str = "") -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(*address(door), timeout=10)
    try:
        connection.request(method, path, headers={"Host": host} if host else {})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("path", ["/", "/still", "/?x=1"])
def test_the_page_is_served_escaped_and_forbids_scripts_and_frames(door, path):
    code, headers, body = ask(door, "GET", path)
    assert (code, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    assert b"&lt;b&gt;shop&lt;/b&gt;" in body
    assert b"<b>shop</b>" not in body
    assert (b'http-equiv="refresh"' in body) is (path != "/still")


def test_the_records_behind_the_page_are_json(door):
    assert json.loads(ask(door, "GET", "/status.json")[2]) == STATUS
    assert json.loads(ask(door, "GET", "/log.json")[2]) == {"events": []}


def test_a_head_has_the_length_and_no_body(door):
    code, headers, body = ask(door, "HEAD", "/status.json")
    assert (code, body) == (200, b"")
    assert int(headers["Content-Length"]) > 0


@pytest.mark.parametrize("path", ["/nothing", "/../gonogo.yaml", "//etc/passwd", "/%2e%2e/gonogo.db", "/status.json/", "/status", "*"])
def test_no_other_path_is_opened(door, path):
    code, _, body = ask(door, "GET", path)
    assert (code, json.loads(body)) == (404, {"title": "there is no such page"})


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_can_be_changed_through_it(door, method):
    code, headers, _ = ask(door, method, "/")
    assert (code, headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_a_page_of_another_name_reads_nothing(door, host):
    connection = http.client.HTTPConnection(*address(door), timeout=10)
    connection.putrequest("GET", "/status.json", skip_host=True)
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
        Door(lambda: STATUS, lambda: {}, port=address(door)[1])


def test_a_record_that_cannot_be_read_is_no_page(capfd):
    def broken() -> dict[str, Any]:
        raise StorageError("the store is gone", hint="Look for it.")

    with Door(broken, broken) as door:
        for path in ("/", "/status.json", "/log.json"):
            code, _, body = ask(door, "GET", path)
            assert (code, json.loads(body)["title"]) == (503, "the store is gone Look for it.")


def test_readers_that_go_away_leave_nothing_in_the_terminal(door, capfd):
    for _ in range(3):
        with socket.create_connection(address(door)) as gone:
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            gone.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert ask(door, "GET", "/")[0] == 200
    assert capfd.readouterr().err == ""


def test_a_request_that_is_none_is_refused_in_json(door):
    with socket.create_connection(address(door), timeout=10) as raw:
        raw.sendall(b"<script>alert(1)</script>\r\n\r\n")
        answer = raw.makefile("rb").read()
    assert b"text/html" not in answer
    assert json.loads(answer.rpartition(b"\r\n\r\n")[2] or answer)
