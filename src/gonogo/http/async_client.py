"""The client for coroutines; see `client.py`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from gonogo.errors import UnreachableError
from gonogo.http.talk import BUSY, NO_HEADERS, Answer, Prediction, Talk, asking, bodies, predictions

if TYPE_CHECKING:
    from gonogo.service.client import ClientConnection


@dataclass(eq=False, repr=False)
class AsyncClient(Talk):
    """The same for coroutines: as many requests at once as the caller starts, on as many kept connections. Arguments as for `Client`."""

    _idle: list[ClientConnection] = field(default_factory=list, init=False)

    async def predict(
        self, rows: Sequence[Mapping[str, Any]], *, version: str | None = None, headers: Mapping[str, str] = NO_HEADERS
    ) -> list[Prediction]:
        """As `Client.predict`."""
        found: list[Prediction] = []
        for first, count, body in bodies(rows):
            found += predictions(await self._ask("POST", "/predict", body, asking(version, headers), first), count)
        return found

    async def health(self) -> dict[str, Any]:
        return dict(await self._ask("GET", "/health", b"", {}))

    async def model_info(self) -> dict[str, Any]:
        return dict(await self._ask("GET", "/model_info", b"", {}))

    async def load(self, release: str) -> dict[str, Any]:
        """As `Client.load`."""
        return dict(await self._ask("POST", "/load", json.dumps({"release": release}).encode(), {}))

    async def close(self) -> None:
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def _ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str], first: int = 0) -> Any:
        from gonogo.service.client import request_bytes

        lines = "".join(f"{name}: {value}\r\n" for name, value in self._headers(headers).items()).encode()
        request = request_bytes(method, path, self._authority, body, lines)
        for attempt in range(self.retries + 1):
            last = attempt == self.retries
            try:
                async with asyncio.timeout(self.timeout):
                    answer = await self._once(request)
            except (UnreachableError, TimeoutError, OSError) as error:
                if last:
                    raise self._lost(error) from error
                await asyncio.sleep(self._pause(attempt, None))
                continue
            if answer.status not in BUSY or last:
                return self._read(answer, first)
            await asyncio.sleep(self._pause(attempt, answer))
        raise AssertionError("unreachable")

    async def _once(self, request: bytes) -> Answer:
        from gonogo.service.client import connect_tcp

        while self._idle and not self._idle[-1].usable:
            self._idle.pop()
        connection = self._idle.pop() if self._idle else await connect_tcp(self._host, self._port, self._tls)
        response = await connection.request(request)
        if connection.usable:
            self._idle.append(connection)
        return Answer(response.status, {name.decode(): value.decode() for name, value in response.headers.items()}, response.body)
