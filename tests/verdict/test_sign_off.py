"""Sign-offs as they travel: only the right person's, in the right role, over exactly this."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gonogo.errors import KeyFileError, UsageError, VerificationError
from gonogo.trust.envelope import IN_TOTO, open_envelope, seal_envelope, statement
from gonogo.trust.keys import PublicKey
from gonogo.trust.signers.file import FileSigner
from gonogo.verdict.sign_off import PREDICATE, SignOff, read_sign_off, sign_off

from .conftest import SUBJECT, at

Make = Callable[[str], FileSigner]


def people(signer: Make) -> dict[str, list[tuple[str, PublicKey]]]:
    return {"technical-lead": [("Ana", signer("ana").public)], "product-owner": [("Ben", signer("ben").public)]}


def record(signer: FileSigner, **changes: Any) -> SignOff:
    made = SignOff(
        role="technical-lead",
        person="Ana",
        key_id=signer.key_id,
        items=("lead", "limit"),
        subject=SUBJECT,
        evidence_digest="sha256:" + "11" * 32,
        checklist_digest="sha256:" + "22" * 32,
        decision="approve",
        reason="",
        time=at(0),
    )
    return replace(made, **changes)


def test_what_was_signed_is_what_is_read(signer: Make) -> None:
    given = record(signer("ana"))
    assert read_sign_off(sign_off(given, signer("ana")), people(signer)) == given


def test_a_changed_byte_is_refused(signer: Make) -> None:
    data = sign_off(record(signer("ana")), signer("ana"))
    for position in range(0, len(data), 7):
        changed = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        with pytest.raises(VerificationError):
            read_sign_off(changed, people(signer))


def test_the_wrong_persons_key_is_refused_with_both_names(signer: Make) -> None:
    data = sign_off(record(signer("ben")), signer("ben"))
    with pytest.raises(VerificationError, match="signed by Ben's key, but the role technical-lead belongs to Ana"):
        read_sign_off(data, people(signer))


def test_a_strangers_key_is_refused(signer: Make) -> None:
    data = sign_off(record(signer("eve")), signer("eve"))
    with pytest.raises(VerificationError, match="belongs to nobody named under `people`"):
        read_sign_off(data, people(signer))
    with pytest.raises(VerificationError):
        read_sign_off(data, {})


def test_a_role_that_nobody_has_is_refused(signer: Make) -> None:
    data = sign_off(record(signer("ana"), role="boss"), signer("ana"))
    with pytest.raises(VerificationError, match="'boss', which nobody has"):
        read_sign_off(data, people(signer))


def test_signing_in_another_persons_name_is_refused(signer: Make) -> None:
    data = sign_off(record(signer("ana"), person="Ben"), signer("ana"))
    with pytest.raises(VerificationError, match="Ana's key in the name of Ben"):
        read_sign_off(data, people(signer))


def test_signing_with_another_key_than_the_record_names_is_refused(signer: Make) -> None:
    with pytest.raises(KeyFileError, match="Ana signs with"):
        sign_off(record(signer("ana")), signer("ben"))


def test_two_signatures_on_one_sign_off_are_refused(signer: Make) -> None:
    body = open_envelope(sign_off(record(signer("ana")), signer("ana")), IN_TOTO, [signer("ana").public])
    with pytest.raises(VerificationError, match="exactly one"):
        read_sign_off(seal_envelope(body, IN_TOTO, [signer("ana"), signer("ben")]), people(signer))


@pytest.mark.parametrize(
    "change",
    [
        {"decision": "maybe"},
        {"items": []},
        {"items": "lead"},
        {"items": [1]},
        {"decision": "reject"},
        {"time": "today"},
        {"time": 5},
        {"more": ""},
    ],
)
def test_a_signed_record_that_is_not_whole_is_refused(signer: Make, change: dict[str, Any]) -> None:
    ana = signer("ana")
    body = open_envelope(sign_off(record(ana), ana), IN_TOTO, [ana.public])
    data = seal_envelope(statement("bundle", SUBJECT, PREDICATE, {**body["predicate"], **change}), IN_TOTO, [ana])
    with pytest.raises(VerificationError, match="no sign-off"):
        read_sign_off(data, people(signer))


def test_a_signed_record_without_a_key_is_refused(signer: Make) -> None:
    ana = signer("ana")
    predicate = open_envelope(sign_off(record(ana), ana), IN_TOTO, [ana.public])["predicate"]
    for key in predicate:
        rest = {name: value for name, value in predicate.items() if name != key}
        with pytest.raises(VerificationError, match="no sign-off"):
            read_sign_off(seal_envelope(statement("bundle", SUBJECT, PREDICATE, rest), IN_TOTO, [ana]), people(signer))


def test_another_statement_by_the_right_person_is_no_sign_off(signer: Make) -> None:
    ana = signer("ana")
    data = seal_envelope(statement("bundle", SUBJECT, "urn:gonogo:other:v1", {}), IN_TOTO, [ana])
    with pytest.raises(VerificationError, match="urn:gonogo:other:v1"):
        read_sign_off(data, people(signer))


@pytest.mark.parametrize("data", [b"", b"{}", b"garbage"])
def test_what_is_no_envelope_is_refused(signer: Make, data: bytes) -> None:
    with pytest.raises(VerificationError):
        read_sign_off(data, people(signer))


def test_a_subject_that_is_no_digest_cannot_be_signed(signer: Make) -> None:
    with pytest.raises(UsageError, match="cannot be signed"):
        sign_off(record(signer("ana"), subject="latest"), signer("ana"))


@pytest.mark.parametrize("change", [{"decision": "maybe"}, {"items": ()}, {"decision": "reject"}, {"time": "today"}])
def test_a_record_that_says_nothing_is_not_made(signer: Make, change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        record(signer("ana"), **change)


def test_one_person_in_two_roles_signs_for_each(signer: Make) -> None:
    both = {"technical-lead": [("Ana", signer("ana").public)], "product-owner": [("Ana", signer("ana").public)]}
    for role in both:
        assert read_sign_off(sign_off(record(signer("ana"), role=role), signer("ana")), both).role == role
