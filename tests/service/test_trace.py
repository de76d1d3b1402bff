"""Request ids and W3C trace context: what is echoed, what is sent on, what is thrown away."""

import re

import pytest

from gonogo.service.door.exchange import Exchange
from gonogo.service.door.trace import identify, onward, trace_id

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


def arrived(**headers):
    exchange = Exchange(b"POST", b"/predict", {name.replace("_", "-").encode(): value for name, value in headers.items()}, b"")
    identify(exchange)
    return exchange


def test_a_request_without_ids_gets_none():
    exchange = arrived(host=b"x")
    assert (exchange.reply_headers, onward(exchange), trace_id(exchange.headers)) == (b"", b"", "")


@pytest.mark.parametrize("given", [b"abc", b"7", b"0af76519-16cd-43dd-8448-eb211c80319c", b"a" * 128, b"A.b_c:d+e/f=g@h"])
def test_a_plain_request_id_is_echoed_and_sent_on(given):
    exchange = arrived(x_request_id=given)
    assert exchange.reply_headers == onward(exchange) == b"x-request-id: " + given + b"\r\n"


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b" ",
        b"a b",
        b"a\r\nset-cookie: x",
        b"a\nb",
        b"\x1b[31m",
        b"\xff",
        b"a" * 129,
        b"<script>",
        b"-x",
        b'"',
        b"a-gng_0123456789ab_c0ffee",
    ],
)
def test_any_other_request_id_is_replaced_by_a_new_one(given):
    first, second = arrived(x_request_id=given), arrived(x_request_id=given)
    assert re.fullmatch(rb"x-request-id: [0-9a-f]{32}\r\n", first.reply_headers)
    assert onward(first) == first.reply_headers != second.reply_headers


def test_a_trace_is_sent_on_under_a_new_span():
    exchange = arrived(traceparent=PARENT.encode(), tracestate=b"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")
    assert trace_id(exchange.headers) == TRACE
    sent = onward(exchange).decode()
    found = re.fullmatch(f"traceparent: 00-{TRACE}-([0-9a-f]{{16}})-01\r\ntracestate: rojo=00f067aa0ba902b7,congo=t61rcWkgMzE\r\n", sent)
    assert found is not None
    assert found[1] != SPAN
    assert onward(exchange).decode() != sent


@pytest.mark.parametrize(
    "given",
    [
        "",
        "00",
        PARENT.upper(),
        PARENT[:-1],
        PARENT + "0",
        PARENT + "-00",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-0g",
        f"00-{TRACE}{SPAN}-01",
        f"01-{TRACE}-{SPAN}-01x",
        f" {PARENT}",
        f"{PARENT}\n",
    ],
)
def test_a_trace_that_breaks_the_rules_is_as_good_as_none(given):
    exchange = arrived(traceparent=given.encode(), tracestate=b"rojo=1")
    assert (trace_id(exchange.headers), onward(exchange)) == ("", b"")


@pytest.mark.parametrize("tail", ["", "-what-the-future-may-bring"])
def test_a_later_version_is_sent_on_as_ours(tail):
    exchange = arrived(traceparent=f"cc-{TRACE}-{SPAN}-0d{tail}".encode())
    assert re.fullmatch(f"traceparent: 00-{TRACE}-[0-9a-f]{{16}}-01\r\n", onward(exchange).decode())


@pytest.mark.parametrize("state", [b"", b"a" * 513, b"a\r\nx: y", b"\x00", "rö=1".encode()])
def test_a_state_that_is_none_is_left_out(state):
    assert b"tracestate" not in onward(arrived(traceparent=PARENT.encode(), tracestate=state))
