"""What the whole service counted: `/stats` and `/metrics`. The sums are the supervisor's, whichever worker is asked.

When they do not come in time the answer is 503: a partial sum would look like a counter that went down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from gonogo.errors import GonogoError
from gonogo.service.counters import by_release
from gonogo.service.door.exchange import Exchange
from gonogo.service.metrics import PROMETHEUS, exposition
from gonogo.service.pages.page import Host
from gonogo.service.wire import JSON, to_json
from gonogo.stats.latency import LatencyHistogram

Writer = Callable[[Mapping[str, Any]], tuple[bytes, bytes]]  #: from totals to content type and body


class CountPages:
    """Pages about the requests that were answered."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._tasks: set[asyncio.Task[None]] = set()

    def stats(self, exchange: Exchange) -> None:
        self._start(exchange, self._stats)

    def metrics(self, exchange: Exchange) -> None:
        self._start(exchange, lambda totals: (PROMETHEUS, exposition(totals, self._host.table)))

    def _start(self, exchange: Exchange, write: Writer) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(exchange, write))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, exchange: Exchange, write: Writer) -> None:
        try:
            content_type, body = write(await self._host.upward.ask("totals"))
        except GonogoError as error:
            headers = self._host.own_headers + b"retry-after: 1\r\n"
            exchange.problem(503, f"The sums of all processes cannot be had: {error.message}", headers=headers)
        except Exception as error:  # the boundary of this task: recorded, and the caller is told
            self._host.on_fault(error)
            exchange.problem(500, "The sums of all processes cannot be read.", headers=self._host.own_headers)
        else:
            exchange.answer(200, body, content_type=content_type)

    def _stats(self, totals: Mapping[str, Any]) -> tuple[bytes, bytes]:
        table = self._host.table
        latency = {release: LatencyHistogram.from_json(histogram) for release, histogram in totals["latency"].items()}
        arms = {release: {**row, "latency_ms": _quantiles(latency[release])} for release, row in by_release(totals["counters"]).items()}
        answer = {
            "release": self._host.served.release,
            "uptime_seconds": totals["uptime_seconds"],
            "route": table.to_json() if table else None,
            "releases": arms,
            "processes": {name: {key: muster[key] for key in ("size", "ready", "silent")} for name, muster in totals["releases"].items()},
            "shadow": totals["shadow"],
            "faults": totals["faults"],
        }
        return JSON, to_json(answer)


def _quantiles(histogram: LatencyHistogram) -> dict[str, float]:
    return {f"p{p:g}": round(histogram.quantile(p / 100) / 1000, 3) for p in (50, 95, 99)}
