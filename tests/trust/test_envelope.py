"""Envelopes: what was signed is what is read, to the byte."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError as SslVerificationError
from securesystemslib.signer import SSlibKey

from gonogo.base.canonical import canonical_bytes
from gonogo.errors import UsageError, VerificationError
from gonogo.trust.envelope import (
    IN_TOTO,
    claimed_key_ids,
    join_signatures,
    open_envelope,
    peek_payload,
    pre_authentication_encoding,
    read_envelope,
    read_statement,
    seal_envelope,
    statement,
)
from gonogo.trust.keys import PublicKey
from gonogo.trust.signers.file import FileSigner

DIGEST = "sha256:" + "ab" * 32
BODY = statement("credit-risk", DIGEST, "urn:gonogo:test:v1", {"n": 1, "name": "Zoë"})


def test_what_was_sealed_is_what_is_opened(ana: FileSigner) -> None:
    data = seal_envelope(BODY, IN_TOTO, [ana])
    assert open_envelope(data, IN_TOTO, [ana.public]) == BODY
    assert read_envelope(data, IN_TOTO, [ana.public]).key_ids == (ana.key_id,)
    assert claimed_key_ids(data) == (ana.key_id,)


def test_sealing_twice_gives_the_same_bytes(ana: FileSigner, ben: FileSigner) -> None:
    assert seal_envelope(BODY, IN_TOTO, [ana, ben]) == seal_envelope(dict(reversed(BODY.items())), IN_TOTO, [ben, ana])


def test_every_changed_byte_is_refused(ana: FileSigner) -> None:
    data = seal_envelope(BODY, IN_TOTO, [ana])
    for position in range(len(data)):
        for bit in (1, 32):
            changed = data[:position] + bytes([data[position] ^ bit]) + data[position + 1 :]
            with pytest.raises(VerificationError):
                open_envelope(changed, IN_TOTO, [ana.public])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_every_inserted_or_removed_piece_is_refused(ana: FileSigner, data: st.DataObject) -> None:
    sealed = seal_envelope(BODY, IN_TOTO, [ana])
    start = data.draw(st.integers(0, len(sealed)))
    end = data.draw(st.integers(start, min(len(sealed), start + 8)))
    changed = sealed[:start] + data.draw(st.binary(max_size=4)) + sealed[end:]
    if changed != sealed:
        with pytest.raises(VerificationError):
            open_envelope(changed, IN_TOTO, [ana.public])


def rewritten(data: bytes, **changes: Any) -> bytes:
    return canonical_bytes({**json.loads(data), **changes})


def test_an_envelope_of_another_type_is_refused(ana: FileSigner) -> None:
    data = seal_envelope(BODY, "application/other", [ana])
    with pytest.raises(VerificationError, match="application/other"):
        open_envelope(data, IN_TOTO, [ana.public])
    with pytest.raises(VerificationError, match="signature"):
        open_envelope(rewritten(data, payloadType=IN_TOTO), IN_TOTO, [ana.public])


def test_a_signature_by_an_unknown_key_spoils_the_envelope(ana: FileSigner, ben: FileSigner) -> None:
    data = seal_envelope(BODY, IN_TOTO, [ana, ben])
    with pytest.raises(VerificationError, match=ben.key_id[:16]):
        open_envelope(data, IN_TOTO, [ana.public])


def test_without_keys_nothing_opens(ana: FileSigner) -> None:
    with pytest.raises(VerificationError, match="not known"):
        open_envelope(seal_envelope(BODY, IN_TOTO, [ana]), IN_TOTO, [])


def test_without_signatures_nothing_opens(ana: FileSigner) -> None:
    data = rewritten(seal_envelope(BODY, IN_TOTO, [ana]), signatures=[])
    with pytest.raises(VerificationError, match="0 signatures"):
        open_envelope(data, IN_TOTO, [ana.public])


def test_the_threshold_counts_keys_not_signatures(ana: FileSigner, ben: FileSigner) -> None:
    keys = [ana.public, ben.public]
    assert open_envelope(seal_envelope(BODY, IN_TOTO, [ana, ben]), IN_TOTO, keys, threshold=2) == BODY
    alone = seal_envelope(BODY, IN_TOTO, [ana])
    with pytest.raises(VerificationError, match="2 are needed"):
        open_envelope(alone, IN_TOTO, keys, threshold=2)
    twice = rewritten(alone, signatures=json.loads(alone)["signatures"] * 2)
    with pytest.raises(VerificationError, match="twice"):
        open_envelope(twice, IN_TOTO, keys, threshold=2)
    with pytest.raises(UsageError):
        open_envelope(alone, IN_TOTO, keys, threshold=0)


def test_a_key_id_written_over_another_keys_signature_is_refused(ana: FileSigner, ben: FileSigner) -> None:
    data = seal_envelope(BODY, IN_TOTO, [ana])
    forged = data.replace(ana.key_id.encode(), ben.key_id.encode())
    with pytest.raises(VerificationError, match="signature"):
        open_envelope(forged, IN_TOTO, [ana.public, ben.public])


def test_sealing_needs_a_signer_and_each_only_once(ana: FileSigner) -> None:
    for signers in ([], [ana, ana]):
        with pytest.raises(UsageError):
            seal_envelope(BODY, IN_TOTO, signers)


def signed_by_hand(body: bytes, signer: FileSigner) -> bytes:
    signature = signer.sign(pre_authentication_encoding(IN_TOTO, body))
    entry = {"keyid": signer.key_id, "sig": base64.b64encode(signature).decode()}
    return canonical_bytes({"payload": base64.b64encode(body).decode(), "payloadType": IN_TOTO, "signatures": [entry]})


@pytest.mark.parametrize("body", [b"[1]", b"{ }", b'{"b":1,"a":2}', b"", b"nonsense", b'{"a":NaN}', b"[" * 9000, b'{"a":1,"a":2}'])
def test_a_signed_payload_that_is_not_one_canonical_object_is_refused(ana: FileSigner, body: bytes) -> None:
    with pytest.raises(VerificationError, match="payload"):
        open_envelope(signed_by_hand(body, ana), IN_TOTO, [ana.public])


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"null", b"\xff", b"[" * 9000, b'{"payload":1,"payloadType":"","signatures":[]}'])
def test_what_is_no_envelope_is_refused(ana: FileSigner, data: bytes) -> None:
    with pytest.raises(VerificationError, match="DSSE"):
        open_envelope(data, IN_TOTO, [ana.public])


def test_the_encoding_is_that_of_the_specification() -> None:
    # the example of the DSSE protocol document
    assert pre_authentication_encoding("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_securesystemslib_verifies_what_we_seal(ana: FileSigner, ben: FileSigner) -> None:
    envelope = Envelope.from_dict(json.loads(seal_envelope(BODY, IN_TOTO, [ana, ben])))
    keys = [their_key(ana.public), their_key(ben.public)]
    assert set(envelope.verify(keys, 2)) == {ana.key_id, ben.key_id}
    envelope.payload += b" "
    with pytest.raises(SslVerificationError):
        envelope.verify(keys, 1)


def their_key(public: PublicKey) -> SSlibKey:
    raw = base64.b64decode("".join(public.pem.splitlines()[1:-1]))[-32:]
    return SSlibKey(public.key_id, "ed25519", "ed25519", {"public": raw.hex()})


def test_a_statement_reads_back() -> None:
    assert read_statement(BODY, "urn:gonogo:test:v1") == ("credit-risk", DIGEST, {"n": 1, "name": "Zoë"})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"predicateType": "urn:gonogo:other:v1"}, "urn:gonogo:other:v1"),
        ({"subject": []}, "in-toto"),
        ({"subject": BODY["subject"] * 2}, "in-toto"),
        ({"subject": [{"name": "x", "digest": {"sha256": "AB" * 32}}]}, "in-toto"),
        ({"subject": [{"name": "x", "digest": {"md5": "ab"}}]}, "in-toto"),
        ({"predicate": 1}, "in-toto"),
    ],
)
def test_a_statement_of_another_form_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(VerificationError, match=said):
        read_statement({**BODY, **changes}, "urn:gonogo:test:v1")


@pytest.mark.parametrize("digest", ["", "ab" * 32, "md5:" + "ab" * 16, "sha256:" + "ab" * 31, "sha256:" + "AB" * 32])
def test_a_statement_is_only_about_a_sha256_digest(digest: str) -> None:
    with pytest.raises(ValueError, match="sha256"):
        statement("x", digest, "urn:gonogo:test:v1", {})


def test_signatures_over_the_same_are_put_together_and_over_anything_else_are_not(ana: FileSigner, ben: FileSigner) -> None:
    one, two = (seal_envelope({"a": 1}, IN_TOTO, [signer]) for signer in (ana, ben))
    both = join_signatures(one, two)
    assert both == join_signatures(two, one) == join_signatures(both, one) == seal_envelope({"a": 1}, IN_TOTO, [ana, ben])
    assert open_envelope(both, IN_TOTO, [ana.public, ben.public], threshold=2) == {"a": 1} == peek_payload(both)
    for other in (seal_envelope({"a": 2}, IN_TOTO, [ben]), seal_envelope({"a": 1}, "text/plain", [ben])):
        with pytest.raises(VerificationError, match="not about the same"):
            join_signatures(one, other)
    swapped = json.loads(one)
    swapped["signatures"][0]["sig"] = base64.b64encode(ana.sign(b"x")).decode()
    with pytest.raises(VerificationError, match="not about the same"):
        join_signatures(one, canonical_bytes(swapped))
