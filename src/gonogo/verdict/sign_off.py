"""Sign-offs: a named person says yes or no, in a role, to exactly what was measured.

A sign-off names its items, the subject (the bundle's root digest), the digest of the evidence and the digest of the checklist; when any
of the three changes, it says nothing any more. It travels in a DSSE envelope around an in-toto statement about the subject.

Reading, the obligations with their numbers in the code:
  1. the envelope holds, opened with the keys of the people that the project names;
  2. exactly one key signed it, and it is the key of the role that the sign-off claims;
  3. the record inside is whole, and names that person and that key;
  4. it is about the subject that its statement is about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from gonogo.base.clock import parse_stamp
from gonogo.checklist.items import Item
from gonogo.errors import KeyFileError, UsageError, VerificationError
from gonogo.trust.envelope import IN_TOTO, claimed_key_ids, read_envelope, read_statement, seal_envelope, statement
from gonogo.trust.keys import PublicKey, Signer
from gonogo.verdict.outcome import ItemResult, Outcome

PREDICATE = "urn:gonogo:sign-off:v1"
SUBJECT_NAME = "bundle"
People = Mapping[str, Sequence[tuple[str, PublicKey]]]  #: by role, the name and public key of everybody who has it
_TEXTS = frozenset({"role", "person", "key_id", "evidence_digest", "checklist_digest", "decision", "reason", "time"})


@dataclass(frozen=True)
class SignOff:
    """One person's decision about items of one subject. `time` is RFC 3339; a rejection has a reason."""

    role: str
    person: str
    key_id: str
    items: tuple[str, ...]
    subject: str
    evidence_digest: str
    checklist_digest: str
    decision: Literal["approve", "reject"]
    reason: str
    time: str

    def __post_init__(self) -> None:
        if self.decision not in ("approve", "reject"):
            raise ValueError(f"a sign-off approves or rejects; it does not {self.decision!r}")
        if not self.items:
            raise ValueError("a sign-off names the items that it is about")
        if self.decision == "reject" and not self.reason.strip():
            raise ValueError("a rejection needs a reason")
        parse_stamp(self.time)


def sign_off(record: SignOff, signer: Signer) -> bytes:
    """The signed envelope. Raises KeyFileError when the signer is not the one whom the record names."""
    if signer.key_id != record.key_id:
        raise KeyFileError(
            f"this key is {signer.key_id[:16]}; {record.person} signs with {record.key_id[:16]}.", hint="Use that person's private key."
        )
    predicate = {
        "role": record.role,
        "person": record.person,
        "key_id": record.key_id,
        "items": list(record.items),
        "evidence_digest": record.evidence_digest,
        "checklist_digest": record.checklist_digest,
        "decision": record.decision,
        "reason": record.reason,
        "time": record.time,
    }
    try:
        body = statement(SUBJECT_NAME, record.subject, PREDICATE, predicate)
    except ValueError as error:
        raise UsageError(f"this cannot be signed: {error}.") from error
    return seal_envelope(body, IN_TOTO, [signer])


def read_sign_off(data: bytes, people: People) -> SignOff:
    """The sign-off in an envelope, verified against the people by role. Raises VerificationError."""
    everybody = {key.key_id: (name, key) for persons in people.values() for name, key in persons}
    for claimed in claimed_key_ids(data):
        if claimed not in everybody:
            raise VerificationError(
                f"the sign-off is signed by key {claimed[:16]}, which belongs to nobody named under `people`.",
                hint="Sign with the key of a person in gonogo.yaml.",
            )
    opened = read_envelope(data, IN_TOTO, [key for _, key in everybody.values()])  # 1
    _, subject, predicate = read_statement(opened.payload, PREDICATE)  # 4
    record = _record(predicate, subject)
    if len(opened.key_ids) != 1:  # 2
        raise VerificationError("a sign-off carries exactly one signature.")
    signed_with = opened.key_ids[0]
    owners = {key.key_id: name for name, key in people.get(record.role, ())}
    if not owners:
        raise VerificationError(f"signed by {everybody[signed_with][0]}'s key in the role {record.role!r}, which nobody has.")
    if signed_with not in owners:
        named = " and ".join(owners.values())
        raise VerificationError(f"signed by {everybody[signed_with][0]}'s key, but the role {record.role} belongs to {named}.")
    if record.key_id != signed_with or record.person != owners[signed_with]:  # 3
        raise VerificationError(f"signed by {owners[signed_with]}'s key in the name of {record.person}.")
    return record


def _record(predicate: Mapping[str, Any], subject: str) -> SignOff:
    try:
        items = predicate["items"]
        texts = {key: predicate[key] for key in _TEXTS}
        if predicate.keys() != {*_TEXTS, "items"} or not isinstance(items, list):
            raise ValueError(f"its keys are {sorted(predicate)}")
        if not all(isinstance(text, str) for text in [*texts.values(), *items]):
            raise ValueError("all its values must be text")
        return SignOff(items=tuple(items), subject=subject, **texts)
    except (KeyError, ValueError) as error:
        raise VerificationError(f"this is no sign-off: {error}.") from error


def judge_sign_off(
    item: Item, subject: str | None, evidence_digest: str, checklist_digest: str, sign_offs: list[SignOff], now: datetime
) -> ItemResult:
    """What the sign-offs say about one item now. Pure.

    The latest live one decides, and of two at the same moment the rejection. Live is what names this item and role, this subject,
    evidence and checklist, and is not from the future.
    """
    mandatory = item.kind == "mandatory"
    named = [given for given in sign_offs if given.role == item.sign_off and item.id in given.items]
    live = [
        given
        for given in named
        if subject is not None
        and (given.subject, given.evidence_digest, given.checklist_digest) == (subject, evidence_digest, checklist_digest)
        and parse_stamp(given.time) <= now
    ]
    if live:
        last = max(live, key=_rank)
        if last.decision == "approve":
            return ItemResult(item.id, Outcome.PASS, f"{last.person} approved as {last.role} on {last.time}", mandatory=mandatory)
        return ItemResult(item.id, Outcome.FAIL, f"{last.person} refused as {last.role} on {last.time}: {last.reason}", mandatory=mandatory)
    if named:
        last = max(named, key=_rank)
        why = _changed(last, subject, evidence_digest, checklist_digest)
        said = f"{last.person} signed as {last.role} on {last.time}, but {why}"
        return ItemResult(item.id, Outcome.STALE, said, mandatory=mandatory)
    return ItemResult(item.id, Outcome.NOT_RUN, f"nobody has signed as {item.sign_off}", mandatory=mandatory)


def _rank(given: SignOff) -> tuple[datetime, bool, tuple[str, ...]]:
    """Later before earlier, no before yes; then by content, so that the order in which they come does not matter."""
    content = (given.person, given.key_id, given.subject, given.evidence_digest, given.checklist_digest, given.reason)
    return parse_stamp(given.time), given.decision == "reject", content


def _changed(given: SignOff, subject: str | None, evidence_digest: str, checklist_digest: str) -> str:
    parts = {
        "bundle": given.subject == subject,
        "evidence": given.evidence_digest == evidence_digest,
        "checklist": given.checklist_digest == checklist_digest,
    }
    changed = [name for name, same in parts.items() if not same]
    return f"the {' and the '.join(changed)} changed since" if changed else "that lies in the future"
