"""Waivers: dated, signed exceptions, each for one measured offender.

An offender is one finding of the item's evidence; when a failing item has no findings, it is the text of a requirement that is not met.
An item is waived only when every offender has a live waiver. Rules: a mandatory item, or one that the pack calls unwaivable, cannot be
waived, by nobody; a waiver is pinned to one subject and expires; it excuses a measured failure only, never an error, nothing measured, or
something stale; nor does it excuse findings that are too many to be named; it stays visible in the verdict.

A waiver travels in a DSSE envelope around an in-toto statement about the subject. Reading, the obligations with their numbers in the code:
  1. the envelope holds, opened with the keys of the people of the policy, and exactly one key signed it;
  2. the record inside is whole;
  3. the key is that of the person whom the record names, in the role that it names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from gonogo.base.canonical import digest
from gonogo.base.clock import parse_stamp
from gonogo.checklist.items import Checklist, Item
from gonogo.errors import KeyFileError, UsageError, VerificationError
from gonogo.evidence.record import Evidence
from gonogo.trust.envelope import IN_TOTO, read_envelope, read_statement, seal_envelope, statement
from gonogo.trust.keys import PublicKey, Signer
from gonogo.verdict.apart import Someone, clashes

PREDICATE = "urn:gonogo:waiver:v1"
SUBJECT_NAME = "bundle"
AND_MORE = "… and "  #: how evidence begins the line that stands for findings that it does not name


@dataclass(frozen=True)
class Waiver:
    """An exception for one offender in an item of a subject, given by `person` in `role`; in force from `time` to before `until`."""

    item: str
    offender: str
    subject: str
    role: str
    person: str
    key_id: str
    reason: str
    time: str
    until: str

    def to_json(self) -> dict[str, Any]:
        return {"format": "gonogo-waiver/1", **asdict(self)}

    @property
    def digest(self) -> str:
        return digest(self.to_json())


def waivable(item: Item) -> bool:
    """Whether the item's failure may be excused at all."""
    return item.check is not None and item.kind != "mandatory" and item.waivable


def offenders(item: Item, evidence: Evidence, failed: Sequence[str]) -> tuple[str, ...]:
    """What each needs a waiver of its own; empty when nothing can be waived. `failed` are the requirements that are not met, as text."""
    if not waivable(item) or any(finding.startswith(AND_MORE) for finding in evidence.findings):
        return ()
    return tuple(dict.fromkeys(evidence.findings or failed))


def live_waivers(item: Item, subject: str | None, offending: Sequence[str], waivers: Iterable[Waiver], now: datetime) -> list[Waiver]:
    """One waiver in force for each offender, in their order; empty when one lacks it. Unreadable dates, empty reasons excuse nothing."""
    if not waivable(item) or subject is None:
        return []
    live = [one for one in waivers if (one.item, one.subject) == (item.id, subject) and in_force(one, now)]
    live.sort(key=lambda one: (parse_stamp(one.until), one.digest))
    by_offender = {one.offender: one for one in live}  # of several the one that lasts longest, in whatever order they come
    return [by_offender[offender] for offender in offending] if set(offending) <= by_offender.keys() else []


def independent(waivers: Iterable[Waiver], checklist: Checklist, author: Someone | None) -> list[Waiver]:
    """Those that do not come from the author, where the checklist keeps the author apart from the role."""
    return [one for one in waivers if not clashes(checklist.apart, {one.role: [Someone(one.person, one.key_id)]}, author)]


def in_force(waiver: Waiver, now: datetime) -> bool:
    """Whether it has a reason, has begun and has not ended."""
    try:
        return bool(waiver.reason.strip()) and parse_stamp(waiver.time) <= now < parse_stamp(waiver.until)
    except ValueError:
        return False


def sign_waiver(record: Waiver, signer: Signer) -> bytes:
    """The signed envelope. Raises KeyFileError when the signer is another than the record names, UsageError for what cannot be signed."""
    if signer.key_id != record.key_id:
        raise KeyFileError(
            f"this key is {signer.key_id[:16]}; {record.person} signs with {record.key_id[:16]}.", hint="Use that private key."
        )
    predicate = {key: value for key, value in asdict(record).items() if key != "subject"}
    try:
        body = statement(SUBJECT_NAME, record.subject, PREDICATE, predicate)
    except ValueError as error:
        raise UsageError(f"this cannot be signed: {error}.") from error
    return seal_envelope(body, IN_TOTO, [signer])


def read_waiver(data: bytes, people: Mapping[str, Sequence[tuple[str, PublicKey]]]) -> Waiver:
    """The waiver in an envelope, verified against the people by role. Raises VerificationError."""
    opened = read_envelope(data, IN_TOTO, [key for persons in people.values() for _, key in persons])  # 1
    if len(opened.key_ids) != 1:  # 1
        raise VerificationError("a waiver carries exactly one signature.")
    _, subject, predicate = read_statement(opened.payload, PREDICATE)
    texts = {**predicate, "subject": subject}
    if texts.keys() != {one.name for one in fields(Waiver)} or not all(isinstance(text, str) for text in texts.values()):  # 2
        raise VerificationError(f"this is no waiver: its keys are {sorted(predicate)}, and all its values must be text.")
    record = Waiver(**texts)
    if (record.person, record.key_id) not in [(name, key.key_id) for name, key in people.get(record.role, ())]:  # 3
        raise VerificationError(
            f"the waiver for {record.item} names {record.person} as {record.role}, who does not have that role with that key."
        )
    if opened.key_ids[0] != record.key_id:  # 3
        raise VerificationError(f"the waiver for {record.item} is signed by another key than {record.person}'s.")
    return record
