"""Packed bodies, both ways: what comes in counts unpacked, what goes out is packed for who asks."""

import gzip
import http.client
import json
import random
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.service.door.content_coding import SMALLEST, packed, takes_gzip, unpacked
from gonogo.service.door.http import Limits
from gonogo.service.door.http_rules import Refusal
from small_server import serving

BODY = json.dumps({"features": [{"x": n / 7} for n in range(50)]}).encode()
RAW = zlib.compressobj(wbits=-15)
IN_CODINGS = {
    "gzip": gzip.compress(BODY),
    "x-gzip": gzip.compress(BODY),
    "GZIP": gzip.compress(BODY),
    "deflate": zlib.compress(BODY),
    "identity": BODY,
}
LIMIT = 100_000
REFUSED = {
    "a bomb": (gzip.compress(bytes(50_000_000)), "gzip", 413),
    "a bomb in deflate": (zlib.compress(bytes(50_000_000)), "deflate", 413),
    "one byte too much": (gzip.compress(random.Random(1).randbytes(1000) * 100 + b"x"), "gzip", 413),
    "cut": (gzip.compress(BODY)[:-5], "gzip", 400),
    "a wrong checksum": (gzip.compress(BODY)[:-8] + bytes(8), "gzip", 400),
    "not gzip": (BODY, "gzip", 400),
    "not deflate": (b"\xff" * 100, "deflate", 400),
    "gzip said to be deflate": (gzip.compress(BODY), "deflate", 400),
    "something behind it": (gzip.compress(BODY) + b"x", "gzip", 400),
    "two members": (gzip.compress(b"") * 1000, "gzip", 400),
    "a coding that nobody knows": (BODY, "br", 415),
    "two codings": (gzip.compress(gzip.compress(BODY)), "gzip, gzip", 415),
}


@pytest.fixture(scope="module")
def server():
    with serving(Limits(body=LIMIT)) as running:
        yield running


def ask(port, body, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/", body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


@pytest.mark.parametrize("coding", IN_CODINGS)
def test_a_packed_body_is_the_body(server, coding):
    answer, content = ask(server[0], IN_CODINGS[coding], content_encoding=coding)
    assert (answer.status, content) == (200, b"POST / " + BODY)


def test_deflate_without_its_frame_is_understood(server):
    assert ask(server[0], RAW.compress(BODY) + RAW.flush(), content_encoding="deflate")[1] == b"POST / " + BODY


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_unpacked_within_the_limit_is_refused(server, name):
    port, echo, _ = server
    body, coding, status = REFUSED[name]
    seen = len(echo.seen)
    answer, content = ask(port, body, content_encoding=coding)
    assert (answer.status, json.loads(content)["status"]) == (status, status)
    assert answer.getheader("accept-encoding") == ("gzip, deflate" if status == 415 else None)
    assert len(echo.seen) == seen


def test_a_large_answer_is_packed_for_who_asks_and_says_that_it_varies(server):
    body = b'"' + b"abc" * SMALLEST + b'"'
    plain, content = ask(server[0], body)
    assert (plain.getheader("content-encoding"), plain.getheader("vary"), content) == (None, "accept-encoding", b"POST / " + body)
    small, content = ask(server[0], body, accept_encoding="br, gzip;q=0.5")
    assert (small.getheader("content-encoding"), small.getheader("vary")) == ("gzip", "accept-encoding")
    assert len(content) == int(small.getheader("content-length")) < len(body) / 10
    assert gzip.decompress(content) == b"POST / " + body


def test_a_small_answer_and_a_binary_one_are_left_as_they_are(server):
    answer, content = ask(server[0], b"x" * 100, accept_encoding="gzip")
    assert (answer.getheader("content-encoding"), answer.getheader("vary"), content) == (None, None, b"POST / " + b"x" * 100)
    assert packed(bytes(5000), b"application/octet-stream", b"gzip") == (bytes(5000), b"")


ACCEPTED = {
    "gzip": True, "GZIP": True, "*": True, "x-gzip": True, "deflate, gzip;q=1.0, *;q=0.5": True, "gzip ; q=0.001": True,
    "": False, "br": False, "identity": False, "gzip;q=0": False, "*, gzip;q=0": False, "gzip;q=x": False, "*;q=0": False,
}  # fmt: skip


@pytest.mark.parametrize("accepted", ACCEPTED)
def test_what_a_client_accepts_is_read_by_its_weights(accepted):
    assert takes_gzip(accepted.encode()) is ACCEPTED[accepted]


@given(st.binary(max_size=2000))
def test_what_is_packed_unpacks_to_itself(body):
    assert unpacked(packed(body, b"text/plain", b"gzip")[0], b"gzip", 2000) == body


@given(st.binary(min_size=1, max_size=300), st.sampled_from([b"gzip", b"deflate"]))
def test_garbage_is_refused_or_bounded(body, coding):
    with suppress(Refusal):
        assert len(unpacked(body, coding, 1000)) <= 1000
