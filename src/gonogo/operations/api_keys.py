"""`gonogo apikey`: who may ask the service what. Every change is an event of the signed log; a running service hears of it within a second.

A new key is on record before it is accepted, a revoked one is refused before that is recorded: whatever fails between the two, nobody is
let in without a trace.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from gonogo import settings
from gonogo.base.clock import parse_stamp
from gonogo.base.files import storage
from gonogo.errors import ConflictError, GonogoError, StorageError
from gonogo.operations.workspace import Workspace
from gonogo.service.callers.api_keys import ApiKey, KeyFile, State, added, check_name, ending, live, make_key, revoked

KIND = "api_key"


@dataclass(frozen=True)
class MadeKey:
    """A new key with its text, which is nowhere else; `out` is the file that it was written to instead of being shown. `until` says when
    the keys that it replaces end, "" when there are none."""

    key: ApiKey
    text: str
    out: Path | None = None
    until: str = ""


@dataclass(frozen=True)
class ListedKey:
    key: ApiKey
    state: State


def api_keys(workspace: Workspace) -> list[ListedKey]:
    """Every key that was ever made, without secrets."""
    now = workspace.clock.now()
    return [ListedKey(key, key.state(now)) for key in KeyFile(workspace.service).load()]


def api_key_new(workspace: Workspace, name: str, role: str, *, days: float | None = None, out: Path | None = None) -> MadeKey:
    """Make a key. Raises UsageError for a bad name or role, ConflictError while a key of that name lives or when `out` is there."""
    check_name(name, role)
    now = workspace.clock.now()
    key, text = make_key(name, role, now, None if days is None else timedelta(days=days))

    def with_new(keys: tuple[ApiKey, ...]) -> Sequence[ApiKey]:
        listed = added(keys, key, now)
        _hand_over(out, text)
        _record(workspace, "new", key)
        return listed

    KeyFile(workspace.service).change(with_new)
    return MadeKey(key, text, out)


def api_key_rotate(workspace: Workspace, name: str, *, overlap: timedelta, out: Path | None = None) -> MadeKey:
    """Make another key of that name, role and lifetime; the old ones are accepted for `overlap` more. Raises NotFoundError."""
    now = workspace.clock.now()
    made: list[MadeKey] = []

    def with_another(keys: tuple[ApiKey, ...]) -> Sequence[ApiKey]:
        old = live(keys, name, now)[-1]
        lifetime = parse_stamp(old.expires) - parse_stamp(old.created) if old.expires else None
        key, text = make_key(name, old.role, now, lifetime)
        ended = ending(keys, name, now, overlap)
        until = next(other.expires for other in ended if other.id == old.id)
        _hand_over(out, text)
        _record(workspace, "rotate", key)
        made.append(MadeKey(key, text, out, until))
        return [*ended, key]

    KeyFile(workspace.service).change(with_another)
    return made[0]


def api_key_revoke(workspace: Workspace, name: str) -> list[ApiKey]:
    """Have all keys of that name refused from now on; the keys that were. Raises NotFoundError when none is accepted now, StorageError when
    they are refused and that could not be recorded."""
    now = workspace.clock.now()
    gone: list[ApiKey] = []

    def without(keys: tuple[ApiKey, ...]) -> Sequence[ApiKey]:
        gone.extend(live(keys, name, now))
        return revoked(keys, name, now)

    KeyFile(workspace.service).change(without)
    try:
        for key in gone:
            _record(workspace, "revoke", key)
    except GonogoError as error:
        raise StorageError(f"{name} is refused from now on, but that is not in the log: {error.message}", hint=error.hint) from error
    return gone


def _record(workspace: Workspace, verb: str, key: ApiKey) -> None:
    body = {"system": workspace.project.system, "verb": verb, "name": key.name, "role": key.role, "key": key.id, "expires": key.expires}
    with workspace.store().transaction() as tx:
        tx.append(KIND, body, settings.actor())


def _hand_over(out: Path | None, text: str) -> None:
    """Write the key's text for its owner alone, never over something."""
    if out is None:
        return
    with storage(out, "write"):
        try:
            handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise ConflictError(f"{out} is already there.", hint="Name another file; nothing is overwritten.") from None
        with os.fdopen(handle, "w") as file:
            file.write(text + "\n")
