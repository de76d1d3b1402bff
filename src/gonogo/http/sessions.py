"""Who may act: API keys of the role operator (or above) sign in, and are known by a cookie for a while.

Rules it keeps:
* A key is compared in constant time, also one with an unknown id, and is never kept: what remains of it is its name.
* Wrong keys are limited: after a handful, one more is heard only when some time has passed. A right key is always let in.
* A session lives in memory, by the digest of its token; it ends with its time, with silence, at sign-out, and as soon as its key is
  revoked or expires. The cookie is of this host alone, out of reach of scripts, and not sent by other sites. Cookies know no ports, so
  its name has a part of chance: two dashboards of one host do not sign each other's people out.
* Every form of an operator carries the session's own token; signing in ends the earlier session of that browser.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gonogo.base.clock import Clock
from gonogo.service.callers.api_keys import ROLES, ApiKey, KeyFile, digest_of

_log = logging.getLogger(__name__)

COOKIE = "gonogo-operator"
LASTS, SILENT = 8 * 3600.0, 3600.0  #: seconds that a session lives, and that it may be unused
MOST = 32
TRIES, EVERY = 5, 20.0  #: wrong keys at once, and the seconds after which one more may be tried
NEEDS = "operator"


@dataclass
class Session:
    """Somebody who has signed in. `token` goes with their forms; `said` is what the last action came to, told once."""

    name: str
    key_id: str
    token: str
    began: float
    used: float
    said: str = ""
    failed: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, said: str, *, failed: bool = False) -> None:
        with self.lock:
            self.said, self.failed = said, failed

    def told(self) -> tuple[str, bool]:
        """What is to be told, once."""
        with self.lock:
            said, self.said = self.said, ""
            return said, self.failed


class Refused(Exception):
    """Why somebody is not let in; `wait` seconds until another try."""

    def __init__(self, why: str, wait: float = 0.0) -> None:
        super().__init__(why)
        self.why = why
        self.wait = wait


class Sessions:
    """The sessions of one dashboard. Safe to use from several threads."""

    def __init__(self, keys: KeyFile, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._mutex = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._tries, self._filled = float(TRIES), time.monotonic()
        self._name = f"{COOKIE}-{secrets.token_hex(4)}"

    def sign_in(self, text: str, headers: Mapping[str, str]) -> tuple[Session, str]:
        """The session of whoever shows this key, and the cookie's value. Raises Refused; StorageError when keys cannot be read."""
        with self._mutex:
            keys, now = self._keys.load(), self._clock.now()
            if not keys:
                raise Refused("There is no API key yet. Make one: gonogo apikey new NAME --role operator")
            key = _key_of(keys, text.strip(), now)
            if key is None:
                self._count_a_wrong_one()
                _log.warning("somebody showed the dashboard a key that is not accepted")
                raise Refused("This is no key that is accepted here.")
            if ROLES.index(key.role) < ROLES.index(NEEDS):
                raise Refused(f"{key.name} has the role {key.role}; to act needs the role {NEEDS}.")
            _log.info("%s signed in at the dashboard", key.name)
            self._sessions.pop(self._digest(headers), None)
            return self._begin(key)

    def of(self, headers: Mapping[str, str], *, using: bool = True) -> Session | None:
        """The session of a request, when it still holds. A page that only follows is not `using` it: it keeps no session alive."""
        digest = self._digest(headers)
        with self._mutex:
            session, now = self._sessions.get(digest), time.monotonic()
            if session is None:
                return None
            if now - session.began > LASTS or now - session.used > SILENT or not self._still_accepted(session):
                del self._sessions[digest]
                return None
            session.used = now if using else session.used
            return session

    def sign_out(self, headers: Mapping[str, str]) -> None:
        with self._mutex:
            self._sessions.pop(self._digest(headers), None)

    def cookie(self, token: str) -> tuple[str, str]:
        """The header that sets the cookie, or takes it away when `token` is ""."""
        return "Set-Cookie", f"{self._name}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={int(LASTS) if token else 0}"

    def _digest(self, headers: Mapping[str, str]) -> str:
        """By which the session of a request is known. What else stands among its cookies does not matter."""
        pairs = (pair.strip().partition("=") for pair in headers.get("cookie", "").split(";"))
        return digest_of(next((value for name, _, value in pairs if name == self._name), "").encode("utf-8", "surrogateescape"))

    def _begin(self, key: ApiKey) -> tuple[Session, str]:
        token, now = secrets.token_urlsafe(32), time.monotonic()
        session = Session(key.name, key.id, secrets.token_urlsafe(32), now, now)
        while len(self._sessions) >= MOST:
            del self._sessions[min(self._sessions, key=lambda one: self._sessions[one].used)]
        self._sessions[digest_of(token.encode())] = session
        return session, token

    def _still_accepted(self, session: Session) -> bool:
        now = self._clock.now()
        return any(key.id == session.key_id and key.state(now) == "live" for key in self._keys.load())

    def _count_a_wrong_one(self) -> None:
        now = time.monotonic()
        self._tries, self._filled = min(float(TRIES), self._tries + (now - self._filled) / EVERY), now
        if self._tries < 1.0:
            raise Refused("Too many wrong keys. Wait a little.", (1.0 - self._tries) * EVERY)
        self._tries -= 1.0


def _key_of(keys: tuple[ApiKey, ...], text: str, now: datetime) -> ApiKey | None:
    """The key with this text that is accepted now. One comparison, whatever the id."""
    data = text.encode("utf-8", "replace")
    named = next((key for key in keys if key.id.encode() == data[4:16]), None)
    wanted = named.sha256 if named else "0" * 64
    same = hmac.compare_digest(hashlib.sha256(data).hexdigest(), wanted)
    return named if same and named is not None and named.state(now) == "live" else None
