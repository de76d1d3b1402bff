"""Sending a service's metrics by OpenTelemetry (OTLP over HTTP), from the process that serves: what `/observe` says, every so often.

`GONOGO_OTLP` is the address of a collector; without it nothing is sent and nothing is imported. Headers, certificates and compression are
those of the official exporter (`OTEL_EXPORTER_OTLP_HEADERS` and others), which reads them itself.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gonogo import settings
from gonogo.errors import GonogoError, MissingExtraError, UsageError
from gonogo.operations.watched import watched
from gonogo.operations.workspace import Workspace

if TYPE_CHECKING:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

_log = logging.getLogger(__name__)
PATH = "/v1/metrics"


class Telemetry:
    """A context in which `observe()` is sent to a collector every `seconds`, by a thread of this process. Raises UsageError for an address
    that is none, MissingExtraError without the library."""

    def __init__(self, system: str, observe: Callable[[], Mapping[str, Any]], address: str, seconds: float) -> None:
        self._system, self._observe, self._seconds = system, observe, seconds
        self._host = urlsplit(address).hostname
        self._exporter = _exporter(address)
        self._trouble = ""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)

    def __enter__(self) -> Telemetry:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopped.set()
        self._exporter.shutdown()
        self._thread.join(timeout=10.0)

    def _run(self) -> None:
        while not self._stopped.wait(self._seconds):
            try:
                trouble = "" if self.send() else f"{self._host} did not take the metrics"
            except GonogoError as error:
                trouble = str(error)
            except Exception:  # the boundary of the thread: one that dies silently is worse than one that complains
                _log.exception("metrics could not be made")
                continue
            if trouble != self._trouble and not self._stopped.is_set():
                _log.warning("telemetry: %s", trouble or f"{self._host} takes the metrics again")
            self._trouble = trouble

    def send(self) -> bool:
        """Look and send, once. False when the collector did not take it; the next time it is told all of it."""
        from opentelemetry.sdk.metrics.export import MetricExportResult

        from gonogo.reports.tools.otlp import metrics_data
        from gonogo.service.metrics import families
        from gonogo.service.routing import RoutingTable

        seen = self._observe()
        now = time.time_ns()
        since = now - int(seen["uptime_seconds"] * 1e9)
        releases = {name: {**state, "memory": _memory(state["processes"])} for name, state in seen["releases"].items()}
        found = families({**seen, "releases": releases}, RoutingTable.from_json(seen["table"]))
        resource = {"service.name": self._system, "service.namespace": "gonogo", "service.instance.id": str(seen["boot_id"])}
        return self._exporter.export(metrics_data(found, resource, since, now)) is MetricExportResult.SUCCESS


def telemetry(workspace: Workspace) -> Telemetry | None:
    """What the settings ask for, if anything."""
    address = settings.text("otlp")
    if not address:
        return None
    from gonogo.service.control import ControlClient

    client = ControlClient.of_store(workspace.path)

    def look() -> Mapping[str, Any]:
        return {**client.observe(), "watched": watched(workspace)}

    return Telemetry(workspace.project.system, look, address, settings.number("otlp_seconds"))


def _exporter(address: str) -> OTLPMetricExporter:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"GONOGO_OTLP is no http or https address: {address!r}.", hint="It looks like http://127.0.0.1:4318.")
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    except ImportError as error:
        raise MissingExtraError("sending metrics by OpenTelemetry (GONOGO_OTLP)", "otel") from error
    # What cannot be sent is said once, by the thread; the exporter would say it at every attempt.
    logging.getLogger("opentelemetry.exporter.otlp").setLevel(logging.CRITICAL)
    return OTLPMetricExporter(endpoint=address if parts.path.endswith(PATH) else address.rstrip("/") + PATH, timeout=5.0)


def _memory(processes: list[Mapping[str, Any]]) -> int | None:
    held = [process["memory"] for process in processes]
    return sum(held) if held and None not in held else None
