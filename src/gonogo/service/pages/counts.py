"""What was counted: `/stats` and `/metrics`."""

from __future__ import annotations

import time

from gonogo.service.counters import Counters
from gonogo.service.exchange import Exchange
from gonogo.service.metrics import PROMETHEUS, exposition
from gonogo.service.pages.page import Host
from gonogo.service.wire import to_json


class CountPages:
    """Pages about the requests that were answered."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._started = time.monotonic()

    def stats(self, exchange: Exchange) -> None:
        counters, table = self._host.counters, self._host.table
        counters.settle()
        arms = {release: {**row, "latency_ms": _quantiles(counters, release)} for release, row in counters.by_arm().items()}
        answer = {
            "release": self._host.served.release,
            "uptime_seconds": round(time.monotonic() - self._started, 3),
            "route": table.to_json() if table else None,
            "releases": arms,
            "faults": counters.faults,
        }
        exchange.answer(200, to_json(answer))

    def metrics(self, exchange: Exchange) -> None:
        counters = self._host.counters
        counters.settle()
        text = exposition(self._host.served, counters, self._host.table, time.monotonic() - self._started)
        exchange.answer(200, text, content_type=PROMETHEUS)


def _quantiles(counters: Counters, release: str) -> dict[str, float]:
    histogram = counters.latency[release]
    return {f"p{p:g}": round(histogram.quantile(p / 100) / 1000, 3) for p in (50, 95, 99)}
