"""What the log says about trust: the policy in force, signatures under the next one, revoked keys, sign-offs and waivers. Pure.

Everything that a person signed is an event of the log, whole, in its envelope; there is no second place. So a rejection (or anything
else) cannot be taken away without breaking the log, and deleting a file revives nothing.

A policy comes into force by the event that completes its signatures; a revocation voids what is only partly signed. An event whose
signatures do not hold changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gonogo.errors import GonogoError, VerificationError
from gonogo.registry.event import Event
from gonogo.registry.store import Transaction
from gonogo.trust.envelope import claimed_key_ids, join_signatures, peek_payload
from gonogo.verdict.policy import Pinned, follow, lacking, read_policy

POLICY, SIGN_OFF, WAIVER, KEY_REVOKED = "policy", "sign_off", "waiver", "key_revoked"
KINDS = (POLICY, SIGN_OFF, WAIVER, KEY_REVOKED)
SAID = ("person", "role", "decision", "reason", "item", "items", "offender", "until", "number")  #: what people read of an envelope


@dataclass(frozen=True)
class Recorded:
    """One signed envelope in the log. `seen` is what the signer was shown of each item: its outcome and what was measured."""

    seq: int
    envelope: bytes
    seen: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TrustLog:
    """`pending` holds, by digest, policies that lack signatures; `revoked` says by key id whose key it was and why."""

    pinned: Pinned | None = None
    pending: Mapping[str, bytes] = field(default_factory=dict)
    revoked: Mapping[str, str] = field(default_factory=dict)
    sign_offs: tuple[Recorded, ...] = ()
    waivers: tuple[Recorded, ...] = ()


def fold_trust(events: Iterable[Event], system: str) -> TrustLog:
    """What the events of one system add up to. Raises VerificationError for an event that does not have its form."""
    log = TrustLog()
    for event in events:
        if event.kind not in KINDS:
            continue
        body = _body(event)
        if body["system"] != system:
            continue
        if event.kind == KEY_REVOKED:
            log = replace(log, revoked={**log.revoked, body["key"]: f"{body['name']}: {body['reason']}"}, pending={})
            continue
        recorded = Recorded(event.seq, body["envelope"].encode(), body.get("seen", {}))
        if event.kind == POLICY:
            log = _signed_policy(log, recorded.envelope)
        elif event.kind == SIGN_OFF:
            log = replace(log, sign_offs=(*log.sign_offs, recorded))
        else:
            log = replace(log, waivers=(*log.waivers, recorded))
    return log


def record_envelope(tx: Transaction, kind: str, system: str, envelope: bytes, actor: str, seen: Mapping[str, str] | None = None) -> Event:
    """Append a signed envelope (POLICY, SIGN_OFF or WAIVER) to the log."""
    body: dict[str, Any] = {"system": system, "envelope": envelope.decode()}
    return tx.append(kind, body if seen is None else {**body, "seen": dict(seen)}, actor)


def record_revocation(tx: Transaction, system: str, key_id: str, name: str, reason: str, actor: str) -> Event:
    return tx.append(KEY_REVOKED, {"system": system, "key": key_id, "name": name, "reason": reason}, actor)


def told(event: Event) -> dict[str, Any]:
    """An event's body for people: of an envelope, what it says in a few words. Verifies nothing."""
    if not isinstance(event.body.get("envelope"), str):
        return dict(event.body)
    try:
        payload = peek_payload(event.body["envelope"].encode())
        said = {key: payload["predicate"].get(key) for key in SAID if payload["predicate"].get(key)}
        if event.kind == POLICY:
            said["keys"] = [key_id[:16] for key_id in claimed_key_ids(event.body["envelope"].encode())]
        return {**said, "subject": "sha256:" + payload["subject"][0]["digest"]["sha256"][:16]}
    except (GonogoError, LookupError, TypeError, AttributeError):
        return {"envelope": "unreadable"}


def _signed_policy(log: TrustLog, envelope: bytes) -> TrustLog:
    try:
        policy, _ = read_policy(envelope, log.pinned, log.revoked)
        earlier = log.pending.get(policy.digest)
        joined = join_signatures(earlier, envelope) if earlier else envelope
        _, signed = read_policy(joined, log.pinned, log.revoked)
    except GonogoError:  # of an earlier number, by a revoked key: it changes nothing
        return log
    if lacking(policy, log.pinned, signed, log.revoked):
        return replace(log, pending={**log.pending, policy.digest: joined})
    return replace(log, pinned=follow(log.pinned, joined, log.revoked), pending={})


def _body(event: Event) -> dict[str, Any]:
    body = dict(event.body)
    texts = ("system", "key", "name", "reason") if event.kind == KEY_REVOKED else ("system", "envelope")
    wrong = [key for key in texts if not isinstance(body.get(key), str)]
    if wrong or not isinstance(body.get("seen", {}), dict):
        raise VerificationError(f"event {event.seq} ({event.kind}) does not say its {', '.join(wrong) or 'seen'}.")
    return body
