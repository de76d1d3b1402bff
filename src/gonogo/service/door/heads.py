"""Heads of requests that were read a moment ago: a client that asks again with the same bytes is not parsed again.

Rules it keeps:

1. Bytes are compared whole. What stands here was found good by the parser and by every rule of the connection, and reads the same every
   time. Who asks and whether they may is judged for each request, as if it had been parsed.
2. Only requests whose end their head tells: POST with a content-length, on a connection that stays. Whatever else changes how a message is
   read or answered keeps a head out.
3. It is forgotten within about a second (see `HttpServer`), since a head may carry a key. Refused requests are kept like others, so being
   known says nothing about a key.
"""

from __future__ import annotations

from typing import NamedTuple

MOST = 256  #: heads
LONGEST = 1024  #: bytes of one
_FRAMING = (b"transfer-encoding", b"content-encoding", b"connection", b"expect", b"upgrade")


class Head(NamedTuple):
    """What the parser made of a head; `body` is the content-length."""

    method: bytes
    target: bytes
    headers: dict[bytes, bytes]
    body: int


class Heads(dict[bytes, Head]):
    """By their bytes, the empty line included."""

    def keep(self, data: bytes, method: bytes, target: bytes, headers: dict[bytes, bytes], body: int) -> None:
        """Remember the head of a request with a body of so many bytes, if `data` is this one request and nothing else."""
        end = len(data) - body
        if (
            end <= LONGEST
            and len(self) < MOST
            and method == b"POST"
            and b"content-length" in headers
            and data.find(b"\r\n\r\n") + 4 == end
            and not any(name in headers for name in _FRAMING)
        ):
            self[data[:end]] = Head(method, target, headers.copy(), body)
