"""A request of an HTTP/1.1 connection, and its answer as the bytes that leave."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gonogo.service.door.content_coding import SMALLEST, packed
from gonogo.service.door.exchange import Exchange
from gonogo.service.wire import JSON

if TYPE_CHECKING:
    from gonogo.service.door.connection import HttpConnection

_clock = time.perf_counter


class HttpExchange(Exchange):
    """A request of one connection. `wire` is the answer's bytes until its turn comes, `held` what it adds to the server's count."""

    __slots__ = ("connection", "held", "keep_alive", "wire")

    def __init__(self, connection: HttpConnection, method: bytes, target: bytes, headers: dict[bytes, bytes], body: bytes) -> None:
        # Exchange.__init__ written out: this is made for every request.
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.caller = ""
        self.reply_headers = b""
        self.started = _clock()
        self.connection = connection
        self.held = 0
        self.keep_alive = True
        self.wire: bytes | None = None

    @property
    def gone(self) -> bool:
        return self.connection.transport is None

    def answer(self, status: int, body: bytes, *, content_type: bytes = JSON, headers: bytes | None = None) -> None:
        if self.wire is not None:
            return
        connection = self.connection
        server = connection.server
        lines = (server.headers if headers is None else headers) + self.reply_headers
        if len(body) >= SMALLEST:
            body, more = packed(body, content_type, self.headers.get(b"accept-encoding"))
            lines += more
        exchanges = connection.exchanges
        if server.leaving and exchanges and exchanges[-1] is self:
            self.keep_alive = False
        if not self.keep_alive:
            lines += b"connection: close\r\n"
        elif b"connection" in self.headers and self.headers[b"connection"].lower() == b"keep-alive":
            lines += b"connection: keep-alive\r\n"  # an HTTP/1.0 client must be told
        if server.on_answered is not None:
            server.on_answered(self, status, lines)
        sent = b"" if self.method == b"HEAD" else body
        self.wire = b"%bcontent-type: %b\r\ncontent-length: %d\r\n%b\r\n%b" % (server.lines[status], content_type, len(body), lines, sent)
        if self.held:
            self.hold(0)
        if exchanges and exchanges[0] is self:
            connection.flush()
        elif self in exchanges:
            self.hold(len(self.wire))

    def hold(self, size: int) -> None:
        """Count `size` bytes on the server for as long as this exchange waits."""
        self.connection.server.held += size - self.held
        self.held = size
