"""A small HTTP/1.1 client over llhttp, for TCP and Unix sockets: what forwarding and the load test share.

One connection carries one request at a time. The answer goes to the callback given with the request, once: as a `Response`, or as
the error that ended the connection. Errors that leave: UnreachableError.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import httptools

from gonogo.errors import UnreachableError


@dataclass(frozen=True)
class Response:
    """Header names are in lower case."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


LARGEST = 64 << 20  #: bytes of one answer, its head included

Done = Callable[[Response | UnreachableError], None]


def request_bytes(method: str, target: str, host: str, body: bytes = b"", headers: bytes = b"") -> bytes:
    """A whole request; `headers` are whole lines."""
    return f"{method} {target} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {len(body)}\r\n".encode() + headers + b"\r\n" + body


class ClientConnection(asyncio.Protocol):
    """One connection. `send` may be called when no request is in flight and `usable` is true.

    What arrives beyond the answer that is due ends the connection: it would be taken for the next one's.
    """

    __slots__ = ("_arrived", "_body", "_done", "_headers", "_parser", "_response", "_transport", "answered", "usable")

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._arrived = 0  # bytes since the last answer
        self._response: Response | None = None  # whole, and given on once everything that came with it was looked at
        self._done: Done | None = None
        self.usable = False
        self.answered = 0  #: whole answers so far

    def send(self, request: bytes, done: Done) -> None:
        if self._transport is None or self._done is not None:
            done(UnreachableError("the connection is closed." if self._done is None else "the connection is busy."))
            return
        self._done = done
        self._transport.write(request)

    async def request(self, request: bytes) -> Response:
        """Send and wait. When the waiting is cancelled the connection is closed: its answer would be taken for the next one's."""
        future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

        def done(outcome: Response | UnreachableError) -> None:
            if future.done():
                return
            if isinstance(outcome, Response):
                future.set_result(outcome)
            else:
                future.set_exception(outcome)

        self.send(request, done)
        try:
            return await future
        except asyncio.CancelledError:
            self.abort()
            raise

    def close(self) -> None:
        self.usable = False
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's
        self._transport = cast(asyncio.Transport, transport)
        self.usable = True

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self.usable = False
        self._finish(UnreachableError(f"the connection was lost: {error or 'closed by the other side'}."))

    def data_received(self, data: bytes) -> None:
        self._arrived += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.abort()
            if self._response is None:
                self._finish(UnreachableError(f"the answer is not HTTP/1.1: {error}."))
        if self._response is not None:
            response, self._response = self._response, None
            self._arrived = 0
            self._finish(response)
        elif self._arrived > LARGEST:
            self.abort()
            self._finish(UnreachableError(f"the answer has more than {LARGEST >> 20} MiB."))

    def eof_received(self) -> bool:
        return False

    def on_message_begin(self) -> None:
        if self._response is not None:
            self.abort()
        self._headers = {}
        self._body = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200 or self._response is not None:
            return  # 100 Continue and its kind: the answer is still to come
        self.answered += 1
        if not self._parser.should_keep_alive():
            self.close()
        self._response = Response(status, self._headers, b"".join(self._body))

    def _finish(self, outcome: Response | UnreachableError) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(outcome)
        elif isinstance(outcome, Response):
            self.abort()  # an answer that nobody asked for: this connection can no longer be trusted


async def connect_tcp(host: str, port: int, tls: ssl.SSLContext | None = None) -> ClientConnection:
    try:
        _, connection = await asyncio.get_running_loop().create_connection(ClientConnection, host, port, ssl=tls)
    except OSError as error:
        raise UnreachableError(f"{host}:{port} does not answer: {error.strerror or error}.") from error
    return connection


async def connect_unix(path: str) -> ClientConnection:
    loop: Any = asyncio.get_running_loop()
    try:
        _, connection = await loop.create_unix_connection(ClientConnection, path)
    except OSError as error:
        raise UnreachableError(f"{path} does not answer: {error.strerror or error}.") from error
    assert isinstance(connection, ClientConnection)
    return connection
