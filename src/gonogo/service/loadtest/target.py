"""Where a load test is aimed. At this machine only, unless the caller says otherwise: it is an attack on whom it is not meant for."""

from __future__ import annotations

import ipaddress
import re
import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import msgspec

from gonogo.errors import DataError, RefusedError, UsageError
from gonogo.service.client import ClientConnection, Response, connect_tcp
from gonogo.service.loadtest.answers import read_answer

_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*")
_KEY = re.compile(rb"[\x21-\x7e]{1,4096}")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Target:
    """An address that may be loaded. `headers` are whole lines; they hold the key, so they are never shown."""

    url: str
    host: str
    port: int
    authority: str
    here: bool  #: it is this machine
    root: str  #: the path before ours, without a slash at its end
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    headers: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, url: str, *, allow_remote: bool = False, api_key: str | None = None) -> Target:
        """Read an http:// or https:// address; the system's certificates are trusted, or those of SSL_CERT_FILE.

        Raises UsageError for anything else, for another machine without `allow_remote`, and for a key that would be sent in the clear.
        """
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.fragment or not _PATH.fullmatch(parts.path):
            raise UsageError(f"{url!r} is not the http:// or https:// address of a service.")
        if parts.username is not None:
            raise UsageError("an address must not hold a name or a password.", hint="Put the key into a file: --api-key-file.")
        try:
            port = parts.port or _PORTS[parts.scheme]
        except ValueError:
            raise UsageError(f"{url!r} has no port that can be.") from None
        here = _is_loopback(parts.hostname)
        if not allow_remote and not here:
            raise UsageError(f"{parts.hostname} is not this machine.", hint="Say so if you may load it: --allow-remote.")
        if api_key is not None and not here and parts.scheme == "http":
            raise UsageError(f"the key would travel to {parts.hostname} in the clear.", hint="Use the service's https:// address.")
        tls = ssl.create_default_context() if parts.scheme == "https" else None
        return cls(url, parts.hostname, port, parts.netloc, here, parts.path.rstrip("/"), tls, _authorization(api_key))

    async def connect(self) -> ClientConnection:
        """Raises UnreachableError."""
        return await connect_tcp(self.host, self.port, self.tls)


def recognise(target: Target, response: Response) -> str:
    """The release that answered the first request. A service of ours that fails is measured; what is none of ours is not loaded.

    Raises RefusedError when a key is needed or not accepted, DataError when the service's release takes other rows, UsageError when the
    answer is not that of a gonogo service.
    """
    answer = read_answer(response)
    if answer is not None and answer.release:
        return answer.release
    if response.status in (401, 403):
        sent = "does not accept the key" if target.headers else "asks for a key"
        raise RefusedError(f"{target.url} {sent} (status {response.status}).", hint="Put one that may predict into a file: --api-key-file.")
    release = named_release(target, response)
    if 400 <= response.status < 500 and response.status != 429:
        hint = "Run it in the project of the release that answers there."
        raise DataError(f"{target.url} serves {release}, which does not take these rows: {_detail(response)}", hint=hint)
    return release


def named_release(target: Target, response: Response) -> str:
    """The release that every answer of ours names in a header. Raises UsageError when there is none."""
    release = response.headers.get(b"x-gonogo-release", b"").decode("ascii", "replace")
    if release:
        return release
    said = _printed(response.headers.get(b"content-type", b"nothing"))
    hint = f"It sends to {_printed(response.headers[b'location'])}." if b"location" in response.headers else "Look at the address."
    raise UsageError(f"{target.url} is not a gonogo service: it answered {response.status} with {said}. No load was sent.", hint=hint)


def _detail(response: Response) -> str:
    try:
        problem = msgspec.json.decode(response.body)
        return str(problem["detail"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return f"status {response.status}."


def _printed(value: bytes) -> str:
    return repr(value.decode("ascii", "replace"))


def _authorization(api_key: str | None) -> bytes:
    if api_key is None:
        return b""
    key = api_key.encode()
    if not _KEY.fullmatch(key):
        raise UsageError("the key is empty, or holds what a key cannot hold.", hint="The key's file has the key and nothing else.")
    return b"authorization: Bearer %b\r\n" % key


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
