"""What the log adds up to: the policy in force, what is pending, who is revoked, who signed."""

from __future__ import annotations

from typing import Any

import pytest

from gonogo.errors import VerificationError
from gonogo.registry.stores.sqlite import SqliteStore
from gonogo.registry.trust_log import POLICY, SIGN_OFF, fold_trust, record_envelope, record_revocation, told
from gonogo.trust.signers.file import FileSigner
from gonogo.verdict.policy import Policy, sign_policy
from gonogo.verdict.sign_off import SignOff, sign_off

SUBJECT = "sha256:" + "ab" * 32


def policy(ana: FileSigner, ben: FileSigner, **settings: Any) -> Policy:
    people = {"lead": (("Ana", ana.public),), "owner": (("Ben", ben.public),)}
    return Policy("small", "aa" * 32, "pack", SUBJECT, {}, {}, settings, ("lead", "owner"), people)


def record(store: SqliteStore, envelope: bytes, kind: str = POLICY, system: str = "small") -> None:
    with store.transaction() as tx:
        record_envelope(tx, kind, system, envelope, "somebody")


def test_signatures_come_one_by_one_and_the_last_one_brings_the_policy_into_force(
    store: SqliteStore, ana: FileSigner, ben: FileSigner
) -> None:
    record(store, sign_policy(policy(ana, ben), None, ana))
    first = fold_trust(store.events(), "small").pinned
    assert first is not None
    later = policy(ana, ben, isolation="accept-weaker")
    record(store, sign_policy(later, first, ana))
    half = fold_trust(store.events(), "small")
    assert half.pinned == first
    assert list(half.pending) == [later.digest]
    record(store, sign_policy(later, first, ben))
    whole = fold_trust(store.events(), "small")
    assert whole.pinned is not None
    assert (whole.pinned.number, whole.pinned.policy) == (2, later)
    assert whole.pending == {}


def test_a_signature_that_does_not_count_changes_nothing(store: SqliteStore, ana: FileSigner, ben: FileSigner) -> None:
    record(store, sign_policy(policy(ana, ben), None, ana))
    before = fold_trust(store.events(), "small")
    record(store, sign_policy(policy(ana, ben), None, ben))
    record(store, b"{}")
    assert fold_trust(store.events(), "small") == before


def test_a_revocation_voids_what_is_pending_and_is_for_ever(store: SqliteStore, ana: FileSigner, ben: FileSigner) -> None:
    record(store, sign_policy(policy(ana, ben), None, ana))
    first = fold_trust(store.events(), "small").pinned
    later = policy(ana, ben, isolation="accept-weaker")
    record(store, sign_policy(later, first, ana))
    with store.transaction() as tx:
        record_revocation(tx, "small", ana.key_id, "Ana", "stolen", "somebody")
    record(store, sign_policy(later, first, ben))
    record(store, sign_policy(later, first, ana))
    log = fold_trust(store.events(), "small")
    assert log.pinned == first
    assert log.revoked == {ana.key_id: "Ana: stolen"}


def test_each_system_of_a_store_has_its_own(store: SqliteStore, ana: FileSigner, ben: FileSigner) -> None:
    record(store, sign_policy(policy(ana, ben), None, ana), system="other")
    assert fold_trust(store.events(), "small").pinned is None
    assert fold_trust(store.events(), "other").pinned is not None


@pytest.mark.parametrize(
    "body", [{}, {"system": "small"}, {"system": "small", "envelope": 1}, {"system": "small", "envelope": "", "seen": 1}]
)
def test_an_event_that_cannot_be_one_of_ours_is_refused(store: SqliteStore, body: dict[str, Any]) -> None:
    with store.transaction() as tx:
        tx.append(SIGN_OFF, body, "somebody")
    with pytest.raises(VerificationError, match="does not say its"):
        fold_trust(store.events(), "small")


def test_the_log_tells_signatures_in_words(store: SqliteStore, ana: FileSigner) -> None:
    given = SignOff("lead", "Ana", ana.key_id, ("technical",), SUBJECT, SUBJECT, SUBJECT, "reject", "unfair", "2026-01-01T00:00:00.000Z")
    record(store, sign_off(given, ana), SIGN_OFF)
    record(store, b"nothing", SIGN_OFF)
    said = [told(event) for event in store.events()]
    assert said[0]["person"] == "Ana"
    assert said[0]["decision"] == "reject"
    assert said[0]["reason"] == "unfair"
    assert said[1] == {"envelope": "unreadable"}
