"""The pages that can be read: what there is, whether it is well, what it serves, what it counted."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from gonogo.service.counters import Counters
from gonogo.service.exchange import Exchange
from gonogo.service.loading import Served
from gonogo.service.metrics import PROMETHEUS, exposition
from gonogo.service.routing import RoutingTable
from gonogo.service.wire import JSON, to_json

Page = Callable[[Exchange], None]  #: answers the exchange, at once or later


class Pages:
    """Answers for GET. `table` is the one in force, if any."""

    def __init__(self, served: Served, counters: Counters) -> None:
        self.table: RoutingTable | None = None
        self._served = served
        self._counters = counters
        self._started = time.monotonic()
        self._pages: dict[bytes, Callable[[], tuple[bytes, bytes]]] = {
            b"/": self._index,
            b"/health": self._health,
            b"/model_info": self._model_info,
            b"/model/info": self._model_info,
            b"/metrics": self._metrics,
            b"/stats": self._stats,
        }

    def find(self, path: bytes) -> Page | None:
        content = self._pages.get(path)
        if content is None:
            return None

        def page(exchange: Exchange) -> None:
            content_type, body = content()
            exchange.answer(200, body, content_type=content_type)

        return page

    def _index(self) -> tuple[bytes, bytes]:
        pages = {
            "POST /predict": 'predictions for {"features": {...}} or {"features": [{...}, ...]}',
            "GET /health": "whether this process is well, and what it serves",
            "GET /model_info": "features, classes and digests of the model",
            "GET /metrics": "Prometheus metrics",
            "GET /stats": "the same counts as JSON",
        }
        return JSON, to_json({"service": "gonogo", "release": self._served.release, "endpoints": pages})

    def _health(self) -> tuple[bytes, bytes]:
        served = self._served
        return JSON, to_json({"status": "healthy", "release": served.release, "digest": served.digest, "model_loaded": True})

    def _model_info(self) -> tuple[bytes, bytes]:
        served, schema = self._served, self._served.schema
        features = [{"name": f.name, "type": f.type, "nullable": f.nullable} for f in schema.features]
        document: dict[str, Any] = {
            "release": served.release,
            "digest": served.digest,
            **served.info,
            "task": schema.task,
            "classes": list(schema.classes),
            "threshold": schema.threshold,
            "features": features,
        }
        return JSON, to_json(document)

    def _stats(self) -> tuple[bytes, bytes]:
        self._counters.settle()
        arms = {release: {**row, "latency_ms": _quantiles(self._counters, release)} for release, row in self._counters.by_arm().items()}
        return JSON, to_json(
            {
                "release": self._served.release,
                "uptime_seconds": round(time.monotonic() - self._started, 3),
                "route": self.table.to_json() if self.table else None,
                "releases": arms,
                "faults": self._counters.faults,
            }
        )

    def _metrics(self) -> tuple[bytes, bytes]:
        self._counters.settle()
        return PROMETHEUS, exposition(self._served, self._counters, self.table, time.monotonic() - self._started)


def _quantiles(counters: Counters, release: str) -> dict[str, float]:
    histogram = counters.latency[release]
    return {f"p{p:g}": round(histogram.quantile(p / 100) / 1000, 3) for p in (50, 95, 99)}
