"""A version that a request asks for by itself: `x-gonogo-version: 1.2.0`, or `/v2/models/NAME/versions/1.2.0/infer`.

>>> asked_version(Exchange(b"POST", b"/v2/models/flights/versions/1.2.0/infer", {}, b""), "flights")
'1.2.0'
>>> asked_version(Exchange(b"POST", b"/predict", {b"x-gonogo-version": b"1.1.0"}, b""), "flights")
'1.1.0'
"""

from __future__ import annotations

import re

from gonogo.base.names import Version
from gonogo.errors import UsageError
from gonogo.service.door.exchange import Exchange
from gonogo.service.wire import RequestRefused

_PATH = re.compile(rb"/v2/models/([^/]+)/versions/([^/]+)/infer/?")
HEADER = b"x-gonogo-version"


def named_in_path(path: bytes, system: str) -> bool:
    """Whether this is where predictions of one version of the system are asked for."""
    match = _PATH.fullmatch(path)
    return match is not None and match[1] == system.encode()


def asked_version(exchange: Exchange, system: str) -> str:
    """The version that is asked for. Raises RequestRefused: 400 when header and address name different ones, 404 for what is none."""
    header = exchange.headers.get(HEADER, b"")
    match = _PATH.fullmatch(exchange.path)
    path = match[2] if match is not None and match[1] == system.encode() else b""
    if header and path and header != path:
        raise RequestRefused(400, "The address and the x-gonogo-version header ask for different versions.")
    try:
        return str(Version.parse((header or path).decode("latin-1")))
    except UsageError:
        raise RequestRefused(404, "There is no such version: a version has three numbers, such as 1.2.0.") from None
