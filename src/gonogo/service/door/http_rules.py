"""What a request must be, beyond what the parser (llhttp, strict) sees to: each rule refuses with one status and one sentence.

Where RFC 9110 and RFC 9112 leave a choice we take the stricter side, since a request that two programs read differently is the stuff
that smuggling is made of. `tests/service/test_hostile_http.py` holds these rules beside what h11 and nginx do.
"""

from __future__ import annotations

import re

#: uri-host and port of RFC 9112 3.2: a name, an address, or an address in brackets. An empty one is refused, as nginx does.
_HOST = re.compile(rb"(?:[A-Za-z0-9._~%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE)

#: Fields of one value that somebody acts on. Twice is refused; everything else that comes twice is one list (RFC 9110 5.3).
SINGLE = frozenset(
    (b"host", b"content-type", b"content-encoding", b"content-length", b"authorization", b"x-api-key", b"inference-header-content-length")
)
CODINGS = frozenset((b"gzip", b"x-gzip", b"deflate", b"identity"))


class Refusal(Exception):
    """The request is answered with `status` and the connection ends. `headers` are whole lines."""

    def __init__(self, status: int, detail: str, headers: bytes = b"") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


def join_repeated(name: bytes, first: bytes, second: bytes) -> bytes:
    """The value of a header that came again."""
    if name in SINGLE:
        raise Refusal(400, f"The header {name.decode('latin-1')} is there twice.")
    return first + b", " + second


def check_host(host: bytes) -> None:
    if _HOST.fullmatch(host) is None:
        raise Refusal(400, "The Host header is no host.")


def check_version(version: str, headers: dict[bytes, bytes]) -> None:
    """HTTP/1.0 may leave out the host and cannot be chunked; other versions than 1.0 and 1.1 are not spoken here."""
    if version not in ("1.0", "1.1"):
        raise Refusal(505, "This service speaks HTTP/1.1.")
    if version == "1.0" and b"transfer-encoding" in headers:
        raise Refusal(400, "HTTP/1.0 has no transfer encodings.")
    if version == "1.1" and b"host" not in headers:
        raise Refusal(400, "The Host header is missing.")


def check_transfer_encoding(value: bytes) -> None:
    if value.lower() != b"chunked":
        raise Refusal(501, "The only transfer encoding that is understood is chunked.")


def check_coding(value: bytes) -> None:
    if value.lower() not in CODINGS:
        raise Refusal(415, "A body may be coded with gzip or deflate.", b"accept-encoding: gzip, deflate\r\n")


def origin_form(method: bytes, target: bytes) -> bytes:
    """A target that does not begin with "/" as path and query: the absolute form (RFC 9112 3.2.2), or "*" for OPTIONS."""
    if target == b"*" and method == b"OPTIONS":
        return target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise Refusal(400, "The target is no path of this service.")
    check_host(absolute[1])
    return absolute[2] if absolute[2].startswith(b"/") else b"/" + absolute[2]
