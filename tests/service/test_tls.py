"""TLS with a given certificate, talked to by an ordinary client; and what becomes of a pair of files that is none."""

import http.client
import os
import socket
import ssl
import time

import pytest

from gonogo.errors import KeyFileError
from gonogo.service.door.http import Limits
from gonogo.service.door.tls import Certificate
from small_server import HOST, serving, talk
from tls_pair import make_pair


@pytest.fixture
def pair(tmp_path):
    return make_pair(tmp_path)


def client(certificate):
    context = ssl.create_default_context(cafile=certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def shown(port):
    """The certificate that the server shows, unjudged."""
    return ssl.get_server_certificate(("127.0.0.1", port), timeout=10)


def test_an_ordinary_client_that_trusts_the_certificate_is_served_again_and_again(pair):
    with serving(certificate=Certificate(*pair)) as (port, echo, _):
        connection = http.client.HTTPSConnection("localhost", port, context=client(pair[0]), timeout=10)
        for number in range(3):
            connection.request("POST", f"/{number}", b"x" * 900)
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, f"POST /{number} ".encode() + b"x" * 900)
        assert connection.sock.version() == "TLSv1.3"
        assert connection.sock.selected_alpn_protocol() == "http/1.1"
        connection.close()
        assert echo.faults == []


def test_a_large_answer_arrives_whole_and_a_refusal_is_not_lost(pair):
    with serving(Limits(), certificate=Certificate(*pair)) as (port, _, _):
        connection = http.client.HTTPSConnection("localhost", port, context=client(pair[0]), timeout=10)
        connection.request("POST", "/", b"y" * 1_000_000)
        assert connection.getresponse().read() == b"POST / " + b"y" * 1_000_000
        connection.request("POST", "/", b"y" * ((1 << 20) + 1))
        assert connection.getresponse().status == 413
        connection.close()


def test_tls_1_1_is_refused_and_1_2_is_served(pair):
    with serving(certificate=Certificate(*pair)) as (port, echo, _):
        old = client(pair[0])
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.minimum_version = ssl.TLSVersion.TLSv1_1
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection, pytest.raises((ssl.SSLError, ConnectionError)):
            old.wrap_socket(connection, server_hostname="localhost")
        second = client(pair[0])
        second.maximum_version = ssl.TLSVersion.TLSv1_2
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        with second.wrap_socket(connection, server_hostname="localhost") as secure:
            assert secure.version() == "TLSv1.2"
        assert echo.faults == []


def test_plain_http_on_a_tls_port_is_told_so(pair):
    with serving(certificate=Certificate(*pair)) as (port, echo, _):
        answer = talk(port, b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"This port speaks HTTPS." in answer
        assert echo.seen == echo.faults == []


@pytest.mark.parametrize("hello", [b"", b"\x16\x03\x01", b"\x16garbage that is no hello" * 10], ids=["silent", "half", "garbage"])
def test_a_handshake_that_never_ends_or_is_none_is_cut(pair, hello):
    with serving(certificate=Certificate(*pair)) as (port, echo, on_loop):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(hello)
            received = b""
            while piece := connection.recv(1000):
                received += piece
        assert b"HTTP" not in received

        async def left(server):
            return len(server.connections), len(server._arriving)

        deadline = time.monotonic() + 10
        while on_loop(left) != (0, 0):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert echo.faults == []


def test_a_handshake_that_never_comes_does_not_hold_up_a_leaving_server(pair):
    async def arriving(server):
        return len(server._arriving)

    async def leave(server):
        server.stop_listening()
        return await server.drained(8, idle=0.1)

    silent = socket.socket()
    with serving(Limits(read_seconds=60), certificate=Certificate(*pair)) as (port, _, on_loop), silent:
        silent.settimeout(10)
        silent.connect(("127.0.0.1", port))
        deadline = time.monotonic() + 10
        while not on_loop(arriving):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert on_loop(leave) is True
        assert silent.recv(100) == b""


def test_a_renewed_certificate_is_shown_without_a_restart_and_a_half_renewed_one_is_not(pair, tmp_path):
    certificate, key = pair
    first = certificate.read_text()
    with serving(certificate=Certificate(*pair)) as (port, echo, _):
        assert shown(port).split() == first.split()
        (tmp_path / "new").mkdir()
        renewed, new_key = make_pair(tmp_path / "new")
        second = renewed.read_text()
        os.replace(renewed, certificate)
        deadline = time.monotonic() + 10
        while not echo.faults:  # the new certificate with the old key
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert isinstance(echo.faults[0], KeyFileError)
        assert shown(port).split() == first.split()
        os.replace(new_key, key)
        while shown(port).split() != second.split():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert len(echo.faults) == 1


def spoil_missing(certificate, key):
    certificate.unlink()


def spoil_text(certificate, key):
    certificate.write_text("no certificate")


def spoil_folder(certificate, key):
    key.unlink()
    key.mkdir()


def spoil_swapped(certificate, key):
    certificate.write_bytes(key.read_bytes())


def spoil_other(certificate, key):
    (key.parent / "other").mkdir()
    os.replace(make_pair(key.parent / "other")[1], key)


def spoil_locked(certificate, key):
    make_pair(key.parent, passphrase=b"secret")


SPOILED = {
    "a missing certificate": (spoil_missing, "cert.pem cannot be read"),
    "a certificate that is none": (spoil_text, "no certificate with its key"),
    "a key that is a folder": (spoil_folder, "key.pem cannot be read"),
    "a key in place of the certificate": (spoil_swapped, "no certificate with its key"),
    "a key of another certificate": (spoil_other, "no certificate with its key"),
    "a key with a passphrase": (spoil_locked, "no certificate with its key"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_files_that_are_no_pair_are_refused_by_name(pair, name):
    spoil, expected = SPOILED[name]
    spoil(*pair)
    with pytest.raises(KeyFileError, match=expected) as caught:
        Certificate(*pair)
    assert caught.value.hint
