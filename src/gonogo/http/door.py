"""A small read-only server: `/` is the status page, `/still` the same without loading itself again, `/status.json` and `/log.json` are
the records behind it.

It changes nothing, opens no path that a request names, and binds to loopback only.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
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
    """GET and HEAD of four fixed paths, for who asks for this machine by a name of its own: a page from elsewhere whose name was turned to
    this address reads nothing here."""

    documents: Mapping[str, Document]
    page: Document
    server_version = "gonogo"
    sys_version = ""
    timeout = 10

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if self.headers.get("Host", "127.0.0.1").partition(":")[0] not in ("127.0.0.1", "localhost"):
            self._refuse(421, "this page answers to 127.0.0.1 and localhost")
            return
        try:
            if path in ("/", "/still"):
                self._answer(200, "text/html; charset=utf-8", render_status(type(self).page(), reload=path == "/").encode())
            elif path in self.documents:
                self._answer(200, "application/json", json.dumps(self.documents[path](), allow_nan=False).encode())
            else:
                self._refuse(404, "there is no such page")
        except GonogoError as error:
            self._refuse(503, str(error))

    do_HEAD = do_GET

    def handle(self) -> None:
        with suppress(ConnectionError, TimeoutError):  # a reader that goes away is no fault of ours
            super().handle()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the server itself refuses: a method that is not there (405), a request that is none."""
        self.close_connection = True
        self._refuse(405 if code == 501 else code, "GET and HEAD only" if code == 501 else message or "this is no request")

    def _refuse(self, status: int, why: str) -> None:
        self._answer(status, "application/json", json.dumps({"title": why}).encode())

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if status == 405:
            self.send_header("Allow", "GET, HEAD")
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """No access log: the door is polled every few seconds."""
