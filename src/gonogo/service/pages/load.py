"""`POST /load {"release": "system@version"}`: have a release of the registry verified and started, by its reference and never by a path.

It gets no traffic by that; a rollout gives it some, and whoever names its version is answered. Answers when it is ready: 404 for a
release that is not there, 403 for one that does not verify or is not approved.
"""

from __future__ import annotations

import asyncio

import msgspec

from gonogo.base.names import Ref
from gonogo.errors import GonogoError
from gonogo.service.door.exchange import Exchange
from gonogo.service.error_json import status_of
from gonogo.service.pages.page import Host
from gonogo.service.wire import to_json


class _Order(msgspec.Struct, forbid_unknown_fields=True):
    release: str


_decode = msgspec.json.Decoder(_Order).decode


class LoadPage:
    """The page of one worker; the supervisor does the work."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._tasks: set[asyncio.Task[None]] = set()

    def load(self, exchange: Exchange) -> None:
        headers = self._host.own_headers
        try:
            release = _decode(exchange.body).release
            Ref.parse(release)
        except msgspec.ValidationError as error:
            exchange.problem(422, f'The body must be {{"release": "system@version"}}: {error}.', headers=headers)
        except GonogoError as error:
            exchange.problem(422, error.message, headers=headers, hint=error.hint)
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            exchange.problem(400, f"The body is not JSON: {error}." if exchange.body else "The body is empty.", headers=headers)
        else:
            task = asyncio.get_running_loop().create_task(self._load(exchange, release))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _load(self, exchange: Exchange, release: str) -> None:
        headers = self._host.own_headers
        try:
            answer = await self._host.upward.ask("load", release=release, actor=exchange.caller)
        except GonogoError as error:
            status = status_of(error)
            late = b"retry-after: 1\r\n" if status == 503 else b""
            exchange.problem(status, error.message, headers=headers + late, hint=error.hint)
        else:
            exchange.answer(200, to_json({name: answer[name] for name in ("release", "already", "digest")}), headers=headers)
