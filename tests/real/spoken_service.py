"""A small right service, for the checks that ask one: real HTTP. Subclasses are wrong in one thing."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from gonogo.base.canonical import parse_json
from gonogo.errors import UnreachableError
from gonogo.evidence.inputs import Response
from gonogo.evidence.memory import measure
from gonogo.evidence.record import Measurement
from gonogo.model.encode import RowErrors, encode_rows
from gonogo.model.schema import Schema

MOST_BYTES, MOST_ROWS = 1 << 20, 1000


class Service:
    """A right service over a schema of a float, a nullable float, an int, a bool and a text. Subclasses are wrong in one thing."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.requests = 0

    def score(self, row: dict[str, Any]) -> float:
        return 0.75 if row["flag"] else 0.25

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, str, bytes]:
        pages: dict[str, Callable[[], Any]] = {"/health": self.health, "/model_info": self.model_info}
        if path == "/predict":
            if method != "POST":
                return self.problem(405)
            status, kind, data = self.predict(body)
            self.requests += 1
            return status, kind, data
        if path == "/metrics" and method == "GET":
            return 200, "text/plain; version=0.0.4", self.metrics().encode()
        if path in pages:
            return (200, "application/json", json.dumps(pages[path]()).encode()) if method == "GET" else self.problem(405)
        return self.problem(404)

    def health(self) -> Any:
        return {"status": "healthy", "model_loaded": True}

    def model_info(self) -> Any:
        names = [{"name": name} for name in self.schema.feature_names]
        return {"digest": "sha256:0", "features": names, "classes": list(self.schema.classes)}

    def metrics(self) -> str:
        return (
            "# HELP requests_total Requests.\n# TYPE requests_total counter\n"
            f'requests_total{{path="/predict",status="2xx"}} {self.requests}\n'
            '# TYPE seconds histogram\nseconds_bucket{le="0.1"} 1\nseconds_bucket{le="+Inf"} 2\nseconds_sum 0.3\nseconds_count 2\n'
        )

    def predict(self, body: bytes) -> tuple[int, str, bytes]:
        if len(body) > MOST_BYTES:
            return self.problem(413)
        try:
            request = parse_json(body)
        except ValueError:
            return self.problem(400)
        if not isinstance(request, dict) or request.keys() != {"features"} or not isinstance(request["features"], dict | list):
            return self.problem(422)
        rows = request["features"] if isinstance(request["features"], list) else [request["features"]]
        if len(rows) > MOST_ROWS:
            return self.problem(413)
        try:
            encode_rows(self.schema, rows)
        except RowErrors as error:
            return self.problem(422, errors=error.errors)
        return 200, "application/json", json.dumps({"predictions": [self.prediction(row) for row in rows]}).encode()

    def prediction(self, row: dict[str, Any]) -> dict[str, Any]:
        p = self.score(row)
        return {"label": "1" if p >= 0.5 else "0", "score": p, "scores": {"0": 1 - p, "1": p}}

    def problem(self, status: int, **more: Any) -> tuple[int, str, bytes]:
        return status, "application/problem+json", json.dumps({"status": status, **more}).encode()


class Client:
    """An `Endpoint` over http.client."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.base_url = f"http://127.0.0.1:{port}"
        self.isolation = "none: a server of the test"

    def peak_memory_mb(self) -> float | None:
        return None

    def request(self, method: str, path: str, body: bytes | None = None, headers: Any = None) -> Response:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            answer = connection.getresponse()
            return Response(answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"no answer: {error}") from error
        finally:
            connection.close()


@contextmanager
def running(service: Service) -> Iterator[Client]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            try:
                status, kind, data = service.answer(self.command, self.path, body)
            except ConnectionAbortedError:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = serve

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Client(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


ROW = {"amount": 1.5, "age": None, "count": 3, "flag": True, "city": "Bonn"}


def run(check: str, service: Service, options: dict[str, Any] | None = None, **more: Any) -> Measurement:
    with running(service) as endpoint:
        return measure(check, options, endpoint=endpoint, **more)


class Failing(Service):
    def predict(self, body: bytes) -> tuple[int, str, bytes]:
        return self.problem(500)


class Garbled(Service):
    def predict(self, body: bytes) -> tuple[int, str, bytes]:
        return 200, "application/json", b"\xff{"
