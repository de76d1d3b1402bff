"""Compression of bodies, both ways (RFC 9110 8.4 and 12.5.3): gzip and deflate come in, gzip goes out to who asks for it.

What comes in is bounded by what it unpacks to, so a bomb is refused after as many bytes as an honest body may have.
"""

from __future__ import annotations

import zlib
from functools import lru_cache

from gonogo.service.door.http_rules import Refusal

SMALLEST = 1024  #: bytes; a shorter answer fits one packet, and packing it costs more than it saves
_LEVEL = 1  #: JSON shrinks to a fifth already; more effort would cost other requests their turn
_GZIP, _ZLIB, _RAW = 31, 15, -15
_TEXT = (b"application/json", b"application/problem+json", b"text/")


def unpacked(body: bytes, coding: bytes, most: int) -> bytes:
    """The body itself. Raises Refusal: 413 when it would have more than `most` bytes, 400 when it is damaged."""
    coding = coding.lower()
    if coding == b"identity" or not body:
        return body
    if coding == b"deflate":
        # Named so, some send the bare stream without the zlib frame.
        framed = body[0] & 0x0F == 8 and len(body) > 1 and (body[0] << 8 | body[1]) % 31 == 0
        return _inflate(body, _ZLIB if framed else _RAW, most)
    return _inflate(body, _GZIP, most)


def _inflate(body: bytes, form: int, most: int) -> bytes:
    stream = zlib.decompressobj(form)
    try:
        plain = stream.decompress(body, most + 1)
    except zlib.error:
        raise Refusal(400, "The body is not what its Content-Encoding says.") from None
    if len(plain) > most:
        raise Refusal(413, f"The body may have {most} bytes at most, unpacked; GONOGO_REQUEST_BODY raises that.")
    if not stream.eof:
        raise Refusal(400, "The packed body ends early.")
    if stream.unused_data:  # a second gzip member too: a body of a million empty ones would cost seconds
        raise Refusal(400, "Something follows the packed body.")
    return plain


def packed(body: bytes, content_type: bytes, accepted: bytes | None) -> tuple[bytes, bytes]:
    """Body and header lines of an answer to somebody whose Accept-Encoding is `accepted`. For bodies from `SMALLEST` bytes on."""
    if not content_type.startswith(_TEXT):
        return body, b""
    if accepted is None or not takes_gzip(accepted):
        return body, b"vary: accept-encoding\r\n"
    stream = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    return stream.compress(body) + stream.flush(), b"content-encoding: gzip\r\nvary: accept-encoding\r\n"


@lru_cache(maxsize=256)
def takes_gzip(accepted: bytes) -> bool:
    """Whether an Accept-Encoding has gzip, or "*", with a weight above 0."""
    weights: dict[bytes, float] = {}
    for part in accepted.lower().split(b","):
        coding, _, parameter = part.partition(b";")
        name, _, weight = parameter.strip().partition(b"=")
        try:
            weights[coding.strip()] = float(weight) if name.strip() == b"q" else 1.0
        except ValueError:
            weights[coding.strip()] = 0.0
    return next((weights[name] > 0 for name in (b"gzip", b"x-gzip", b"*") if name in weights), False)
