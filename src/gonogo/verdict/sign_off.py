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
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from gonogo.base.clock import parse_stamp
from gonogo.checklist.items import Checklist, Item
from gonogo.errors import KeyFileError, UsageError, VerificationError
from gonogo.trust.envelope import IN_TOTO, claimed_key_ids, read_envelope, read_statement, seal_envelope, statement
from gonogo.trust.keys import PublicKey, Signer
from gonogo.verdict.apart import Someone, clashes
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


def judge_sign_offs(
    checklist: Checklist,
    items: Sequence[Item],
    *,
    subject: str | None,
    evidence_digest: str,
    sign_offs: Sequence[SignOff],
    now: datetime,
    author: Someone | None = None,
) -> dict[str, ItemResult]:
    """What the sign-offs say about `items` of the checklist now, by item. Pure.

    A person's last word on the item, its role and this subject counts; an approval from the future is none, so that a clock set back
    revives nothing. One refusal blocks, also over other evidence or another checklist: who measures again, or adds a file, shakes none
    off. Without any, one approval of this evidence and checklist that is not older than `checklist.sign_off_days` will do, unless it
    comes from somebody from whom the role must be kept apart.
    """
    about = (subject, evidence_digest, checklist.digest)
    results: dict[str, ItemResult] = {}
    approvals: dict[str, list[Someone]] = {}
    for item in items:
        result, people = _judge_item(item, about, sign_offs, now, timedelta(days=checklist.sign_off_days))
        results[item.id] = result
        if result.outcome is Outcome.PASS:
            known = approvals.setdefault(str(item.sign_off), people)
            approvals[str(item.sign_off)] = [one for one in known if one in people]
    for role, why in clashes(checklist.apart, approvals, author).items():
        for item in items:
            if item.sign_off == role and results[item.id].outcome is Outcome.PASS:
                results[item.id] = replace(results[item.id], outcome=Outcome.NOT_RUN, reason=f"{results[item.id].reason}, but {why}")
    return results


def _judge_item(
    item: Item, about: tuple[str | None, str, str], sign_offs: Sequence[SignOff], now: datetime, life: timedelta
) -> tuple[ItemResult, list[Someone]]:
    """The result without regard to other roles, and those whose approval it rests on."""
    empty = ItemResult(item.id, Outcome.NOT_RUN, f"nobody has signed as {item.sign_off}", mandatory=item.kind == "mandatory")
    named = [given for given in sign_offs if given.role == item.sign_off and item.id in given.items]
    said = [given for given in named if given.subject == about[0] and (given.decision == "reject" or parse_stamp(given.time) <= now)]
    refusals = [given for given in _last_words(said) if given.decision == "reject"]
    if refusals:
        last = max(refusals, key=_rank)
        return replace(empty, outcome=Outcome.FAIL, reason=f"{last.person} refused as {last.role} on {last.time}: {last.reason}"), []
    last_words = _last_words([given for given in said if _about(given) == about])
    approvals = [given for given in last_words if now - parse_stamp(given.time) <= life]
    if approvals:
        last = max(approvals, key=_rank)
        people = [Someone(given.person, given.key_id) for given in approvals]
        return replace(empty, outcome=Outcome.PASS, reason=f"{last.person} approved as {last.role} on {last.time}"), people
    if named:
        last = max(last_words or named, key=_rank)
        why = f"that is more than {life.days} days ago" if last_words else _changed(last, about)
        return replace(empty, outcome=Outcome.STALE, reason=f"{last.person} signed as {last.role} on {last.time}, but {why}"), []
    return empty, []


def _last_words(given: Sequence[SignOff]) -> list[SignOff]:
    """The latest of each person."""
    return list({one.key_id: one for one in sorted(given, key=_rank)}.values())


def _about(given: SignOff) -> tuple[str | None, str, str]:
    return given.subject, given.evidence_digest, given.checklist_digest


def _rank(given: SignOff) -> tuple[datetime, bool, tuple[str, ...]]:
    """Later before earlier, no before yes; then by content, so that the order in which they come does not matter."""
    content = (given.person, given.key_id, given.subject, given.evidence_digest, given.checklist_digest, given.reason)
    return parse_stamp(given.time), given.decision == "reject", content


def _changed(given: SignOff, about: tuple[str | None, str, str]) -> str:
    names = ("bundle", "evidence", "checklist")
    changed = [name for name, then, now in zip(names, _about(given), about, strict=True) if then != now]
    return f"the {' and the '.join(changed)} changed since" if changed else "that lies in the future"
