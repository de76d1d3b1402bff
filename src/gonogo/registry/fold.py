"""What the log adds up to: which releases there are, where the pointers stand, and where they stood at any time. Pure.

Events of other rooms (rollouts, alarms) pass through; an event of ours that cannot have happened (a version registered twice, a
pointer moved to a release that nobody registered, or from where it did not stand) makes the whole log untrustworthy, and is a
VerificationError that names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from gonogo.base.clock import parse_stamp
from gonogo.base.names import POINTERS, Version
from gonogo.errors import GonogoError, VerificationError
from gonogo.registry.event import Event

RELEASE_REGISTERED = "release_registered"
POINTER_MOVED = "pointer_moved"
KINDS = (RELEASE_REGISTERED, POINTER_MOVED)


@dataclass(frozen=True)
class ReleaseEntry:
    """One release as it was registered. `digest` is the bundle's root digest, `release_digest` that of the sealed statement.

    `path` is relative to the registry's folder when the release lies below it. Entries are never edited; `stage` is read off the
    pointers: the name of the pointer that stands at it, "retired" when production once did, otherwise "sealed".
    """

    system: str
    version: Version
    digest: str
    release_digest: str
    verdict_digest: str
    path: str
    sealed_at: str
    actor: str
    stage: str = "sealed"

    @property
    def ref(self) -> str:
        return f"{self.system}@{self.version}"


@dataclass(frozen=True)
class PointerMove:
    """A pointer moved from one version (None: from nowhere) to another, when, by whom, why, on which verdict."""

    seq: int
    time: str
    actor: str
    system: str
    pointer: str
    origin: Version | None
    version: Version
    verdict_digest: str
    reason: str


@dataclass(frozen=True)
class RegistryState:
    releases: Mapping[tuple[str, Version], ReleaseEntry] = field(default_factory=lambda: MappingProxyType({}))
    pointers: Mapping[tuple[str, str], Version] = field(default_factory=lambda: MappingProxyType({}))
    history: tuple[PointerMove, ...] = ()

    def versions(self, system: str) -> tuple[Version, ...]:
        """Every version of a system, oldest number first."""
        return tuple(sorted(version for name, version in self.releases if name == system))

    def live_at(self, system: str, moment: datetime, pointer: str = "production") -> PointerMove | None:
        """The move that put there what the pointer stood at, at that moment; None when it stood nowhere yet.

        The order of the log decides, not the clock, wherever the two disagree.
        """
        moves = [move for move in self.history if (move.system, move.pointer) == (system, pointer) and parse_stamp(move.time) <= moment]
        return moves[-1] if moves else None


def fold(events: Iterable[Event]) -> RegistryState:
    """The state after all the events, in their order. The same events always give the same state."""
    releases: dict[tuple[str, Version], ReleaseEntry] = {}
    pointers: dict[tuple[str, str], Version] = {}
    history: list[PointerMove] = []
    for event in events:
        if event.kind == RELEASE_REGISTERED:
            entry = _entry(event)
            if (entry.system, entry.version) in releases:
                raise VerificationError(f"event {event.seq} registers {entry.ref} a second time.")
            releases[entry.system, entry.version] = entry
        elif event.kind == POINTER_MOVED:
            move = _move(event)
            registered = releases.get((move.system, move.version))
            if registered is None or registered.verdict_digest != move.verdict_digest:
                raise VerificationError(f"event {event.seq} moves {move.pointer} to {move.system}@{move.version} without its GO.")
            if pointers.get((move.system, move.pointer)) != move.origin:
                raise VerificationError(f"event {event.seq} moves {move.pointer} from {move.origin}, where it did not stand.")
            pointers[move.system, move.pointer] = move.version
            history.append(move)
    staged = {key: _staged(entry, pointers, history) for key, entry in releases.items()}
    return RegistryState(MappingProxyType(staged), MappingProxyType(pointers), tuple(history))


def release_body(entry: ReleaseEntry) -> dict[str, Any]:
    """The body of the event that registers the entry; who and where it stands are the event's and the fold's to say."""
    return {
        "system": entry.system,
        "version": str(entry.version),
        "digest": entry.digest,
        "release": entry.release_digest,
        "verdict": entry.verdict_digest,
        "path": entry.path,
        "sealed": entry.sealed_at,
    }


def move_body(system: str, pointer: str, origin: Version | None, entry: ReleaseEntry, reason: str) -> dict[str, Any]:
    return {
        "system": system,
        "pointer": pointer,
        "from": None if origin is None else str(origin),
        "to": str(entry.version),
        "verdict": entry.verdict_digest,
        "reason": reason,
    }


def _entry(event: Event) -> ReleaseEntry:
    body = _texts(event, ("system", "version", "digest", "release", "verdict", "path", "sealed"))
    return ReleaseEntry(
        body["system"],
        _version(event, body["version"]),
        body["digest"],
        body["release"],
        body["verdict"],
        body["path"],
        body["sealed"],
        event.actor,
    )


def _move(event: Event) -> PointerMove:
    body = _texts(event, ("system", "pointer", "to", "verdict", "reason"))
    origin = event.body.get("from")
    return PointerMove(
        seq=event.seq,
        time=event.time,
        actor=event.actor,
        system=body["system"],
        pointer=body["pointer"],
        origin=None if origin is None else _version(event, origin),
        version=_version(event, body["to"]),
        verdict_digest=body["verdict"],
        reason=body["reason"],
    )


def _texts(event: Event, keys: tuple[str, ...]) -> dict[str, str]:
    wrong = [key for key in keys if not isinstance(event.body.get(key), str)]
    if wrong:
        raise VerificationError(f"event {event.seq} ({event.kind}) does not say its {', '.join(wrong)}.")
    return {key: event.body[key] for key in keys}


def _version(event: Event, text: Any) -> Version:
    try:
        return Version.parse(str(text))
    except GonogoError as error:
        raise VerificationError(f"event {event.seq} ({event.kind}): {error.message}") from error


def _staged(entry: ReleaseEntry, pointers: Mapping[tuple[str, str], Version], history: Iterable[PointerMove]) -> ReleaseEntry:
    stage = "sealed"
    if any((move.system, move.version, move.pointer) == (entry.system, entry.version, "production") for move in history):
        stage = "retired"
    for pointer in POINTERS:  # in rising order: a release that is in staging and in production is in production
        if pointers.get((entry.system, pointer)) == entry.version:
            stage = pointer
    return ReleaseEntry(**{**vars(entry), "stage": stage})
