"""The second door: the same answers as a plain ASGI 3 application, for those who bring uvicorn, granian or a platform.

One process serves one release. Parsing, framing and time are the server's; limits of size, packed bodies and who may ask are ours, so
that both doors keep the same contract (`tests/contracts/test_doors.py`). Without API keys callers on this machine are answered, and
nobody else: an application does not know what its server listens on.
"""

from __future__ import annotations

import asyncio
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from typing import Any

from gonogo.service.answering.answer import Answering, Rules
from gonogo.service.answering.loading import Served
from gonogo.service.callers.access import Access, is_loopback
from gonogo.service.counters import SLICE, Counters
from gonogo.service.door.content_coding import SMALLEST, packed, unpacked
from gonogo.service.door.exchange import Exchange
from gonogo.service.door.http import Limits
from gonogo.service.door.http_rules import Refusal, check_coding, join_repeated
from gonogo.service.drift import DriftCounter
from gonogo.service.routing import WHOLE, Arm, RoutingTable
from gonogo.service.supervising.key_watch import KeyWatch
from gonogo.service.upward import Alone
from gonogo.service.wire import JSON

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_COUNT_SECONDS = 0.2
_FAULTS_SHOWN = 50  #: tracebacks told to whoever runs the server; after that only the count goes on


class _AsgiExchange(Exchange):
    """A request of an ASGI server. `sent` becomes status, header lines and body of the answer."""

    __slots__ = ("gone_away", "own", "sent")

    def __init__(self, method: bytes, target: bytes, headers: dict[bytes, bytes], body: bytes, own: bytes) -> None:
        super().__init__(method, target, headers, body)
        self.own = own
        self.gone_away = False
        self.sent: asyncio.Future[tuple[int, bytes, bytes]] = asyncio.get_running_loop().create_future()

    @property
    def gone(self) -> bool:
        return self.gone_away

    def answer(self, status: int, body: bytes, *, content_type: bytes = JSON, headers: bytes | None = None) -> None:
        if self.sent.done():
            return
        lines = (self.own if headers is None else headers) + self.reply_headers
        if len(body) >= SMALLEST:
            body, more = packed(body, content_type, self.headers.get(b"accept-encoding"))
            lines += more
        lines = b"content-type: %b\r\ncontent-length: %d\r\n%b" % (content_type, len(body), lines)
        self.sent.set_result((status, lines, b"" if self.method == b"HEAD" else body))


class AsgiApplication:
    """Serves one release. `keys` says who may ask; without it callers on this machine may."""

    def __init__(self, served: Served, *, keys: KeyWatch | None = None) -> None:
        self._limits = Limits.from_settings(served.schema.width)
        self._counters = Counters(served.release, DriftCounter(served.schema, served.baseline))
        self._access = Access()
        self._answering = Answering(
            served,
            self._counters,
            rules=Rules.from_settings(),
            upward=Alone(served, self._counters),
            admission=self._access,
            on_fault=self._fault,
        )
        self._answering.take_over(RoutingTable(0, 0, (Arm(served.release, WHOLE),), served.release))
        self._keys = keys
        self._keyed = False
        if keys is not None:
            self._heed(keys.begin())
        self._work: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry: `http` and `lifespan`; a WebSocket is refused."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            if self._work is None:  # a server without lifespan
                self._work = asyncio.get_running_loop().create_task(self._keep())
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
        else:
            raise ValueError(f"an ASGI server of version 3 asks for http or lifespan, not for {scope['type']!r}")

    # ---- one request

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"].encode("latin-1")
        exchange = _AsgiExchange(method, _target(scope), {}, b"", self._answering.own_headers)
        try:
            exchange.headers = _headers(scope["headers"])
            exchange.body = await self._body(exchange.headers, receive)
        except Refusal as refusal:
            exchange.problem(refusal.status, refusal.detail, headers=exchange.own + refusal.headers)
        except ConnectionError:
            return
        else:
            exchange.started = time.perf_counter()
            self._ask(scope, exchange)
        try:
            status, lines, body = await exchange.sent
        finally:
            exchange.gone_away = True
        headers = [tuple(line.split(b": ", 1)) for line in lines.split(b"\r\n") if line]
        with suppress(OSError):  # the server's way to say that nobody is there
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    def _ask(self, scope: Scope, exchange: Exchange) -> None:
        client = scope.get("client")
        if not self._keyed and client and not is_loopback(client[0]):
            exchange.problem(403, "Without API keys this service answers its own machine only.")
            return
        try:
            self._answering.public(exchange)
        except Exception as error:  # the boundary: the fault is recorded and the request is answered
            self._fault(error)
            exchange.problem(500, "The service failed to answer.")

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        """The whole body, unpacked. Raises Refusal, and ConnectionError when the client has left."""
        most = self._limits.body
        too_large = Refusal(413, f"The body may have {most} bytes at most; GONOGO_REQUEST_BODY raises that.")
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > most:
            raise too_large
        coding = headers.pop(b"content-encoding", b"")
        if coding:
            check_coding(coding)
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.read_seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ConnectionError
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > most:
                        raise too_large
        except TimeoutError:
            raise Refusal(408, "The request took too long to arrive.") from None
        return unpacked(bytes(body), coding, most) if coding else bytes(body)

    # ---- its life

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._work = asyncio.get_running_loop().create_task(self._keep())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._work.cancel()
        while self._counters.waiting:
            self._counters.settle()
        await send({"type": "lifespan.shutdown.complete"})

    async def _keep(self) -> None:
        """Count what was answered, in slices, and look at the keys."""
        while True:
            try:
                while self._counters.waiting:
                    self._counters.settle(SLICE)
                    await asyncio.sleep(0)  # requests come first
                if self._keys is not None and (news := self._keys.news()) is not None:
                    self._heed(news)
            except Exception as error:  # what cannot be counted must not end the counting of the rest
                self._fault(error)
            await asyncio.sleep(_COUNT_SECONDS)

    def _heed(self, access: dict[str, Any]) -> None:
        self._access.put(access)
        self._keyed = bool(access["keys"])

    def _fault(self, error: BaseException) -> None:
        self._counters.faults += 1
        if self._counters.faults <= _FAULTS_SHOWN:
            sys.stderr.write("".join(traceback.format_exception(error)))


def _target(scope: Scope) -> bytes:
    """Path and query as they were sent, below where the application is mounted."""
    raw = scope.get("raw_path")
    path: bytes = raw if raw else scope["path"].encode()
    root = scope.get("root_path", "").encode()
    if root and path.startswith(root):
        path = path[len(root) :] or b"/"
    query: bytes = scope.get("query_string", b"")
    return b"%b?%b" % (path, query) if query else path


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    for name, value in pairs:
        name = name.lower()  # noqa: PLW2901 - a server in a hurry may not have
        headers[name] = join_repeated(name, headers[name], value) if name in headers else value
    return headers
