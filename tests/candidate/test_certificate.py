"""A certificate says who signed it, about which model, and stops to hold when anything that it is bound to is another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gonogo.base.clock import stamp
from gonogo.candidate.certificate import BOUND, KEYS, read_certificate, seal_certificate, voided
from gonogo.errors import VerificationError
from gonogo.trust.envelope import IN_TOTO, seal_envelope, statement
from gonogo.trust.signers.file import FileSigner

NOW = datetime(2026, 5, 1, tzinfo=UTC)
MODEL = "sha256:" + "a" * 64
HOLDS = {name: f"sha256:{name}" for name in BOUND}


def said(**changed: Any) -> dict[str, Any]:
    times = {"issued": stamp(NOW), "valid_until": stamp(NOW + timedelta(days=90))}
    return {**dict.fromkeys(KEYS, 1), "bound": HOLDS, "runs": [], **times, **changed}


def reasons(ana: FileSigner, **changed: Any) -> tuple[str, ...]:
    certificate = read_certificate(seal_certificate("fires", MODEL, said(), ana), ana.public)
    today: dict[str, Any] = {"system": "fires", "model": MODEL, "bound": HOLDS, "now": NOW + timedelta(days=1), **changed}
    return voided(certificate, **today)


def test_a_certificate_of_the_day_before_holds(ana: FileSigner) -> None:
    assert reasons(ana) == ()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"system": "floods"}, "another system"),
        ({"model": "sha256:" + "b" * 64}, "the model is another"),
        *(({"bound": {**HOLDS, name: "sha256:other"}}, why) for name, why in BOUND.items()),
        ({"now": NOW + timedelta(days=91)}, "it held until"),
        ({"now": NOW - timedelta(seconds=1)}, "in the future"),
    ],
)
def test_whatever_is_another_voids_it(ana: FileSigner, changed: dict[str, Any], why: str) -> None:
    (reason,) = reasons(ana, **changed)
    assert why in reason


def test_a_time_that_nobody_can_read_voids_it(ana: FileSigner) -> None:
    certificate = read_certificate(seal_certificate("fires", MODEL, said(valid_until="soon"), ana), ana.public)
    assert voided(certificate, system="fires", model=MODEL, bound=HOLDS, now=NOW) == ("nobody can read until when it holds",)


def test_another_key_or_a_changed_byte_is_no_certificate(ana: FileSigner, ben: FileSigner) -> None:
    envelope = seal_certificate("fires", MODEL, said(), ana)
    with pytest.raises(VerificationError, match="not known here"):
        read_certificate(envelope, ben.public)
    with pytest.raises(VerificationError):
        read_certificate(envelope.replace(b'"sig":"', b'"sig":"A'), ana.public)


def test_a_statement_that_says_less_is_no_certificate(ana: FileSigner) -> None:
    less = {key: value for key, value in said().items() if key != "runs"}
    with pytest.raises(ValueError, match="a certificate says"):
        seal_certificate("fires", MODEL, less, ana)
    envelope = seal_envelope(statement("fires", MODEL, "urn:gonogo:certificate:v1", less), IN_TOTO, [ana])
    with pytest.raises(VerificationError, match="does not say all"):
        read_certificate(envelope, ana.public)
