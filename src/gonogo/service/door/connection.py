"""One HTTP/1.1 connection: an `asyncio.Protocol` over llhttp, no framework between.

Rules it keeps, whatever the other side sends:

1. Answers leave in the order of their requests (pipelining), and an answer can only reach the connection of its own request: the place
   for the answer, an `HttpExchange`, is made with the request and belongs to it.
2. Every limit is enforced while bytes arrive, not afterwards: request line, headers, body, trailers, requests in flight, time, and the
   memory that all connections of a server hold together.
3. What is malformed gets one 4xx answer and the connection ends; nothing after it is interpreted (no request smuggling).
4. A connection that ends with input unread is closed in two steps, so that the answer is not lost to a reset.
5. An idle connection of a leaving server lives until its next answer, which says `connection: close`: no request is ever cut.

References: RFC 9112 (syntax, pipelining, closing), RFC 9110 (methods, Expect), RFC 9457 (problem bodies, see `wire.py`).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, cast

import httptools

from gonogo.service.door.content_coding import unpacked
from gonogo.service.door.http_exchange import HttpExchange
from gonogo.service.door.http_rules import (
    Refusal,
    check_coding,
    check_host,
    check_transfer_encoding,
    check_version,
    join_repeated,
    origin_form,
)

if TYPE_CHECKING:
    from gonogo.service.door.http import HttpServer

LINGER_SECONDS = 2.0
SLICE = 2048  #: bytes of heads that the parser gets at a time, so that a pipeline stops near its bound
LARGE = 4 << 10  #: bytes; larger bodies and answers that wait are counted
_MOST_HEADERS = 100
_IDLE, _HEAD, _BODY = range(3)
_clock = time.perf_counter


class HttpConnection(asyncio.Protocol):
    """Parser state, the exchanges in flight, flow control both ways."""

    __slots__ = (
        "_backlog", "_body", "_completed", "_continue_due", "_expected", "_feeding", "_headers", "_held", "_host", "_keep_alive",
        "_linger_until", "_parser", "_raw", "_reading_paused", "_repeated", "_since", "_state", "_target", "_trailer_size",
        "_whole", "_writing_paused", "exchanges", "server", "transport",
    )  # fmt: skip

    def __init__(self, server: HttpServer) -> None:
        self.server = server
        self.transport: asyncio.Transport | None = None
        self.exchanges: deque[HttpExchange] = deque()
        self._parser = httptools.HttpRequestParser(self)
        self._state = _IDLE
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: bytes | bytearray = b""
        self._expected = 0  #: content-length of the request that arrives
        self._repeated = 0
        self._trailer_size = 0
        self._host: bytes | None = None  #: the last one that was found good
        self._keep_alive = True
        self._continue_due = False
        self._raw = 0  #: bytes of the request that arrives: bounds what the parser may hoard
        self._completed = 0
        self._backlog: memoryview | None = None  #: what has arrived and waits for room in the pipeline
        self._feeding = False
        self._held = 0  #: what we add to the server's count, without the exchanges
        self._since = _clock()
        self._linger_until = 0.0  #: not 0: answered for good, input is thrown away
        self._reading_paused = False
        self._writing_paused = False
        self._whole = b""  #: what arrived at once and begins with the request that is read

    @property
    def idle(self) -> bool:
        return not self.exchanges and self._state == _IDLE

    @property
    def _full(self) -> bool:
        return self._writing_paused or len(self.exchanges) >= self.server.limits.pipeline

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's
        self.transport = cast(asyncio.Transport, transport)
        self.server.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        self._backlog = None
        self._hold(0)
        self._drop()
        self.server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        if self._linger_until:
            return
        if len(data) <= SLICE and self._backlog is None:
            end = data.find(b"\r\n\r\n") + 4
            head = self.server.heads.get(data[:end])
            if head is not None and len(data) == end + head.body and self._state == _IDLE and self._keep_alive:
                self._take(head.method, head.target, head.headers.copy(), data[end:])
            else:
                self._whole = data if self._state == _IDLE else b""
                self._feed(data)
            if len(self.exchanges) >= self.server.limits.pipeline:
                self._flow()
        else:
            waiting = self._backlog
            self._backlog = memoryview(data if waiting is None else bytes(waiting) + data)
            self._work_off()

    def eof_received(self) -> bool:
        if self._backlog is not None:
            self._backlog = None
            self._refuse(400, "The connection was half closed with more requests under way than the service takes at a time.")
        elif self._state != _IDLE and not self._linger_until:
            self._refuse(400, "The request ended before it was complete.")
        # Half-closed clients still get their answers; with nothing to answer the connection ends here.
        if self.exchanges:
            self.exchanges[-1].keep_alive = False
            return True
        return False

    def pause_writing(self) -> None:
        self._writing_paused = True
        self._since = _clock()
        if self.transport is not None:
            self._hold(self.transport.get_write_buffer_size())
        self._flow()

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._hold(0)
        self._flow()

    # Bytes in.

    def _work_off(self) -> None:
        """Parse what has arrived, until all is parsed or the pipeline is full."""
        self._feeding = True
        try:
            while (data := self._backlog) is not None:
                size = SLICE
                if self._state == _BODY:
                    size = max(SLICE, self._expected - len(self._body))
                self._backlog = data[size:] if len(data) > size else None
                self._feed(data[:size])
                if self._linger_until:
                    self._backlog = None
                elif self._full:
                    break
        finally:
            self._feeding = False
        self._flow()

    def _feed(self, data: bytes | memoryview) -> None:
        completed = self._completed
        rest: bytes | memoryview = b""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # A client may offer another protocol (some offer HTTP/2 with every request); we go on in this one.
            rest = data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            self._judge(error)
            return
        if len(rest):
            self._feed(rest)
            return
        if self._state != _IDLE:
            self._bound(len(data), new=self._completed != completed or self._raw == 0)

    def _judge(self, error: httptools.HttpParserError) -> None:
        refusal = error.__context__
        if isinstance(refusal, Refusal):
            self._refuse(refusal.status, refusal.detail, refusal.headers)
        elif isinstance(error, httptools.HttpParserCallbackError) and refusal is not None:
            self.server.on_fault(refusal)
            self._refuse(500, "The request could not be read.")
        else:
            self._refuse(400, "The request is not valid HTTP/1.1.")

    def _bound(self, size: int, *, new: bool) -> None:
        """Hold an incomplete request to its limits: its clock, its bytes, and the memory of the whole server."""
        limits = self.server.limits
        if new:
            self._raw = 0
            self._since = _clock()
        self._raw += size
        if self._state == _HEAD:
            if self._raw > limits.headers:
                self._refuse(431, "The headers are too large.")
            return
        # What is neither head nor body is framing: chunks of one byte each are borne, floods of chunk extensions are not.
        if self._raw > 2 * limits.headers + 8 * len(self._body):
            self._refuse(413, "The request carries more framing than the service reads.")
            return
        self._hold(len(self._body))
        if self.server.overfull:
            self._refuse(503, "The service holds as many requests as it can.", b"retry-after: 1\r\n")

    def _hold(self, size: int) -> None:
        self.server.held += size - self._held
        self._held = size

    # What the parser calls.

    def on_message_begin(self) -> None:
        self._state = _HEAD

    def on_url(self, url: bytes) -> None:
        self._target += url
        if len(self._target) > self.server.limits.headers // 2:
            raise Refusal(414, "The address is too long.")

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        value = value.rstrip(b" \t")  # RFC 9112 5.1; what stands before it the parser has left out
        headers = self._headers
        if self._state == _BODY:  # trailers carry nothing that we read
            self._trailer_size += len(name) + len(value) + 4
            if self._trailer_size > self.server.limits.headers:
                raise Refusal(431, "The trailers are too large.")
        elif name in headers:
            self._repeated += 1
            headers[name] = join_repeated(name, headers[name], value)
        else:
            headers[name] = value

    def on_headers_complete(self) -> None:
        self._state = _BODY
        headers = self._headers
        if len(headers) + self._repeated > _MOST_HEADERS:
            raise Refusal(431, "There are too many headers.")
        self._keep_alive = keep_alive = self._parser.should_keep_alive()
        host = headers.get(b"host")
        if host != self._host and host is not None:
            check_host(host)
            self._host = host
        if not keep_alive or host is None or b"connection" in headers:
            check_version(self._parser.get_http_version(), headers)
        if self._target[0] != 47:
            self._target = origin_form(self._parser.get_method(), self._target)
        length = headers.get(b"content-length")
        if length is not None:
            self._expected = int(length)
            if self._expected > self.server.limits.body:
                raise Refusal(413, f"The body may have {self.server.limits.body} bytes at most; GONOGO_REQUEST_BODY raises that.")
        elif b"transfer-encoding" in headers:
            check_transfer_encoding(headers[b"transfer-encoding"])
        if b"content-encoding" in headers:
            check_coding(headers[b"content-encoding"])
        if b"expect" in headers:
            if headers[b"expect"].lower() != b"100-continue":
                raise Refusal(417, "The only expectation that is understood is 100-continue.")
            self._continue_due = True
            self._say_continue()

    def on_body(self, body: bytes) -> None:
        if not self._body:
            self._body = body
            if len(body) > self.server.limits.body:
                raise Refusal(413, f"The body may have {self.server.limits.body} bytes at most; GONOGO_REQUEST_BODY raises that.")
            return
        if isinstance(self._body, bytes):
            self._body = bytearray(self._body)
        self._body += body
        if len(self._body) > self.server.limits.body:
            raise Refusal(413, f"The body may have {self.server.limits.body} bytes at most; GONOGO_REQUEST_BODY raises that.")

    def on_message_complete(self) -> None:
        if self._linger_until:
            return
        server = self.server
        headers = self._headers
        body = self._body if isinstance(self._body, bytes) else bytes(self._body)
        if self._held and not self._writing_paused:
            self._hold(0)
        method, target = self._parser.get_method(), self._target
        if self._whole and self._keep_alive:
            server.heads.keep(self._whole, method, target, headers, len(body))
        if b"content-encoding" in headers:
            body = unpacked(body, headers.pop(b"content-encoding"), server.limits.body)
        self._state = _IDLE
        self._target = self._body = self._whole = b""
        self._headers = {}
        self._raw = self._expected = self._repeated = self._trailer_size = 0
        self._continue_due = False
        self._take(method, target, headers, body)

    def _take(self, method: bytes, target: bytes, headers: dict[bytes, bytes], body: bytes) -> None:
        """A request is complete: have it answered."""
        server = self.server
        exchange = HttpExchange(self, method, target, headers, body)
        exchange.keep_alive = self._keep_alive
        self._since = exchange.started
        self._completed += 1
        if len(body) > LARGE:
            exchange.hold(len(body))
            if server.overfull:
                exchange.hold(0)
                raise Refusal(503, "The service holds as many requests as it can.", b"retry-after: 1\r\n")
        self.exchanges.append(exchange)
        try:
            server.handler(exchange)
        except Exception as error:  # the boundary: the fault is recorded and the request is answered
            server.on_fault(error)
            exchange.problem(500, "The service failed to answer.")

    # Answers out, in order.

    def flush(self) -> None:
        """Send every answer that is ready and whose turn it is."""
        exchanges = self.exchanges
        transport = self.transport
        if transport is None:
            return
        while exchanges:
            wire = exchanges[0].wire
            if wire is None:
                break
            done = exchanges.popleft()
            if done.held:
                done.hold(0)
            transport.write(wire)
            if self._writing_paused:
                self._hold(transport.get_write_buffer_size())
                if self.server.overfull:  # it asks and does not read, and is not the only one
                    self._linger_until = _clock()
                    transport.abort()
                    return
            if not done.keep_alive:
                self._drop()
                self._finish()
                return
        if self._continue_due:
            self._say_continue()
        if self._reading_paused:
            self._flow()

    def end(self) -> None:
        """Close when idle; otherwise after the answer that is due."""
        if self.transport is None:
            return
        if self.exchanges:
            self.exchanges[-1].keep_alive = False
        else:
            self.transport.close()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def look_at_clock(self, now: float) -> None:
        """End what takes too long: requests that trickle in, silence, clients that do not read."""
        limits = self.server.limits
        silent = now - self._since
        if self._linger_until:
            if now > self._linger_until:
                self.abort()
        elif self._writing_paused:
            if silent > limits.write_seconds:
                self.abort()
        elif self.exchanges:
            self._since = now  # it is our turn
        elif self._state != _IDLE:
            if silent > limits.read_seconds:
                self._refuse(408, "The request took too long to arrive.")
        elif silent > (limits.idle_seconds if self._completed else limits.read_seconds) and self.transport is not None:
            self.transport.close()

    def _say_continue(self) -> None:
        if not self.exchanges and self.transport is not None:
            self._continue_due = False
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _refuse(self, status: int, detail: str, headers: bytes = b"") -> None:
        # In order behind the answers that are still due; nothing that follows is read.
        if self._linger_until:
            return
        self._state = _IDLE
        self._continue_due = False
        self._body = b""
        if not self._writing_paused:
            self._hold(0)
        self._linger_until = _clock() + self.server.limits.write_seconds
        exchange = HttpExchange(self, b"", b"", {}, b"")
        exchange.keep_alive = False
        self.exchanges.append(exchange)
        exchange.problem(status, detail, headers=self.server.headers + headers)

    def _finish(self) -> None:
        transport = self.transport
        if transport is None:
            return
        if self._linger_until:
            self._linger_until = _clock() + LINGER_SECONDS
            if transport.can_write_eof():
                transport.write_eof()
            if self._reading_paused:
                self._reading_paused = False
                transport.resume_reading()
        else:
            self._linger_until = _clock() + self.server.limits.write_seconds
            transport.close()

    def _drop(self) -> None:
        # Those that are not answered yet count until they are.
        for exchange in self.exchanges:
            if exchange.wire is not None:
                exchange.hold(0)
        self.exchanges.clear()

    def _flow(self) -> None:
        """Read on, or stop reading, as the pipeline and the client's own reading allow."""
        if self.transport is None or self._feeding:
            return
        wanted = self._full
        if not wanted and self._backlog is not None:
            self._work_off()
        elif wanted != self._reading_paused:
            self._reading_paused = wanted
            if wanted:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()


class TurnedAway(HttpConnection):
    """A connection that may not ask: it gets one answer, whatever it asks, and ends."""

    __slots__ = ("_reason",)

    def __init__(self, server: HttpServer, status: int, detail: str) -> None:
        super().__init__(server)
        self._reason = status, detail

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._refuse(*self._reason, b"retry-after: 1\r\n" if self._reason[0] == 503 else b"")
