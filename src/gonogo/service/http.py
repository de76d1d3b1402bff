"""HTTP/1.1 for the service: one `asyncio.Protocol` per connection over llhttp, no framework between.

Rules it keeps, whatever the other side sends:

1. Answers leave a connection in the order of its requests (pipelining), and an answer can only reach the connection of its own
   request: the place for the answer, an `HttpExchange`, is made with the request and belongs to it.
2. Every limit is enforced while bytes arrive, not afterwards: request line, headers, body, trailers, requests in flight, time.
3. What is malformed gets one 4xx answer and the connection ends; nothing after it is interpreted (no request smuggling).
4. A connection that ends with input unread is closed in two steps, so that the answer is not lost to a reset.
5. An idle connection of a leaving server lives until its next answer, which says `connection: close`: no request is ever cut.

References: RFC 9112 (syntax, pipelining, closing), RFC 9110 (methods, Expect), RFC 9457 (problem bodies, see `wire.py`).
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

import httptools

from gonogo.service.exchange import Exchange
from gonogo.service.wire import JSON

LINGER_SECONDS = 2.0
SWEEP_SECONDS = 0.25
ACCEPT_AT_ONCE = 64  #: connections taken before what is already connected gets its turn
_LINES = {int(status): f"HTTP/1.1 {int(status)} {status.phrase}\r\n".encode() for status in HTTPStatus}


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    body: int = 1 << 20
    headers: int = 16 << 10  #: request line and all header lines together
    pipeline: int = 64  #: requests of one connection in flight before reading pauses
    read_seconds: float = 20.0  #: longest a request may take to arrive
    idle_seconds: float = 75.0  #: longest a connection may be silent between requests
    write_seconds: float = 30.0  #: longest a client may refuse to read


class _Refusal(Exception):
    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class HttpExchange(Exchange):
    """A request of one connection. `wire` is the answer's bytes until its turn comes."""

    __slots__ = ("connection", "keep_alive", "wire")

    def __init__(self, connection: HttpConnection, method: bytes, target: bytes, headers: dict[bytes, bytes], body: bytes) -> None:
        super().__init__(method, target, headers, body)
        self.connection = connection
        self.keep_alive = True
        self.wire: bytes | None = None

    def answer(self, status: int, body: bytes, *, content_type: bytes = JSON, headers: bytes | None = None) -> None:
        if self.wire is not None:
            return
        connection = self.connection
        lines = (connection.server.headers if headers is None else headers) + self.reply_headers
        if connection.server.leaving and connection.exchanges and connection.exchanges[-1] is self:
            self.keep_alive = False
        if not self.keep_alive:
            lines += b"connection: close\r\n"
        elif b"connection" in self.headers and self.headers[b"connection"].lower() == b"keep-alive":
            lines += b"connection: keep-alive\r\n"  # an HTTP/1.0 client must be told
        sent = b"" if self.method == b"HEAD" else body
        self.wire = b"%bcontent-type: %b\r\ncontent-length: %d\r\n%b\r\n%b" % (_LINES[status], content_type, len(body), lines, sent)
        connection.flush()


Handler = Callable[[Exchange], None]


class HttpServer:
    """The connections of one listening socket, and what they share: handler, limits, headers of every answer.

    `handler` answers each exchange, at once or later; when it raises, the exchange is answered 500. `headers` are whole lines.
    """

    def __init__(self, handler: Handler, limits: Limits, *, headers: bytes = b"", on_fault: Callable[[BaseException], None]) -> None:
        self.handler = handler
        self.limits = limits
        self.headers = headers
        self.on_fault = on_fault
        self.leaving = False
        self.connections: set[HttpConnection] = set()
        self._listener: socket.socket | None = None
        self._arriving: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None

    @property
    def listening(self) -> bool:
        return self._listener is not None

    async def listen(self, listening: socket.socket) -> None:
        """Accept from a socket that already listens. The socket stays open when we stop: it belongs to whoever made it.

        We accept by hand: a server of asyncio that is closed between an accept and its callback drops that connection.
        """
        self.leaving = False
        loop = asyncio.get_running_loop()
        if self._listener is None:
            listening.setblocking(False)
            self._listener = listening
            loop.add_reader(listening.fileno(), self._accept)
        if self._sweeper is None:
            self._sweeper = loop.create_task(self._sweep())

    def stop_listening(self) -> None:
        """Accept no more; connections that exist are answered, with `connection: close`."""
        self.leaving = True
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener.fileno())
            self._listener = None

    def _accept(self) -> None:
        for _ in range(ACCEPT_AT_ONCE):
            if self._listener is None:
                return
            try:
                accepted, _ = self._listener.accept()
            except BlockingIOError:
                return  # another process that shares the listener was quicker
            except OSError as error:
                # Aborted by the client, or out of descriptors: what waits in the queue is tried again at the next look.
                self.on_fault(error)
                return
            accepted.setblocking(False)
            if accepted.family != socket.AF_UNIX:
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = asyncio.get_running_loop().create_task(self._adopt(accepted))
            self._arriving.add(task)
            task.add_done_callback(self._arriving.discard)

    async def _adopt(self, accepted: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: HttpConnection(self), accepted)
        except OSError as error:
            accepted.close()
            self.on_fault(error)

    async def drained(self, seconds: float, idle: float | None = None) -> bool:
        """Wait until every connection has ended; end those without a request after `idle` seconds, the others after `seconds`.

        True when all went by themselves. Returns at once when the server listens again.
        """
        start = time.monotonic()
        clean = True
        while self.leaving and (self.connections or self._arriving):
            waited = time.monotonic() - start
            if waited > seconds + 1.0:
                break
            for connection in list(self.connections):
                if waited >= seconds or (idle is not None and waited >= idle and connection.idle):
                    clean = False
                    connection.end()
            await asyncio.sleep(0.01)
        return clean and not self.connections

    def close(self) -> None:
        """End everything at once."""
        self.stop_listening()
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for connection in list(self.connections):
            connection.abort()

    async def _sweep(self) -> None:
        # One timer for all connections: a timer per request would cost more than the request.
        while True:
            await asyncio.sleep(min(SWEEP_SECONDS, self.limits.read_seconds / 4, self.limits.idle_seconds / 4))
            now = time.monotonic()
            for connection in list(self.connections):
                connection.look_at_clock(now)


class HttpConnection(asyncio.Protocol):
    """One connection: parser state, the exchanges in flight, flow control both ways."""

    __slots__ = (
        "_body", "_body_size", "_completed", "_continue_due", "_header_size", "_headers", "_in_body", "_in_message", "_linger_until",
        "_parser", "_raw", "_reading_paused", "_since", "_target", "_writing_paused", "exchanges", "server", "transport",
    )  # fmt: skip

    def __init__(self, server: HttpServer) -> None:
        self.server = server
        self.transport: asyncio.Transport | None = None
        self.exchanges: deque[HttpExchange] = deque()
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._header_size = 0
        self._body_size = 0
        self._raw = 0  #: bytes since the last complete request: bounds what the parser may hoard
        self._completed = 0
        self._in_message = False
        self._in_body = False
        self._continue_due = False
        self._since = time.monotonic()
        self._linger_until = 0.0  #: not 0: answered for good, input is thrown away
        self._reading_paused = False
        self._writing_paused = False

    @property
    def idle(self) -> bool:
        return not self.exchanges and not self._in_message

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's
        self.transport = cast(asyncio.Transport, transport)
        self.server.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        self.exchanges.clear()
        self.server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        if self._linger_until:
            return
        if not self._in_message:
            self._since = time.monotonic()
            self._in_message = True
        completed = self._completed
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(400, "This service does not switch protocols.")
            return
        except httptools.HttpParserError as error:
            refusal = error.__context__
            if isinstance(refusal, _Refusal):
                self._refuse(refusal.status, refusal.detail)
            elif isinstance(error, httptools.HttpParserCallbackError) and refusal is not None:
                self.server.on_fault(refusal)
                self._refuse(500, "The request could not be read.")
            else:
                self._refuse(400, "The request is not valid HTTP/1.1.")
            return
        limits = self.server.limits
        self._raw = self._raw + len(data) if self._completed == completed else 0
        if self._raw > (8 * limits.body + 16 * limits.headers if self._in_body else limits.headers):
            self._refuse(413 if self._in_body else 431, "The request carries more than the service reads.")
        elif len(self.exchanges) >= limits.pipeline:
            self._flow()

    def eof_received(self) -> bool:
        if self._in_message and not self._linger_until:
            self._refuse(400, "The request ended before it was complete.")
        # Half-closed clients still get their answers; with nothing to answer the connection ends here.
        if self.exchanges:
            self.exchanges[-1].keep_alive = False
            return True
        return False

    def pause_writing(self) -> None:
        self._writing_paused = True
        self._since = time.monotonic()
        self._flow()

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._flow()

    # What the parser calls.

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers = {}
        self._body = []
        self._header_size = 0
        self._body_size = 0
        self._in_body = False
        self._in_message = True

    def on_url(self, url: bytes) -> None:
        self._target += url
        if len(self._target) > self.server.limits.headers // 2:
            raise _Refusal(414, "The address is too long.")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_size += len(name) + len(value) + 4
        if self._header_size > self.server.limits.headers or len(self._headers) > 100:
            raise _Refusal(431, "The headers are too large.")
        if not self._in_body:  # trailers carry nothing that we read
            name = name.lower()
            if name == b"host" and name in self._headers:
                raise _Refusal(400, "The Host header is there twice.")
            self._headers[name] = value

    def on_headers_complete(self) -> None:
        self._in_body = True
        headers = self._headers
        if self._parser.should_upgrade():
            raise _Refusal(400, "This service does not switch protocols.")
        if b"host" not in headers and self._parser.get_http_version() != "1.0":
            raise _Refusal(400, "The Host header is missing.")
        length = headers.get(b"content-length")
        if length is not None and int(length) > self.server.limits.body:
            raise _Refusal(413, f"The body may have {self.server.limits.body} bytes at most.")
        expectation = headers.get(b"expect")
        if expectation is not None:
            if expectation.lower() != b"100-continue":
                raise _Refusal(417, "The only expectation that is understood is 100-continue.")
            self._continue_due = True
            self._say_continue()

    def on_body(self, body: bytes) -> None:
        self._body_size += len(body)
        if self._body_size > self.server.limits.body:
            raise _Refusal(413, f"The body may have {self.server.limits.body} bytes at most.")
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._in_body = self._in_message = self._continue_due = False
        self._completed += 1
        body = self._body
        exchange = HttpExchange(self, self._parser.get_method(), self._target, self._headers, body[0] if len(body) == 1 else b"".join(body))
        exchange.keep_alive = self._parser.should_keep_alive()
        self.exchanges.append(exchange)
        try:
            self.server.handler(exchange)
        except Exception as error:  # the boundary: the fault is recorded and the request is answered
            self.server.on_fault(error)
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
            transport.write(wire)
            if not done.keep_alive:
                exchanges.clear()
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
        if self._linger_until:
            if now > self._linger_until:
                self.abort()
        elif self._writing_paused:
            if now - self._since > limits.write_seconds:
                self.abort()
        elif self._in_message and not self._reading_paused:
            if now - self._since > limits.read_seconds:
                self._refuse(408, "The request took too long to arrive.")
        elif not self.exchanges and now - self._since > limits.idle_seconds and self.transport is not None:
            self.transport.close()

    def _say_continue(self) -> None:
        if not self.exchanges and self.transport is not None:
            self._continue_due = False
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _refuse(self, status: int, detail: str) -> None:
        # In order behind the answers that are still due; nothing that follows is read.
        self._in_message = self._continue_due = False
        self._linger_until = time.monotonic() + self.server.limits.write_seconds
        exchange = HttpExchange(self, b"", b"", {}, b"")
        exchange.keep_alive = False
        self.exchanges.append(exchange)
        exchange.problem(status, detail)

    def _finish(self) -> None:
        transport = self.transport
        if transport is None:
            return
        if self._linger_until:
            self._linger_until = time.monotonic() + LINGER_SECONDS
            if transport.can_write_eof():
                transport.write_eof()
            if self._reading_paused:
                self._reading_paused = False
                transport.resume_reading()
        else:
            transport.close()

    def _flow(self) -> None:
        wanted = self._writing_paused or len(self.exchanges) >= self.server.limits.pipeline
        if wanted == self._reading_paused or self.transport is None:
            return
        self._reading_paused = wanted
        if wanted:
            self.transport.pause_reading()
        else:
            self._since = time.monotonic()
            self.transport.resume_reading()
