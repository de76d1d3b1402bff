"""The HTTP server: the connections of one listening socket, and what they share. What happens on one stands in `connection.py`.

Rules it keeps:

1. A socket that is accepted is answered, if only with a 503: a listener that is closed or overrun drops nobody silently.
2. Connections and the memory that they hold are bounded, and descriptors never run out: at the bound new ones are turned away.
3. One timer looks at all clocks.
"""

from __future__ import annotations

import asyncio
import errno
import resource
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

from gonogo import settings
from gonogo.service.door.connection import LINGER_SECONDS, HttpConnection, TurnedAway
from gonogo.service.door.exchange import Exchange
from gonogo.service.door.heads import Heads
from gonogo.service.door.tls import Certificate

SWEEP_SECONDS = 0.25
ACCEPT_AT_ONCE = 64  #: connections taken before what is already connected gets its turn
_TURNED_AWAY = 32  #: connections beyond the bound that are told why; more are closed without a word
_SPARE_DESCRIPTORS = 64  #: files, sockets to other arms, pipes to children
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    body: int = 1 << 20  #: as it counts for a handler: unpacked, without chunk framing
    headers: int = 16 << 10  #: request line and all header lines together, within 2 KiB
    pipeline: int = 64  #: requests of one connection in flight before reading pauses
    connections: int = 10_000  #: open at a time; fewer where the process may open fewer files
    held: int = 512 << 20  #: bodies that arrive or wait, and answers that nobody reads, of all connections together
    read_seconds: float = 20.0  #: longest a request may take to arrive, and longest a new connection may be silent
    idle_seconds: float = 75.0  #: longest a connection may be silent between requests
    write_seconds: float = 30.0  #: longest a client may refuse to read

    @classmethod
    def from_settings(cls, width: int) -> Limits:
        """For a model that takes `width` numbers a row."""
        return cls(
            body=settings.request_body(width),
            connections=int(settings.number("connections")),
            idle_seconds=settings.number("idle_seconds"),
        )


Handler = Callable[[Exchange], None]


class HttpServer:
    """Serves one listening socket.

    `handler` answers each exchange, at once or later; when it raises, the exchange is answered 500. `headers` are whole lines that every
    answer carries whose giver names none. With a `certificate` the socket speaks TLS, and only TLS.
    """

    def __init__(
        self,
        handler: Handler,
        limits: Limits,
        *,
        headers: bytes = b"",
        certificate: Certificate | None = None,
        on_fault: Callable[[BaseException], None],
    ) -> None:
        self.handler = handler
        self.limits = limits
        self.headers = headers
        self.on_fault = on_fault
        self.on_answered: Callable[[Exchange, int, bytes], None] | None = None  #: told of each answer: its status and header lines
        self.leaving = False
        self.held = 0  #: bytes, see `Limits.held`
        self.lines: dict[int, bytes] = {}  #: status line and date, by status
        self.connections: set[HttpConnection] = set()
        self._certificate = certificate
        self._listener: socket.socket | None = None
        self._resting = False  #: the machine has no descriptor left: accept again at the next sweep
        self._arriving: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None
        self._most = min(limits.connections, max(16, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _SPARE_DESCRIPTORS - _TURNED_AWAY))
        self.heads = Heads()
        self._date = ""
        self._tell_date()

    @property
    def listening(self) -> bool:
        return self._listener is not None

    @property
    def overfull(self) -> bool:
        return self.held > self.limits.held

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
        self._resting = False

    def _accept(self) -> None:
        for _ in range(ACCEPT_AT_ONCE):
            if self._listener is None:
                return
            try:
                accepted, _ = self._listener.accept()
            except BlockingIOError:
                return  # another process that shares the listener was quicker
            except OSError as error:
                self.on_fault(error)
                if error.errno in _EXHAUSTED:  # what waits in the queue would wake us for ever
                    asyncio.get_running_loop().remove_reader(self._listener.fileno())
                    self._resting = True
                return
            accepted.setblocking(False)
            beyond = len(self.connections) + len(self._arriving) - self._most
            if beyond >= _TURNED_AWAY or (beyond >= 0 and self._certificate is not None):
                accepted.close()
                continue
            if accepted.family != socket.AF_UNIX:
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = asyncio.get_running_loop().create_task(self._adopt(accepted, turned_away=beyond >= 0))
            self._arriving.add(task)
            task.add_done_callback(self._arriving.discard)

    async def _adopt(self, accepted: socket.socket, *, turned_away: bool) -> None:
        loop = asyncio.get_running_loop()
        secure: dict[str, Any] = {}
        reason = (503, "The service has as many connections as it can.") if turned_away else None
        try:
            if self._certificate is not None:
                async with asyncio.timeout(self.limits.read_seconds):
                    first = await _first_byte(accepted)
                if first == b"\x16":
                    seconds = self.limits.read_seconds
                    context = self._certificate.context
                    secure = {"ssl": context, "ssl_handshake_timeout": seconds, "ssl_shutdown_timeout": LINGER_SECONDS}
                else:
                    reason = 400, "This port speaks HTTPS."
            await loop.connect_accepted_socket(lambda: TurnedAway(self, *reason) if reason else HttpConnection(self), accepted, **secure)
        except OSError as error:
            accepted.close()
            if self._certificate is None:  # whoever fails to shake hands has learned so; it is no fault of ours
                self.on_fault(error)
        except BaseException:
            accepted.close()
            raise

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
            for task in self._arriving if idle is not None and waited >= idle else ():
                task.cancel()  # nobody has asked anything there
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
        for task in self._arriving:
            task.cancel()
        for connection in list(self.connections):
            connection.abort()

    async def _sweep(self) -> None:
        # One timer for all connections: a timer per request would cost more than the request.
        while True:
            await asyncio.sleep(min(SWEEP_SECONDS, self.limits.read_seconds / 4, self.limits.idle_seconds / 4))
            now = time.perf_counter()
            for connection in list(self.connections):
                connection.look_at_clock(now)
            self._tell_date()
            if self._certificate is not None:
                self._certificate.refresh(self.on_fault)
            if self._resting and self._listener is not None:
                self._resting = False
                asyncio.get_running_loop().add_reader(self._listener.fileno(), self._accept)

    def _tell_date(self) -> None:
        # RFC 9110 6.6.1: an origin server with a clock says when it answered.
        date = formatdate(usegmt=True)
        if date != self._date:
            self._date = date
            self.heads.clear()
            self.lines = {int(s): f"HTTP/1.1 {int(s)} {s.phrase}\r\ndate: {date}\r\n".encode() for s in HTTPStatus}


async def _first_byte(accepted: socket.socket) -> bytes:
    """What a connection begins with, left where it is: a TLS hello, or something else that must be told so."""
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not readable.done():
            readable.set_result(None)

    loop.add_reader(accepted.fileno(), wake)
    try:
        await readable
    finally:
        loop.remove_reader(accepted.fileno())
    with suppress(BlockingIOError):
        return accepted.recv(1, socket.MSG_PEEK)
    return b""
