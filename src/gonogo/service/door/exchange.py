"""One request and the place for its answer: all that is behind a door knows of the door.

Two doors make exchanges: our own HTTP server (`http.py`) and the ASGI application (`asgi.py`). Whoever answers does it once, at once or
later, and can only reach the caller of this very request.
"""

from __future__ import annotations

import time
from typing import Any

from gonogo.service.wire import JSON, problem


class Exchange:
    """A whole request. `started` is `time.perf_counter()` when it was complete; header names are in lower case."""

    __slots__ = ("body", "caller", "headers", "method", "reply_headers", "started", "target")

    def __init__(self, method: bytes, target: bytes, headers: dict[bytes, bytes], body: bytes) -> None:
        self.method = method
        self.target = target  #: as sent: path and query
        self.headers = headers
        self.body = body
        self.caller = ""  #: the name of the key that the request came with
        self.reply_headers = b""  #: whole lines that the answer carries whoever gives it
        self.started = time.perf_counter()

    @property
    def path(self) -> bytes:
        return self.target.partition(b"?")[0]

    @property
    def query(self) -> bytes:
        return self.target.partition(b"?")[2]

    @property
    def gone(self) -> bool:
        """True when nobody is there any more to take the answer."""
        return False

    def answer(self, status: int, body: bytes, *, content_type: bytes = JSON, headers: bytes | None = None) -> None:
        """Answer once; `headers` are whole lines and stand for the server's own. A second answer is ignored: one may have left."""
        raise NotImplementedError

    def problem(self, status: int, detail: str, *, headers: bytes | None = None, **members: Any) -> None:
        """Answer with an RFC 9457 problem body."""
        content_type, body = problem(status, detail, **members)
        self.answer(status, body, content_type=content_type, headers=headers)
