"""Waivers as they travel: only in the name, the role and with the key of the person whom the policy names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest

from gonogo.errors import KeyFileError, UsageError, VerificationError
from gonogo.trust.envelope import IN_TOTO, seal_envelope, statement
from gonogo.trust.keys import PublicKey
from gonogo.trust.signers.file import FileSigner
from gonogo.verdict.waiver import PREDICATE, Waiver, read_waiver, sign_waiver

from .conftest import NICE, SUBJECT, waiver

Make = Callable[[str], FileSigner]


def people(signer: Make) -> dict[str, list[tuple[str, PublicKey]]]:
    return {
        "technical-lead": [("Ana", signer("ana").public), ("Cy", signer("cy").public)],
        "product-owner": [("Ben", signer("ben").public)],
    }


def record(signer: FileSigner, **changes: Any) -> Waiver:
    return replace(waiver(NICE), key_id=signer.key_id, **changes)


def test_what_was_signed_is_what_is_read(signer: Make) -> None:
    given = record(signer("ana"))
    assert read_waiver(sign_waiver(given, signer("ana")), people(signer)) == given


def test_a_changed_byte_is_refused(signer: Make) -> None:
    data = sign_waiver(record(signer("ana")), signer("ana"))
    for position in range(0, len(data), 7):
        with pytest.raises(VerificationError):
            read_waiver(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :], people(signer))


@pytest.mark.parametrize(
    ("who", "changes"),
    [
        ("ben", {}),  # Ben has another role
        ("dan", {}),  # Dan has none
        ("ana", {"person": "Ben"}),
        ("cy", {"person": "Ana"}),
        ("ana", {"role": "product-owner"}),
        ("ana", {"role": "boss"}),
    ],
)
def test_a_name_role_or_key_that_the_policy_does_not_join_is_refused(signer: Make, who: str, changes: dict[str, str]) -> None:
    data = sign_waiver(record(signer(who), **changes), signer(who))
    with pytest.raises(VerificationError):
        read_waiver(data, people(signer))


def test_a_signature_by_another_key_than_the_record_names_is_refused(signer: Make) -> None:
    body = {key: value for key, value in asdict(record(signer("ana"))).items() if key != "subject"}
    for signers in ([signer("cy")], [signer("ana"), signer("cy")]):
        with pytest.raises(VerificationError):
            read_waiver(seal_envelope(statement("bundle", SUBJECT, PREDICATE, body), IN_TOTO, signers), people(signer))
    with pytest.raises(KeyFileError, match="signs with"):
        sign_waiver(record(signer("ana")), signer("cy"))


@pytest.mark.parametrize("change", [{"until": None}, {"reason": 7}, {"more": "x"}])
def test_a_record_of_another_form_is_refused(signer: Make, change: dict[str, Any]) -> None:
    plain = {key: value for key, value in asdict(record(signer("ana"))).items() if key != "subject"}
    body = {key: value for key, value in {**plain, **change}.items() if value is not None}
    with pytest.raises(VerificationError, match="no waiver"):
        read_waiver(seal_envelope(statement("bundle", SUBJECT, PREDICATE, body), IN_TOTO, [signer("ana")]), people(signer))


def test_a_subject_that_is_no_digest_cannot_be_signed(signer: Make) -> None:
    with pytest.raises(UsageError, match="cannot be signed"):
        sign_waiver(record(signer("ana"), subject="latest"), signer("ana"))
