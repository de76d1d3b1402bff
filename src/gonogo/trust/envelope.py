"""Signed envelopes: DSSE v1 around in-toto statements.

A signature covers the payload's type, its length and its bytes (the pre-authentication encoding of the DSSE specification,
secure-systems-lab/dsse, protocol.md), so a payload of one type is never taken for another.

An envelope is opened strictly. The obligations, with their numbers in the code:
  1. it is canonical JSON of exactly the known keys: written again, it gives the same bytes, so no byte of it can differ unnoticed;
  2. its type is the expected one;
  3. every signature in it is by a known key, no key twice, and every one holds (one wrong signature spoils the envelope);
  4. at least `threshold` keys signed;
  5. the payload is canonical JSON of one object.

The decision for 100 lines over a library is `docs/decisions/0003-signing.md`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gonogo.base.canonical import canonical_bytes, parse_json
from gonogo.errors import UsageError, VerificationError
from gonogo.trust.keys import PublicKey, Signer

IN_TOTO = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
MOST_BYTES = 64 << 20  #: an envelope larger than this is refused before it is parsed


@dataclass(frozen=True)
class Opened:
    """A payload whose signatures hold, and the ids of the keys that made them."""

    payload: dict[str, Any]
    key_ids: tuple[str, ...]


def statement(subject_name: str, root_digest: str, predicate_type: str, predicate: Mapping[str, Any]) -> dict[str, Any]:
    """An in-toto Statement v1 about one subject. `root_digest` is `sha256:<hex>`. Raises ValueError for another form."""
    algorithm, _, hexadecimal = root_digest.partition(":")
    if algorithm != "sha256" or len(hexadecimal) != 64 or set(hexadecimal) - set("0123456789abcdef"):
        raise ValueError(f"{root_digest!r} is not sha256:<64 hex digits>")
    return {
        "_type": STATEMENT,
        "subject": [{"name": subject_name, "digest": {"sha256": hexadecimal}}],
        "predicateType": predicate_type,
        "predicate": dict(predicate),
    }


def read_statement(payload: Mapping[str, Any], predicate_type: str) -> tuple[str, str, dict[str, Any]]:
    """(subject name, root digest, predicate) of a statement made by `statement`. Raises VerificationError for any other form."""
    try:
        [subject] = payload["subject"]
        name, root_digest, predicate = subject["name"], "sha256:" + subject["digest"]["sha256"], payload["predicate"]
        if payload == statement(name, root_digest, predicate_type, predicate):
            return name, root_digest, dict(predicate)
    except (KeyError, TypeError, ValueError) as error:
        raise VerificationError(f"the payload is not an in-toto statement: {error}.") from error
    raise VerificationError(f"the statement is of the type {payload.get('predicateType')!r}, not {predicate_type!r}.")


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """What is signed: `DSSEv1 <length> <type> <length> <payload>`."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def seal_envelope(payload: Mapping[str, Any], payload_type: str, signers: Sequence[Signer]) -> bytes:
    """The envelope's canonical bytes, signed by every signer. Raises UsageError without a signer or with the same one twice."""
    if not signers or len({signer.key_id for signer in signers}) != len(signers):
        raise UsageError("an envelope needs at least one signer, and each only once.")
    body = canonical_bytes(dict(payload))
    to_sign = pre_authentication_encoding(payload_type, body)
    signatures = {signer.key_id: signer.sign(to_sign) for signer in signers}
    return _encode(body, payload_type, signatures)


def open_envelope(data: bytes, payload_type: str, keys: Iterable[PublicKey], threshold: int = 1) -> dict[str, Any]:
    """The payload of an envelope that meets the obligations above. Raises VerificationError saying which one it does not meet."""
    return read_envelope(data, payload_type, keys, threshold).payload


def read_envelope(data: bytes, payload_type: str, keys: Iterable[PublicKey], threshold: int = 1) -> Opened:
    """As `open_envelope`, and says whose signatures hold."""
    known = {key.key_id: key for key in keys}
    if threshold < 1:
        raise UsageError("an envelope needs at least one signature.")
    kind, body, signatures = _decode(data)
    if _encode(body, kind, signatures) != data:  # 1
        raise VerificationError("the envelope is not in canonical form; bytes were changed after it was sealed.")
    if kind != payload_type:  # 2
        raise VerificationError(f"the envelope holds {kind!r}, not {payload_type!r}.")
    signed = pre_authentication_encoding(kind, body)
    for key_id, signature in signatures.items():  # 3
        if key_id not in known:
            raise VerificationError(f"the envelope is signed by key {key_id[:16]}, which is not known here.")
        known[key_id].verify(signature, signed)
    if len(signatures) < threshold:  # 4
        raise VerificationError(f"the envelope has {len(signatures)} signatures; {threshold} are needed.")
    return Opened(_payload(body), tuple(signatures))


def claimed_key_ids(data: bytes) -> tuple[str, ...]:
    """The ids of the keys that an envelope says signed it. NOT verified: for messages only."""
    return tuple(_decode(data)[2])


def peek_payload(data: bytes) -> dict[str, Any]:
    """The payload of an envelope, NOT verified: to find out with which keys to open it, and for messages."""
    return _payload(_decode(data)[1])


def join_signatures(data: bytes, more: bytes) -> bytes:
    """One envelope with the signatures of two over the same payload; none is verified. Raises VerificationError for two payloads, or when
    they hold different signatures of one key."""
    kind, body, signatures = _decode(data)
    other_kind, other_body, others = _decode(more)
    both = {**signatures, **others}
    if (kind, body) != (other_kind, other_body) or any(both[key_id] != signature for key_id, signature in signatures.items()):
        raise VerificationError("the two envelopes are not about the same.")
    return _encode(body, kind, both)


def _payload(body: bytes) -> dict[str, Any]:
    try:
        payload = parse_json(body)
        if isinstance(payload, dict) and canonical_bytes(payload) == body:  # 5
            return payload
    except (ValueError, RecursionError) as error:
        raise VerificationError(f"the payload is not JSON: {error}.") from error
    raise VerificationError("the payload is not one object in canonical form.")


def _encode(body: bytes, payload_type: str, signatures: Mapping[str, bytes]) -> bytes:
    return canonical_bytes(
        {
            "payload": base64.b64encode(body).decode(),
            "payloadType": payload_type,
            "signatures": [
                {"keyid": key_id, "sig": base64.b64encode(signature).decode()} for key_id, signature in sorted(signatures.items())
            ],
        }
    )


def _decode(data: bytes) -> tuple[str, bytes, dict[str, bytes]]:
    """(type, payload, signatures by key id), unverified. A key that appears twice is refused here."""
    if len(data) > MOST_BYTES:
        raise VerificationError(f"the envelope has {len(data)} bytes; {MOST_BYTES} are the most.")
    try:
        envelope = parse_json(data)
        kind, body = envelope["payloadType"], base64.b64decode(envelope["payload"], validate=True)
        pairs = [(entry["keyid"], base64.b64decode(entry["sig"], validate=True)) for entry in envelope["signatures"]]
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as error:
        raise VerificationError(f"this is not a DSSE envelope: {error}.") from error
    if not isinstance(kind, str) or not all(isinstance(key_id, str) for key_id, _ in pairs):
        raise VerificationError("this is not a DSSE envelope: the type and the key ids must be text.")
    signatures = dict(pairs)
    if len(signatures) != len(pairs):
        raise VerificationError("the envelope names a key twice.")
    return kind, body, signatures
