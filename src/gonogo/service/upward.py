"""What a worker asks of whoever knows the whole service: its supervisor, or itself when it is alone.

    totals                 what all processes counted, added up, and which releases run (`Totals` below)
    load {release, actor}  verify and start a release; answers when it is ready: {release, already, pid, digest}
    feedback {labels}      take labels, each [prediction id, label, row or null]: {joined, changed, same, waiting, refused [[place, why]]}

`totals` is JSON: `counters`, `latency`, `drift`, `shadow` and `faults` as in a snapshot (`counters.py`), `references` by release
(`reference.py`; the drift of others is left out), `watched` {age_seconds, readings [{signal, window_seconds, labels, value, n, p_value,
judged}]}: what somebody who watches the service measured last (null when nobody does), and `boot_id` (under which they never go
down), `uptime_seconds`, `releases` {reference: {digest, size, ready, silent, memory}}: processes wanted, ready, those that
answer nobody just now and whose last word was counted, and the bytes that they hold (null where that is not told).
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from gonogo import settings
from gonogo.errors import ConflictError, UnreachableError
from gonogo.service.answering.loading import Served
from gonogo.service.counters import Counters
from gonogo.service.error_json import error_of
from gonogo.service.reference import reference

MOST_WAITING = 64  #: questions of one worker; while the supervisor hangs, more are not taken
TOTALS_SECONDS = 1.0  #: longest a page waits for the sums; a partial sum is never given instead


class Upward(Protocol):
    async def ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """Raises UnreachableError when no answer comes in time, and whatever error the answer is."""


class Asking:
    """Asks over the control channel. `say` sends a message; `told` is to be called with each answer that arrives."""

    def __init__(self, say: Callable[..., None]) -> None:
        self._say = say
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        if len(self._waiting) >= MOST_WAITING:
            raise UnreachableError(f"The supervisor owes {MOST_WAITING} answers already.", hint="Repeat in a moment.")
        number = next(self._numbers)
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        seconds = TOTALS_SECONDS if verb == "totals" else settings.number("start_seconds") + settings.number("drain_seconds")
        self._say(kind="ask", id=number, verb=verb, arguments=arguments)
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            raise UnreachableError(f"The supervisor did not answer within {seconds:g} s.", hint="Repeat in a moment.") from None
        finally:
            del self._waiting[number]

    def told(self, message: Mapping[str, Any]) -> None:
        """An answer. One that came too late is nobody's."""
        future = self._waiting.get(message["id"])
        if future is None or future.done():
            return
        if message["ok"]:
            future.set_result(message["value"])
        else:
            future.set_exception(error_of(message["error"]))


class Alone:
    """A process that is the whole service: a trial, or the ASGI application."""

    def __init__(self, served: Served, counters: Counters) -> None:
        self._served = served
        self._counters = counters
        self._boot_id = os.urandom(16).hex()
        self._since = time.monotonic()

    async def ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        if verb != "totals":
            raise ConflictError("This process serves one release alone.", hint="Several releases are served by `gonogo serve`.")
        return {
            **self._counters.snapshot(),
            "references": {self._served.release: reference(self._served.baseline)},
            "boot_id": self._boot_id,
            "uptime_seconds": round(time.monotonic() - self._since, 3),
            "releases": {self._served.release: {"digest": self._served.digest, "size": 1, "ready": 1, "silent": 0}},
        }
