"""The control API of a supervisor: HTTP/1.1 and JSON on a Unix socket that only its owner can open.

    POST /prepare {release, token?}          POST /stop  {release, token?}
    POST /start   {release, token?}          POST /prune {token?}
    POST /route   {table, op_id, token}      GET  /observe

Every verb may be repeated. An error is an RFC 9457 problem whose member `error` is the name of the class in `errors.py`, so that the
client raises the very same one: 400 wrong use, 404 no such release, 409 conflict or fenced, 403 refused, 503 the world failed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

from gonogo import settings
from gonogo.base.canonical import parse_json
from gonogo.errors import GonogoError, NotFoundError, UsageError
from gonogo.service.door.exchange import Exchange
from gonogo.service.door.http import HttpServer, Limits
from gonogo.service.error_json import status_of
from gonogo.service.places import listen_private

_log = logging.getLogger(__name__)


#: Told who had the service do what, and what came of it; it neither waits nor raises.
Audit = Callable[[str, str, str, str], None]


class Verbs(Protocol):
    """What the API offers: a `Supervisor`."""

    async def prepare(self, release: str, token: int | None = None) -> dict[str, Any]: ...
    async def start_release(self, release: str, token: int | None = None) -> dict[str, Any]: ...
    async def observe(self) -> dict[str, Any]: ...
    async def route(self, table: Mapping[str, Any], op_id: str, token: int) -> dict[str, Any]: ...
    async def stop_release(self, release: str, token: int | None = None) -> dict[str, Any]: ...
    async def prune(self, token: int | None = None) -> dict[str, Any]: ...


class ControlServer:
    """Serves the API until closed. `audit` is told of every call that may change something: actor, verb, release, outcome."""

    def __init__(self, verbs: Verbs, audit: Audit) -> None:
        self._verbs = verbs
        self._audit = audit
        self._server = HttpServer(self._handle, Limits(), on_fault=self._record)
        self._listener: socket.socket | None = None
        self._path: Path | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, path: Path) -> None:
        """Listen at `path`, in place of whatever stood there. The caller holds the supervisor's lock."""
        self._listener = listen_private(path)
        self._path = path
        await self._server.listen(self._listener)

    async def close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._listener is not None and self._path is not None:
            self._listener.close()
            self._path.unlink(missing_ok=True)
            self._listener = self._path = None

    def _handle(self, exchange: Exchange) -> None:
        task = asyncio.ensure_future(self._answer(exchange))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, exchange: Exchange) -> None:
        outcome = "failed"
        try:
            answer = await self._act(exchange.method, exchange.path.decode("latin-1"), exchange.body)
        except GonogoError as error:
            outcome = f"refused: {type(error).__name__}"
            exchange.problem(status_of(error), error.message, error=type(error).__name__, hint=error.hint)
        except Exception as error:  # the boundary of the API: recorded here, told to the caller
            self._record(error)
            exchange.problem(500, f"The supervisor failed: {error!r}.", error="FaultError", hint="See the log of the service.")
        else:
            outcome = "repeated" if answer.get("already") else "done"
            exchange.answer(200, json.dumps(answer, allow_nan=False).encode())
        finally:
            if exchange.method != b"GET":
                self._audit(_actor(exchange), exchange.path.decode("latin-1").removeprefix("/")[:32], _about(exchange.body), outcome)

    async def _act(self, method: bytes, path: str, body: bytes) -> dict[str, Any]:
        if (method, path) == (b"GET", "/observe"):
            return await self._verbs.observe()
        if method != b"POST":
            raise NotFoundError(f"There is no {method.decode('latin-1')} {path} in the control API.")
        asked = _read(body)
        token = _optional_int(asked, "token")
        if path == "/prune":
            return await self._verbs.prune(token)
        if path == "/route":
            table = asked.get("table")
            if not isinstance(table, dict) or token is None:
                raise UsageError("A route needs a table, an op_id and a token.")
            return await self._verbs.route(table, _text(asked, "op_id"), token)
        if path == "/prepare":
            return await self._verbs.prepare(_text(asked, "release"), token)
        if path == "/start":
            return await self._verbs.start_release(_text(asked, "release"), token)
        if path == "/stop":
            return await self._verbs.stop_release(_text(asked, "release"), token)
        raise NotFoundError(f"There is no POST {path} in the control API.")

    @staticmethod
    def _record(error: BaseException) -> None:
        _log.error("the control API met an error: %r", error, exc_info=error)


def _actor(exchange: Exchange) -> str:
    """Who calls, as they say: whoever can open the socket is the owner of the service anyway."""
    given = unquote(exchange.headers.get(b"x-gonogo-actor", b""))[:64]
    return given if given and given.isprintable() else settings.actor()


def _about(body: bytes) -> str:
    """The release that a call is about, or what its table sends where; "" when it names none."""
    try:
        asked = _read(body)
        if isinstance(asked.get("table"), dict):
            return " ".join(f"{arm['release']}={arm['weight_bp']}" for arm in asked["table"]["arms"])[:200]
        return str(asked.get("release") or "")[:200]
    except (UsageError, LookupError, TypeError):
        return ""


def _read(body: bytes) -> dict[str, Any]:
    try:
        asked = parse_json(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The body is not JSON: {error}.") from error
    if not isinstance(asked, dict):
        raise UsageError("The body must be a JSON object.")
    return asked


def _text(asked: Mapping[str, Any], name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str) or not value:
        raise UsageError(f"{name!r} is missing or is no text.")
    return value


def _optional_int(asked: Mapping[str, Any], name: str) -> int | None:
    value = asked.get(name)
    if value is None:
        return None
    if type(value) is not int or value < 0:
        raise UsageError(f"{name!r} must be a whole number from 0 upwards.")
    return value
