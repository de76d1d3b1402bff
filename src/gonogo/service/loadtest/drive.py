"""How a load is sent.

Closed loop: `clients` patient clients, each sending its next request when it has its answer. Latency is from the first byte sent to the
last byte received, and the percentiles are those of that many patient clients: how long requests would have queued before they were sent
is hidden (coordinated omission).

Open loop: a schedule says when each request is to be sent, by independent users (exponential gaps from a fixed seed), whatever became of
the ones before. `clients` connections send them; one that waits for a connection waits on the clock, since latency is from the moment
that the schedule names. A service that stalls for a second is seen by every request of that second.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence

from gonogo.errors import UnreachableError
from gonogo.service.client import ClientConnection
from gonogo.service.loadtest.answers import Answers
from gonogo.service.loadtest.requests import Payload
from gonogo.service.loadtest.target import Target
from gonogo.stats.latency import LatencyHistogram

ANSWER_SECONDS = 30.0  #: an answer that takes longer is an error
RETRY_SECONDS = 0.01  #: a dead server must not turn the loop into a busy one
SEED = 17  #: of the open loop's schedule
TIMER_SECONDS = 0.0015  #: how late the event loop's timers may be; the rest of a wait is spent looking at the clock


class Tally:
    """What one stretch of load gave: latencies in seconds of answered requests, and what the answers were worth."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.latencies: list[float] = []
        self.histogram = LatencyHistogram()  #: the same, for a look while it runs
        self.behind: list[float] = []  #: seconds that the schedule was kept too late
        self.done = 0

    def book(self, latency: float) -> None:
        self.latencies.append(latency)
        self.histogram.add(latency * 1e6)


class Driver:
    """Connections to a target, and the place in the rotation of payloads."""

    def __init__(self, target: Target, payloads: Sequence[Payload], clients: int) -> None:
        self._target = target
        self._payloads = payloads
        self._connections: list[ClientConnection | None] = [None] * clients
        self._sent = 0

    async def closed(self, requests: int, tally: Tally) -> None:
        """Send so many requests, each client one after the other."""
        left = requests

        async def client(place: int) -> None:
            nonlocal left
            while left > 0:
                left -= 1
                await self._send(place, tally, None)

        await asyncio.gather(*(client(place) for place in range(len(self._connections))))

    async def open(self, requests: int, rate: float, tally: Tally) -> None:
        """Send so many requests at `rate` a second, by the schedule."""
        due: asyncio.Queue[float | None] = asyncio.Queue()

        async def client(place: int) -> None:
            while (intended := await due.get()) is not None:
                await self._send(place, tally, intended)

        clients = [asyncio.create_task(client(place)) for place in range(len(self._connections))]
        gaps = random.Random(SEED)  # noqa: S311 - a schedule is no secret
        intended = time.perf_counter()
        for _ in range(requests):
            intended += gaps.expovariate(rate)
            await _until(intended)
            tally.behind.append(time.perf_counter() - intended)
            due.put_nowait(intended)
        for _ in clients:
            due.put_nowait(None)
        await asyncio.gather(*clients)

    async def close(self) -> None:
        for connection in self._connections:
            if connection is not None:
                connection.abort()  # nothing is under way; TLS would want an answer to a farewell
        await asyncio.sleep(0)

    async def _send(self, place: int, tally: Tally, intended: float | None) -> None:
        """One request on the connection of that place, which is opened when it has to be: not on the clock of a closed loop."""
        payload = self._payloads[self._sent % len(self._payloads)]
        self._sent += 1
        start = time.perf_counter() if intended is None else intended
        try:
            async with asyncio.timeout(start + ANSWER_SECONDS - time.perf_counter()):
                connection = self._connections[place]
                if connection is None or not connection.usable:
                    connection = self._connections[place] = await self._target.connect()
                    start = time.perf_counter() if intended is None else intended
                response = await connection.request(payload.sent)
        except TimeoutError:
            tally.answers.kinds["late"] += 1
        except UnreachableError:
            tally.answers.kinds["lost"] += 1
            await asyncio.sleep(RETRY_SECONDS)
        else:
            tally.book(time.perf_counter() - start)
            tally.answers.take(payload, response)
        finally:
            tally.done += 1


async def _until(moment: float) -> None:
    wait = moment - time.perf_counter()
    if wait > TIMER_SECONDS:
        await asyncio.sleep(wait - TIMER_SECONDS)
    while time.perf_counter() < moment:
        await asyncio.sleep(0)


async def watched(tally: Tally, total: int, progress: Callable[[str, int, int], None], work: asyncio.Task[None]) -> None:
    """Tell `progress` how far `work` is, a few times a second, until it is done."""
    began = time.perf_counter()
    while not (await asyncio.wait((work,), timeout=0.2))[0]:
        middle, high = (tally.histogram.quantile(share) / 1000 for share in (0.5, 0.99))
        pace = tally.done / (time.perf_counter() - began)
        errors = tally.answers.kinds.total()
        progress(f"{pace:,.0f}/s, P50 {middle:.1f}, P99 {high:.1f} ms, {errors} errors", min(tally.done, total - 1), total)
    progress("load test", total, total)
    await work
