"""API keys as they lie on disk: `STORE/service/api_keys.json`, format `gonogo-api-keys/1` (docs/formats/access-and-log.md).

A key is `gng_<id>_<secret>`: 12 hex digits to find it by, 64 hex digits (256 random bits) to know it by. The text is shown once; at rest
there is its SHA-256 alone. A slow hash (argon2, bcrypt) protects what people invent, by making each guess dear; nobody guesses among
2^256, and a slow hash on every request would be a way to stop the service. The prefix lets scanners find a key that was committed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from gonogo.base.canonical import parse_json
from gonogo.base.clock import parse_stamp, stamp
from gonogo.base.files import storage, write_atomic
from gonogo.errors import ConflictError, NotFoundError, StorageError, UsageError
from gonogo.service.places import make_private

FORMAT = "gonogo-api-keys/1"
ROLES = ("reader", "operator", "admin")  #: each may do what the ones before it may
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_ID = re.compile(r"[0-9a-f]{12}")
_DIGEST = re.compile(r"[0-9a-f]{64}")

State = Literal["live", "expired", "revoked"]


@dataclass(frozen=True)
class ApiKey:
    """One key, without its secret. Times are RFC 3339 in UTC; `expires` "" lives until it is revoked, `revoked` "" is not."""

    id: str
    name: str
    role: str
    sha256: str
    created: str
    expires: str = ""
    revoked: str = ""

    def state(self, now: datetime) -> State:
        if self.revoked:
            return "revoked"
        return "expired" if self.expires and parse_stamp(self.expires) <= now else "live"

    def until(self) -> float:
        """When it stops to be accepted, in seconds since 1970; 0 when it was revoked, infinite when it does not end."""
        if self.revoked:
            return 0.0
        return parse_stamp(self.expires).timestamp() if self.expires else float("inf")


def digest_of(text: bytes) -> str:
    """What is kept of a key's text."""
    return hashlib.sha256(text).hexdigest()


def make_key(name: str, role: str, now: datetime, lifetime: timedelta | None) -> tuple[ApiKey, str]:
    """A new key, and its text, which exists nowhere else."""
    identity = secrets.token_hex(6)
    text = f"gng_{identity}_{secrets.token_hex(32)}"
    return ApiKey(identity, name, role, digest_of(text.encode()), stamp(now), stamp(now + lifetime) if lifetime else ""), text


class KeyFile:
    """The keys of one service. Whoever changes them holds a lock; whoever reads sees the file before or after."""

    def __init__(self, service: Path) -> None:
        self.path = service / "api_keys.json"

    def mark(self) -> tuple[int, int, int] | None:
        """Something that differs when the file does; None when it is not there."""
        try:
            facts = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"cannot read {self.path}: {error.strerror}.") from error
        return facts.st_ino, facts.st_size, facts.st_mtime_ns

    def load(self) -> tuple[ApiKey, ...]:
        """All keys, revoked and expired ones too; none when there is no file. Raises StorageError when it is damaged or open to others."""
        try:
            # Opened so that a pipe in its place makes nobody wait, and not read before it is known to be a file of ours.
            with open(os.open(self.path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
                facts = os.fstat(file.fileno())
                if not stat.S_ISREG(facts.st_mode) or facts.st_uid not in (os.geteuid(), 0):
                    raise StorageError(f"{self.path} is no file of this user.", hint="Restore it, or remove it and make new keys.")
                if stat.S_IMODE(facts.st_mode) & 0o022:
                    hint = f"Look at it, then: chmod 600 {self.path}"
                    raise StorageError(f"{self.path} can be written by others than its owner.", hint=hint)
                data = file.read()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise StorageError(f"cannot read {self.path}: {error.strerror}.") from error
        try:
            return _read(parse_json(data))
        except (ValueError, TypeError, KeyError) as error:
            raise StorageError(f"{self.path} is damaged: {error}.", hint="Restore it, or remove it and make new keys.") from error

    def change(self, how: Callable[[tuple[ApiKey, ...]], Sequence[ApiKey]]) -> None:
        """Replace the keys by `how` of the keys, while nobody else changes them. Nothing is written when `how` raises."""
        make_private(self.path.parent)
        beside = self.path.with_suffix(".lock")
        with storage(beside, "lock"):
            handle = os.open(beside, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            document = {"format": FORMAT, "keys": [asdict(key) for key in how(self.load())]}
            write_atomic(self.path, json.dumps(document, indent=1).encode() + b"\n", mode=0o600)
        finally:
            os.close(handle)


def _read(document: Any) -> tuple[ApiKey, ...]:
    if document["format"] != FORMAT:
        raise ValueError(f"its format is {document['format']!r}, not {FORMAT}")
    if set(document) != {"format", "keys"} or not isinstance(document["keys"], list):
        raise ValueError("it does not have the fields of a key file")
    keys = []
    for entry in document["keys"]:
        if (
            not isinstance(entry, dict)
            or set(entry) != {field.name for field in fields(ApiKey)}
            or not all(isinstance(value, str) for value in entry.values())
        ):
            raise ValueError("an entry does not have the fields of a key")
        key = ApiKey(**entry)
        if not _ID.fullmatch(key.id) or not _DIGEST.fullmatch(key.sha256) or not NAME.fullmatch(key.name) or key.role not in ROLES:
            raise ValueError(f"the key {key.id!r} does not have its form")
        for moment in filter(None, (key.created, key.expires, key.revoked)):
            parse_stamp(moment)
        keys.append(key)
    if len({key.id for key in keys}) != len(keys):
        raise ValueError("two keys have one id")
    return tuple(keys)


def added(keys: Sequence[ApiKey], new: ApiKey, now: datetime) -> list[ApiKey]:
    """The keys with one more. Raises ConflictError while a key of that name lives."""
    if any(key.name == new.name and key.state(now) == "live" for key in keys):
        raise ConflictError(f"{new.name} has a key already.", hint=f"gonogo apikey rotate {new.name}, or choose another name.")
    return [*keys, new]


def live(keys: Sequence[ApiKey], name: str, now: datetime) -> list[ApiKey]:
    """The keys of that name which are accepted now. Raises NotFoundError when there is none."""
    found = [key for key in keys if key.name == name and key.state(now) == "live"]
    if not found:
        raise NotFoundError(f"{name} has no key that is accepted.", hint="See `gonogo apikey list`.")
    return found


def revoked(keys: Sequence[ApiKey], name: str, now: datetime) -> list[ApiKey]:
    """The keys with all of that name revoked from now on."""
    gone = {key.id for key in live(keys, name, now)}
    return [replace(key, revoked=stamp(now)) if key.id in gone else key for key in keys]


def ending(keys: Sequence[ApiKey], name: str, now: datetime, overlap: timedelta) -> list[ApiKey]:
    """The keys with all of that name accepted for `overlap` more at most."""
    last = now + overlap
    old = {key.id for key in live(keys, name, now) if not key.expires or parse_stamp(key.expires) > last}
    return [replace(key, expires=stamp(last)) if key.id in old else key for key in keys]


def check_name(name: str, role: str) -> None:
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot name a key.", hint="Use letters, digits, dots and hyphens.")
    if role not in ROLES:
        raise UsageError(f"{role!r} is no role.", hint=f"Roles: {', '.join(ROLES)}.")
