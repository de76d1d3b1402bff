"""A small read-only server: `/` is the status page, `/status.json` and `/log.json` are the records behind it.

It changes nothing, opens no path that a request names, and binds to loopback only.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from gonogo.errors import AddressInUseError, GonogoError
from gonogo.web.page import render_status

Document = Callable[[], Mapping[str, Any]]


class Door:
    """Serves the documents on 127.0.0.1 in a thread of its own. `port` 0 takes a free one; `url` says which."""

    def __init__(self, status: Document, log: Document, *, port: int = 0) -> None:
        class Handler(_Handler):
            documents: Mapping[str, Document] = {"/status.json": status, "/log.json": log}
            page = staticmethod(status)

        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        except OSError as error:
            raise AddressInUseError(f"port {port} is taken ({error.strerror}).", hint="Choose another: --dashboard PORT.") from error
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever, name="gonogo-door", daemon=True)

    def __enter__(self) -> Door:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """GET and HEAD of three fixed paths."""

    documents: Mapping[str, Document]
    page: Document
    server_version = "gonogo"
    sys_version = ""
    timeout = 10

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        try:
            if path == "/":
                self._answer(200, "text/html; charset=utf-8", render_status(type(self).page()).encode())
            elif path in self.documents:
                self._answer(200, "application/json", json.dumps(self.documents[path](), allow_nan=False).encode())
            else:
                self._answer(404, "application/json", b'{"title": "there is no such page"}')
        except GonogoError as error:
            self._answer(503, "application/json", json.dumps({"title": str(error)}).encode())

    do_HEAD = do_GET

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """No access log: the door is polled every few seconds."""
