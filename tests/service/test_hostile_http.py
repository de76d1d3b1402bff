"""Malformed and smuggled requests, judged beside h11 and a real nginx: where the three differ, the table says why."""

import os
import re
import shutil
import socket
import subprocess
import time
from contextlib import suppress

import h11
import pytest

from gonogo.service.door.http import Limits
from hostile_requests import CASES
from small_server import serving

NAMES = [case.name for case in CASES]
NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log crit;
events {{ worker_connections 64; }}
http {{
  access_log off; client_header_timeout 2s; client_body_timeout 2s; keepalive_timeout 2s;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  server {{ listen unix:{folder}/front; location / {{ proxy_ignore_client_abort on; proxy_pass http://unix:{folder}/back:/; }} }}
  server {{ listen unix:{folder}/back; location / {{ return 200 ok; }} }}
}}
"""


def verdict(answer):
    """Requests served and whether something was refused, from the bytes that came back. HTTP/0.9 answers have no head."""
    codes = [int(code) for code in re.findall(rb"HTTP/1\.1 (\d\d\d)", answer)] or [200] * (answer == b"ok")
    return sum(code < 400 for code in codes), any(code >= 400 for code in codes)


def talk(kind, address, wire):
    with socket.socket(kind) as connection:
        connection.settimeout(20)
        connection.connect(address)
        connection.sendall(wire)
        with suppress(OSError):  # refused and closed already
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while piece := connection.recv(1 << 16):
            received += piece
        return received


@pytest.fixture(scope="module")
def ours():
    """Sends bytes to our server: the verdict, the targets that a handler saw, and the answer."""
    with serving(Limits()) as (port, echo, _):

        def send(wire):
            echo.seen.clear()
            answer = talk(socket.AF_INET, ("127.0.0.1", port), wire)
            return verdict(answer), list(echo.seen), answer

        yield send
        assert echo.faults == []


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if program is None:
        assert not os.environ.get("CI"), "CI has nginx: see `make servers`"
        pytest.skip("there is no nginx here")
    folder = tmp_path_factory.mktemp("n")
    folder.chmod(0o755)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder))
    process = subprocess.Popen([program, "-c", folder / "nginx.conf", "-p", folder, "-e", folder / "error.log"])
    while not (folder / "back").exists():
        assert process.poll() is None, (folder / "error.log").read_text()
        time.sleep(0.02)
    yield str(folder / "front")
    process.terminate()
    process.wait(10)


def judged_by_h11(wire):
    """The verdict of h11 as a server that answers each request as soon as it is complete."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(wire)
    connection.receive_data(b"")
    served = 0
    try:
        while (event := connection.next_event()) is not h11.NEED_DATA and not isinstance(event, h11.ConnectionClosed):
            if not isinstance(event, h11.EndOfMessage):
                continue
            served += 1
            if connection.their_state is not h11.DONE:
                break  # it would close, or switch protocols
            connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
            connection.send(h11.EndOfMessage())
            connection.start_next_cycle()
    except h11.RemoteProtocolError:
        return served, True
    return served, False


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_each_request_is_judged_as_the_table_says(ours, case):
    given, seen, answer = ours(case.wire)
    assert given == case.ours, answer
    assert len(seen) == case.ours[0], "a handler saw what was refused"
    assert b"/smuggled" not in seen
    if case.ours[1]:
        assert answer.count(b"HTTP/1.1 ") == 1 + case.ours[0]
        assert b"connection: close" in answer


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_h11_judges_as_the_table_says(case):
    assert judged_by_h11(case.wire) == case.h11


def test_nginx_judges_as_the_table_says(nginx):
    judged = {case.name: verdict(talk(socket.AF_UNIX, nginx, case.wire)) for case in CASES}
    assert judged == {case.name: case.nginx for case in CASES}


def test_where_we_differ_from_h11_or_nginx_the_table_says_why():
    assert len(NAMES) == len(set(NAMES))
    for case in CASES:
        assert bool(case.why) == ((case.h11, case.nginx) != (case.ours, case.ours)), case.name


def test_we_serve_nothing_that_both_others_refuse():
    laxer = [case.name for case in CASES if case.ours[0] > max(case.h11[0], case.nginx[0])]
    assert laxer == ["RTSP/1.0"]
