"""A small server on 127.0.0.1: bounded in connections, bodies and time, with an answer for every request and streams of events.

It knows nothing of pages: a `Site` answers. It opens no path that a request names. Whoever asks for this machine by a name of its own is
refused (421): a page from elsewhere whose name was turned to this address reads nothing here.
"""

from __future__ import annotations

import io
import json
import logging
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from typing import Any, Protocol
from urllib.parse import parse_qsl

from gonogo.errors import AddressInUseError, GonogoError

_log = logging.getLogger(__name__)

MOST_CONNECTIONS = 64
MOST_STREAMS = 24  #: of those
MOST_BODY = 256 * 1024
MOST_DIGITS = 20  #: of a length
PATIENCE = 10.0  #: seconds that a whole request may take to come, and each write; who is slower is left
NAMES = re.compile(r"(127\.0\.0\.1|localhost)(:[0-9]{1,5})?")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HTML, JSON = "text/html; charset=utf-8", "application/json"


@dataclass(frozen=True)
class Asked:
    """One request. Names of headers are lower case; `query` holds the last value of each name."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def same_origin(self) -> bool:
        """Whether a page of ours asks: browsers say where a form comes from, and other programs say nothing."""
        origin, host = self.headers.get("origin"), self.headers.get("host", "")
        return origin in (None, f"http://{host}") and self.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")


@dataclass(frozen=True)
class Answer:
    body: bytes
    kind: str = HTML
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Stream:
    """Server-sent events, for as long as somebody listens. The iterator ends when the door closes."""

    events: Iterator[bytes]


class Site(Protocol):
    """What is answered. `methods` of a path are those it knows; an empty tuple is a path that is not there."""

    def methods(self, path: str) -> tuple[str, ...]: ...

    def answer(self, asked: Asked) -> Answer | Stream:
        """Raises GonogoError for what cannot be read now (503)."""

    def close(self) -> None:
        """End every stream."""


def refusal(status: int, why: str, *headers: tuple[str, str]) -> Answer:
    return Answer(json.dumps({"title": why}).encode(), JSON, status, headers)


class Door:
    """Serves a site on 127.0.0.1 in threads of its own, inside the `with` block; whoever comes before waits. `port` 0 takes a free one;
    `url` says which. Raises AddressInUseError, before anything is served."""

    def __init__(self, site: Site, *, port: int = 0) -> None:
        class Handler(_Handler):
            pass

        Handler.site = self._site = site
        try:
            self._server = _Server(("127.0.0.1", port), Handler)
        except OSError as error:
            raise AddressInUseError(f"port {port} is taken ({error.strerror}).", hint="Choose another: --dashboard PORT.") from error
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever, name="gonogo-door", daemon=True)

    def __enter__(self) -> Door:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._site.close()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = MOST_CONNECTIONS

    def __init__(self, address: tuple[str, int], handler: type[_Handler]) -> None:
        self.places = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self.streams = threading.BoundedSemaphore(MOST_STREAMS)
        self.unsaid: dict[socket, None] = {}  #: connections whose request has not come yet, the oldest first
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread, while there is room or somebody keeps a place without having asked; else the connection is closed at once."""
        if not self.places.acquire(blocking=False) and not self._place_of_the_slowest():
            with suppress(OSError):
                request.sendall(b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n")
            self.shutdown_request(request)
            return
        self.unsaid[request] = None
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._leave(request)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._leave(request)

    def _leave(self, request: Any) -> None:
        self.unsaid.pop(request, None)
        self.places.release()

    def _place_of_the_slowest(self) -> bool:
        """Whoever opens connections and says nothing keeps nobody out who asks: the oldest of these gives its place away."""
        oldest = next(iter(list(self.unsaid)), None)
        if oldest is None or self.unsaid.pop(oldest, self) is self:
            return False
        with suppress(OSError):
            oldest.shutdown(SHUT_RDWR)
        return self.places.acquire(timeout=1.0)


class _Punctual(io.RawIOBase):
    """What comes on a connection, until `PATIENCE` seconds after it was opened. Raises TimeoutError after that."""

    def __init__(self, connection: socket) -> None:
        self._connection = connection
        self._until = time.monotonic() + PATIENCE

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request took too long to come")
        self._connection.settimeout(left)
        try:
            return self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(PATIENCE)


class _Handler(BaseHTTPRequestHandler):
    site: Site
    server: _Server
    connection: socket
    server_version = "gonogo"
    sys_version = ""
    timeout = PATIENCE

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(_Punctual(self.connection))

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        try:
            named = dict(parse_qsl(query, max_num_fields=20))
        except ValueError:
            self._answer(refusal(400, "a query has at most 20 values"))
            return
        hosts = self.headers.get_all("Host", ["127.0.0.1"])
        if len(hosts) != 1 or not NAMES.fullmatch(hosts[0]):
            self._answer(refusal(421, "this page answers to 127.0.0.1 and localhost"))
            return
        methods = self.site.methods(path)
        if not methods:
            self._answer(refusal(404, "there is no such page"))
        elif self.command not in methods and not (self.command == "HEAD" and "GET" in methods):
            self._answer(refusal(405, f"{' and '.join(methods)} only", ("Allow", ", ".join(_with_head(methods)))))
        else:
            body = self._body()
            self.server.unsaid.pop(self.connection, None)
            if body is not None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                self._give(Asked(self.command, path, named, headers, body))

    do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_TRACE = do_GET

    def _give(self, asked: Asked) -> None:
        try:
            answer = self.site.answer(asked)
        except GonogoError as error:
            self._answer(refusal(503, str(error)))
        except Exception:  # the boundary: what is wrong with one page is logged, and the others go on
            _log.exception("%s %s failed", asked.method, asked.path)
            self._answer(refusal(500, "this page cannot be made; the log says why"))
        else:
            if isinstance(answer, Stream):
                self._stream(answer)
            else:
                self._answer(answer)

    def _body(self) -> bytes | None:
        """The body of a POST; None when it was refused."""
        if self.command != "POST":
            return b""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()) or self.headers.get("Transfer-Encoding"):
            self._answer(refusal(411, "say how long the body is"))
            return None
        if len(length) > MOST_DIGITS:
            self._answer(refusal(400, "this is no length of a body"))
            return None
        if int(length) > MOST_BODY:
            self._answer(refusal(413, f"a body has at most {MOST_BODY // 1024} KiB"))
            return None
        body = self.rfile.read(int(length))
        if len(body) != int(length):
            self._answer(refusal(400, "the body was cut off"))
            return None
        return body

    def _stream(self, stream: Stream) -> None:
        if not self.server.streams.acquire(blocking=False):
            self._answer(refusal(503, "too many pages are followed", ("Retry-After", "15")))
            return
        try:
            self.send_response(200)
            self._headers("text/event-stream", ())
            if self.command != "HEAD":
                for event in stream.events:
                    self.wfile.write(event)
        except (ConnectionError, TimeoutError):
            raise
        except GonogoError as error:
            _log.warning("a page cannot be followed now: %s", error)
        except Exception:  # the boundary: the reader asks again
            _log.exception("%s failed", self.path)
        finally:
            self.server.streams.release()

    def handle(self) -> None:
        with suppress(ConnectionError, TimeoutError):  # a reader that goes away is no fault of ours
            super().handle()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the server itself refuses: a method that is not there, a request that is none."""
        self.close_connection = True
        allow = (("Allow", "GET, HEAD"),) if code == 501 else ()
        self._answer(refusal(405 if code == 501 else code, "GET and HEAD only" if code == 501 else message or "this is no request", *allow))

    def _answer(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self._headers(answer.kind, (("Content-Length", str(len(answer.body))), *answer.headers))
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _headers(self, kind: str, more: tuple[tuple[str, str], ...]) -> None:
        own = (
            ("Content-Type", kind),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "same-origin"),
            ("Content-Security-Policy", POLICY),
        )
        for name, value in (*own, *more):
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """No access log: the door is polled every few seconds."""


def _with_head(methods: tuple[str, ...]) -> list[str]:
    return ["GET", "HEAD", *(one for one in methods if one != "GET")] if "GET" in methods else list(methods)
