"""Request ids and trace context: what a caller sent to find this request again, checked before it is echoed, logged or sent on.

`x-request-id` is echoed when it is short and plain; one that is not, or that holds an API key, is replaced, so that nobody writes into a
log or a header what they like. `traceparent` is read as W3C Trace Context level 1 (https://www.w3.org/TR/trace-context/) says: one that
breaks the rules is as good as none, and takes its `tracestate` with it; a later version is understood by its first four fields and sent on
as version 00. This service records no spans itself: it keeps the trace in its logs, and hands it to the other arm under a span id of its
own. A request without these headers costs two look-ups.
"""

from __future__ import annotations

import os
import re

from gonogo.service.door.exchange import Exchange

_REQUEST_ID = re.compile(rb"(?!.*gng_)[A-Za-z0-9][A-Za-z0-9._:+/=@-]{0,127}")
_TRACEPARENT = re.compile(rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_TRACESTATE = re.compile(rb"[\x20-\x7e\t]{1,512}")


def identify(exchange: Exchange) -> None:
    """Judge the headers that identify a request, once, at the entrance: afterwards they can be trusted, or they are gone."""
    headers = exchange.headers
    if b"x-request-id" in headers:
        if not _REQUEST_ID.fullmatch(headers[b"x-request-id"]):
            headers[b"x-request-id"] = os.urandom(16).hex().encode()
        exchange.reply_headers += b"x-request-id: %b\r\n" % headers[b"x-request-id"]
    if b"traceparent" in headers:
        found = _TRACEPARENT.fullmatch(headers[b"traceparent"])
        if found is None or (found[1] == b"00" and found[5]):
            del headers[b"traceparent"]
        elif found[1] != b"00":
            headers[b"traceparent"] = b"00-%b-%b-%02x" % (found[2], found[3], int(found[4], 16) & 1)


def onward(exchange: Exchange) -> bytes:
    """Header lines for a request that is made in answering this one: the same trace and request id, a new span."""
    headers = exchange.headers
    lines = b""
    if b"x-request-id" in headers:
        lines = b"x-request-id: %b\r\n" % headers[b"x-request-id"]
    trace = headers.get(b"traceparent")
    if trace is not None:
        lines += b"traceparent: %b%b%b\r\n" % (trace[:36], os.urandom(8).hex().encode(), trace[52:])
        state = headers.get(b"tracestate", b"")
        if _TRACESTATE.fullmatch(state):
            lines += b"tracestate: %b\r\n" % state
    return lines


def trace_id(headers: dict[bytes, bytes]) -> str:
    """The trace that a request belongs to, 32 hex digits; "" when it is none. For headers that were identified."""
    return headers.get(b"traceparent", b"")[3:35].decode("ascii", "replace")
