"""Forwarding to another release: over its Unix socket, on kept connections, never for longer than a deadline.

The request keeps its target, its body and the headers that say how the body is spelled and the answer is to be.

Whatever goes wrong leaves as an UnreachableError; the caller books it on the arm and has the stable one answer. A hung arm costs each
of its requests one deadline and no more; a great many at once are refused without trying, so that a hung arm cannot eat this worker's
descriptors.
"""

from __future__ import annotations

import asyncio

from gonogo.errors import UnreachableError
from gonogo.service.client import ClientConnection, Response, connect_unix, request_bytes
from gonogo.service.door.exchange import Exchange
from gonogo.service.door.trace import onward

MOST_IN_FLIGHT = 256
MOST_IDLE = 64
KEPT = (b"content-type", b"accept", b"inference-header-content-length")


class Forwarder:
    """Requests to one release's Unix socket."""

    def __init__(self, path: str, release: str) -> None:
        self._path = path
        self._release = release
        self._headers = f"x-gonogo-assigned: {release}\r\n".encode()
        self._idle: list[ClientConnection] = []
        self._busy: set[asyncio.Task[Response]] = set()

    async def predict(self, exchange: Exchange, deadline: float, more: bytes = b"") -> Response:
        """The release's answer, whatever its status. `more`: whole header lines of this request. Raises UnreachableError: refused, lost,
        late, or from another release."""
        if len(self._busy) >= MOST_IN_FLIGHT:
            raise UnreachableError(f"{self._release} already has {MOST_IN_FLIGHT} requests that it has not answered.")
        given = exchange.headers
        kept = b"".join([b"%b: %b\r\n" % (name, given[name]) for name in KEPT if name in given])
        headers = self._headers + more + onward(exchange) + kept
        request = request_bytes("POST", exchange.target.decode("latin-1"), "arm", exchange.body, headers)
        task = asyncio.get_running_loop().create_task(self._predict(request))
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)
        done, _ = await asyncio.wait((task,), timeout=deadline)
        if not done:
            task.cancel()
            raise UnreachableError(f"{self._release} did not answer within {deadline:g} s.")
        if task.cancelled():
            raise UnreachableError(f"{self._release} was taken off while it was asked.")
        response = task.result()
        if response.headers.get(b"x-gonogo-release") != self._release.encode():
            raise UnreachableError(f"another release answered in the place of {self._release}.")
        return response

    async def _predict(self, request: bytes) -> Response:
        while True:
            connection = self._take()
            fresh = connection is None
            if connection is None:
                connection = await connect_unix(self._path)
            try:
                response = await connection.request(request)
            except UnreachableError:
                if fresh:
                    raise
                continue  # a kept connection may have been closed while it was idle; that says nothing about the arm
            if connection.usable and len(self._idle) < MOST_IDLE:
                self._idle.append(connection)
            else:
                connection.close()
            return response

    def _take(self) -> ClientConnection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return None

    def give_up(self) -> None:
        """Let go of every request in flight at once: the arm is off, and the stable one can answer them."""
        for task in list(self._busy):
            task.cancel()
        self.close()

    def close(self) -> None:
        """Close the kept connections; requests in flight go on."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()
