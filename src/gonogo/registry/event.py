"""Events: what happened, in order, each bound to the one before it.

An event's `hash` is the digest of everything it says, the hash of the event before it included, so that no event can be changed,
removed or slipped in without changing every hash after it. The store's key signs each hash, so that nobody else can write a chain
of their own. What a chain alone cannot show is that its last events are gone; the anchor says how long it must be. The exact bytes
are specified in `docs/formats/registry.md`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gonogo.base.canonical import canonical_bytes, digest, parse_json
from gonogo.errors import UsageError, VerificationError

if TYPE_CHECKING:
    from gonogo.trust.keys import PublicKey, Signer

EVENT_FORMAT = "gonogo-event/1"
ANCHOR_FORMAT = "gonogo-anchor/1"
GENESIS = "sha256:" + "0" * 64  #: what the first event names as the one before it


@dataclass(frozen=True)
class Event:
    """One thing that happened. `seq` counts from 1 without gaps; `time` is RFC 3339 in UTC; `signature` is hex, "" when unsigned."""

    seq: int
    time: str
    actor: str
    kind: str
    body: Mapping[str, Any]
    prev: str
    hash: str
    signature: str

    def to_json(self) -> dict[str, Any]:
        return _hashed(self) | {"hash": self.hash, "signature": self.signature}


@dataclass(frozen=True)
class Anchor:
    """The signed head of the log, kept beside it: the log must hold event `seq` with this hash. `seq` 0 says that it is new."""

    seq: int
    hash: str
    time: str
    signature: str

    def to_bytes(self) -> bytes:
        return canonical_bytes(_anchored(self.seq, self.hash, self.time) | {"signature": self.signature}) + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> Anchor:
        """Raises VerificationError when the bytes are not exactly an anchor's."""
        try:
            value = parse_json(data)
            anchor = cls(int(value["seq"]), str(value["hash"]), str(value["time"]), str(value["signature"]))
        except (ValueError, KeyError, TypeError) as error:
            raise VerificationError(f"the anchor is damaged: {error}.") from error
        if anchor.to_bytes() != data:
            raise VerificationError("the anchor is damaged: it is not in its canonical form.")
        return anchor


@dataclass(frozen=True)
class ChainReport:
    """What a verification of the log found. `problems` is empty exactly when the chain is whole; `signed` says if a key was used."""

    count: int
    problems: tuple[str, ...]
    signed: bool

    @property
    def intact(self) -> bool:
        return not self.problems


def make_event(seq: int, prev: str, *, time: str, actor: str, kind: str, body: Mapping[str, Any], signer: Signer | None) -> Event:
    """Event number `seq`, which follows the one with the hash `prev`. Raises UsageError when the body has no canonical JSON (NaN, say)."""
    try:
        unsigned = Event(seq, time, actor, kind, body, prev, "", "")
        value = digest(_hashed(unsigned))
    except ValueError as error:
        raise UsageError(f"an event of kind {kind!r} cannot be recorded: {error}.") from error
    return replace(unsigned, hash=value, signature=_sign(signer, EVENT_FORMAT, value))


def make_anchor(seq: int, value: str, time: str, signer: Signer | None) -> Anchor:
    return Anchor(seq, value, time, _sign(signer, ANCHOR_FORMAT, digest(_anchored(seq, value, time))))


def check_anchor(anchor: Anchor, key: PublicKey) -> None:
    """Raises VerificationError when `key` did not sign the anchor. A new log's anchor (seq 0) need not be signed."""
    if anchor.seq == 0 and not anchor.signature:
        return
    _verify(key, ANCHOR_FORMAT, digest(_anchored(anchor.seq, anchor.hash, anchor.time)), anchor.signature, "the anchor")


def verify_chain(events: Iterable[Event], anchor: Anchor | None, key: PublicKey | None) -> ChainReport:
    """Walk the whole log and say everything that is wrong with it, one sentence each, at most one a kind and event.

    1. Sequence numbers run from 1 without gaps.
    2. Every event names the hash of the one before it.
    3. Every hash is the digest of what the event says.
    4. Every signature is the key's (skipped, and said so in the report, without a key).
    5. The anchor is there, is signed by the key, and the event it names is in the log.
    """
    problems: list[str] = []
    previous, expected, at_anchor = GENESIS, 1, GENESIS
    count = 0
    for event in events:
        count += 1
        if event.seq != expected:
            problems.append(f"event {expected} is missing: event {event.seq} follows event {expected - 1}.")
        elif event.prev != previous:
            problems.append(f"event {event.seq} does not follow event {event.seq - 1}: it names another one before it.")
        if digest(_hashed(event)) != event.hash:
            problems.append(f"event {event.seq} was changed: it does not have the hash it names.")
        if key is not None:
            try:
                _verify(key, EVENT_FORMAT, event.hash, event.signature, f"event {event.seq}")
            except VerificationError as error:
                problems.append(error.message)
        if anchor is not None and event.seq == anchor.seq:
            at_anchor = event.hash
        previous, expected = event.hash, event.seq + 1
    problems += _anchor_problems(anchor, expected - 1, at_anchor, key)
    return ChainReport(count, tuple(problems), key is not None)


def _anchor_problems(anchor: Anchor | None, last: int, at_anchor: str, key: PublicKey | None) -> list[str]:
    if anchor is None:
        return ["the anchor is missing, so nobody can tell whether the last events are."]
    problems = []
    if key is not None:
        try:
            check_anchor(anchor, key)
        except VerificationError as error:
            problems.append(error.message)
    if anchor.seq > last:
        problems.append(f"the log ends at event {last}, but its anchor names event {anchor.seq}: the last events were removed.")
    elif anchor.hash != at_anchor:
        problems.append(f"event {anchor.seq} is not the one that the anchor names.")
    return problems


def _hashed(event: Event) -> dict[str, Any]:
    return {
        "format": EVENT_FORMAT,
        "seq": event.seq,
        "time": event.time,
        "actor": event.actor,
        "kind": event.kind,
        "body": dict(event.body),
        "prev": event.prev,
    }


def _anchored(seq: int, value: str, time: str) -> dict[str, Any]:
    return {"format": ANCHOR_FORMAT, "seq": seq, "hash": value, "time": time}


def _message(purpose: str, value: str) -> bytes:
    """What is signed. The purpose stands in front, so that a signature of one kind of record can never pass for another's."""
    return f"{purpose}\n{value}".encode()


def _sign(signer: Signer | None, purpose: str, value: str) -> str:
    return "" if signer is None else signer.sign(_message(purpose, value)).hex()


def _verify(key: PublicKey, purpose: str, value: str, signature: str, what: str) -> None:
    if not signature:
        raise VerificationError(f"{what} is not signed.")
    try:
        key.verify(bytes.fromhex(signature), _message(purpose, value))
    except (ValueError, VerificationError):
        raise VerificationError(f"{what} is not signed by the key {key.key_id[:16]}.") from None
