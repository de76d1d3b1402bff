"""Who may ask what: the keys and limits that a worker was told, held against each request.

Rules it keeps:

1. Without any key a service answers callers on its own machine only, and all of them. Once a key was made, revoked or expired ones
   counted, every request needs one: the end of the last key never opens a service.
2. An unknown id, a wrong secret, an expired and a revoked key take the same way, with one comparison in constant time, and get the same
   answer. A key that is good and may too little is told so (403).
3. A key is never kept, written or answered; what remains of it is the name that it was given.
4. `/health` and the health of the Open Inference Protocol are open: whoever restarts or routes by them has no key.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gonogo.errors import UsageError
from gonogo.service.callers.api_keys import ROLES, ApiKey
from gonogo.service.callers.rates import Rates
from gonogo.service.door.exchange import Exchange

OPEN = frozenset({b"/health", b"/v2/health/live", b"/v2/health/ready", b"/v2/health/live/", b"/v2/health/ready/"})
ANYBODY = "reader"  #: the role whose limit holds for callers without a key, where none is needed
_LEVEL = {role: level for level, role in enumerate(ROLES)}
_CHALLENGE = b'www-authenticate: Bearer realm="gonogo"\r\n'


class _Key(NamedTuple):
    name: str
    role: str
    level: int
    digest: bytes
    until: float


_NOBODY = _Key("", "", -1, bytes(32), 0.0)
_fresh_hash = hashlib.sha256().copy  # a copy of an empty hash costs half of making one


def told(keys: Sequence[ApiKey], limits: Mapping[str, float], workers: int) -> dict[str, Any]:
    """What a supervisor tells its workers: no secrets, but who is let in, so it goes to them alone."""
    entries = [
        {"id": key.id, "name": key.name, "role": key.role, "sha256": key.sha256, "until": None if math.isinf(key.until()) else key.until()}
        for key in keys
    ]
    return {"keys": entries, "limits": dict(limits), "workers": workers}


def check_exposure(host: str, keys: Sequence[ApiKey]) -> None:
    """Raises UsageError when others than this machine's own callers would be answered without a key."""
    if not keys and not is_loopback(host):
        raise UsageError(
            f"{host!r} can be reached from other machines, and no API key was made.",
            hint="Make one first: gonogo apikey new NAME --role reader. Or serve on 127.0.0.1 behind a front.",
        )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it; a name other than localhost counts as reachable."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Access:
    """The door of one worker. Open until `put` was called with keys or limits."""

    def __init__(self) -> None:
        self._open = True
        self._keys: dict[bytes, _Key] = {}
        self._rates: Rates | None = None
        self._limited_by: tuple[Mapping[str, float], int] = ({}, 0)
        self._host = b""  #: the name of this machine that was asked for last, where no keys are

    def put(self, document: Mapping[str, Any]) -> None:
        """Judge by `document` (see `told`) from the next request on. Anything else changes nothing and raises KeyError or ValueError."""
        keys = {}
        for entry in document["keys"]:
            until = float("inf") if entry["until"] is None else float(entry["until"])
            key = _Key(str(entry["name"]), str(entry["role"]), _LEVEL[entry["role"]], bytes.fromhex(entry["sha256"]), until)
            keys[str(entry["id"]).encode()] = key
        limits = {str(role): float(rate) for role, rate in document["limits"].items()}
        workers = int(document["workers"])
        if self._limited_by != (limits, workers):  # with the same limits every caller's bucket stays as full as it is
            self._rates = Rates(limits, workers) if limits else None
            self._limited_by = (limits, workers)
        self._keys, self._open = keys, not keys and self._rates is None

    def admit(self, exchange: Exchange, role: str) -> bool:
        """Whether whoever asks may do what needs `role`; when not, it was answered: 401, 403 or 429. Sets `exchange.caller`."""
        if not self._keys:
            headers = exchange.headers
            host = headers.get(b"host", b"")
            if (host != self._host or b"origin" in headers) and not self._from_this_machine(exchange, host):
                return False
            return self._open or self._within_rate(exchange, "", ANYBODY)
        key = self._key_of(exchange)
        if key is None:
            return self._refuse(exchange, 401, "This needs an API key that is accepted here.", _CHALLENGE)
        exchange.caller = key.name
        if key.level < _LEVEL[role]:
            return self._refuse(exchange, 403, f"This needs a key of the role {role}; {key.name} has the role {key.role}.", b"")
        return self._rates is None or self._within_rate(exchange, key.name, key.role)

    def _from_this_machine(self, exchange: Exchange, host: bytes) -> bool:
        """Without keys, a web page must not ask: neither across origins, nor under a name of its own that was turned to this address."""
        name = host.decode("latin-1").rpartition("@")[2]
        name = name.partition("]")[0].removeprefix("[") if name.startswith("[") else name.partition(":")[0]
        if "." in name and not name.endswith(".localhost") and not _is_address(name):
            return self._refuse(exchange, 421, "Without API keys this service answers to names of this machine only.", b"")
        origin = exchange.headers.get(b"origin")
        if origin is not None and origin.partition(b"://")[2].lower() != host.lower():
            return self._refuse(exchange, 403, "Without API keys this service answers no page of another origin.", b"")
        self._host = host
        return True

    def _key_of(self, exchange: Exchange) -> _Key | None:
        headers = exchange.headers
        text = headers.get(b"authorization", b"")
        text = text[7:] if text[:7].lower() == b"bearer " else headers.get(b"x-api-key", b"")
        key = self._keys.get(text[4:16], _NOBODY)
        fresh = _fresh_hash()
        fresh.update(text)
        # Both are judged, whatever the first says.
        return key if hmac.compare_digest(fresh.digest(), key.digest) & (time.time() < key.until) else None

    def _within_rate(self, exchange: Exchange, name: str, role: str) -> bool:
        seconds = self._rates.wait(name, role) if self._rates else 0.0
        if not seconds:
            return True
        detail = f"More requests than the role {role} may send."
        return self._refuse(exchange, 429, detail, b"retry-after: %d\r\n" % math.ceil(seconds))

    @staticmethod
    def _refuse(exchange: Exchange, status: int, detail: str, headers: bytes) -> bool:
        if exchange.path in OPEN and exchange.method in (b"GET", b"HEAD"):
            return True
        exchange.problem(status, detail, headers=headers)
        return False
