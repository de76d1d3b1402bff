"""The other side of OpenTelemetry: a receiver that decodes the official protobuf."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest, ExportMetricsServiceResponse


class Collector:
    """An OTLP/HTTP receiver: POST /v1/metrics with an ExportMetricsServiceRequest in protobuf."""

    def __init__(self) -> None:
        self.taken: list[ExportMetricsServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.down = False
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                well = self.path == "/v1/metrics" and self.headers["content-type"] == "application/x-protobuf" and not collector.down
                if well:
                    body = gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body
                    collector.headers.append({name.lower(): value for name, value in self.headers.items()})
                    collector.taken.append(ExportMetricsServiceRequest.FromString(body))
                answer = ExportMetricsServiceResponse().SerializeToString()
                self.send_response(200 if well else 400)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *words: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def points(self, name: str) -> dict[tuple[str, ...], Any]:
        """The newest points of a metric, by the values of their attributes."""
        if not self.taken:
            return {}
        [resource] = self.taken[-1].resource_metrics
        [found] = [metric for scope in resource.scope_metrics for metric in scope.metrics if metric.name == name]
        data = getattr(found, found.WhichOneof("data"))
        return {tuple(each.value.string_value for each in point.attributes): point for point in data.data_points}
