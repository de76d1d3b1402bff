"""Whoever edits, removes, adds or cuts off events is found out."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from gonogo.errors import VerificationError
from gonogo.registry.event import GENESIS, make_event
from gonogo.registry.stores.sqlite import SqliteStore
from gonogo.trust.keys import generate_key
from gonogo.trust.signers.file import FileSigner


@pytest.fixture
def full(store: SqliteStore) -> SqliteStore:
    for number in range(6):
        with store.transaction() as tx:
            tx.append("step", {"number": number}, "ana")
    return store


def tamper(store: SqliteStore, *statements: str) -> None:
    """What somebody with the file, and without the key, can do."""
    direct = sqlite3.connect(store.path)
    direct.executescript("DROP TRIGGER event_is_never_changed; DROP TRIGGER event_is_never_deleted;" + ";".join(statements) + ";")
    direct.close()


def test_an_honest_log_has_no_problems(full: SqliteStore, signer: FileSigner) -> None:
    report = full.verify_chain(signer.public)
    assert (report.count, report.problems, report.signed) == (6, (), True)


def test_an_empty_log_has_no_problems(store: SqliteStore, signer: FileSigner) -> None:
    assert store.verify_chain(signer.public).intact


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE event SET body = '{\"number\":7}' WHERE seq = 3", "event 3 was changed"),
        ("UPDATE event SET actor = 'mallory' WHERE seq = 3", "event 3 was changed"),
        ("UPDATE event SET time = '2020-01-01T00:00:00.000Z' WHERE seq = 3", "event 3 was changed"),
        ("UPDATE event SET kind = 'stop' WHERE seq = 3", "event 3 was changed"),
        ("UPDATE event SET signature = '' WHERE seq = 3", "event 3 is not signed"),
        ("UPDATE event SET signature = (SELECT signature FROM event WHERE seq = 2) WHERE seq = 3", "event 3 is not signed by the key"),
        ("UPDATE event SET body = 'nonsense' WHERE seq = 3", "event 3 is damaged"),
        ("DELETE FROM event WHERE seq = 3", "event 3 is missing"),
        ("DELETE FROM event WHERE seq = 1", "event 1 is missing"),
        ("DELETE FROM event WHERE seq = 6", "the last events were removed"),
        ("DELETE FROM event", "the last events were removed"),
        ("DELETE FROM event WHERE seq = 3; UPDATE event SET seq = seq - 1 WHERE seq > 3", "does not follow"),
    ],
    ids=[
        "body", "actor", "time", "kind", "unsigned", "signature of another event", "no json", "deleted", "first deleted", "cut by one",
        "emptied", "deleted and renumbered",
    ],
)  # fmt: skip
def test_tampering_is_named(full: SqliteStore, signer: FileSigner, statement: str, said: str) -> None:
    tamper(full, statement)
    problems = full.verify_chain(signer.public).problems
    assert any(said in problem for problem in problems), problems


def test_a_rewritten_chain_without_the_key_is_found_out(full: SqliteStore, signer: FileSigner) -> None:
    direct = sqlite3.connect(full.path)
    direct.execute("DROP TRIGGER event_is_never_changed")
    previous = GENESIS
    for seq in range(1, 7):
        forged = make_event(seq, previous, time="2026-01-01T00:00:00.000Z", actor="ana", kind="step", body={"number": 9}, signer=None)
        direct.execute(
            "UPDATE event SET time=?, body='{\"number\":9}', prev=?, hash=? WHERE seq=?", (forged.time, previous, forged.hash, seq)
        )
        previous = forged.hash
    direct.commit()
    direct.close()
    problems = full.verify_chain(signer.public).problems
    assert sum("not signed by the key" in problem for problem in problems) == 6
    assert any("not the one that the anchor names" in problem for problem in problems)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: path.unlink(), "the anchor is missing"),
        (lambda path: path.write_bytes(b""), "the anchor is damaged"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b'"seq":6', b'"seq":5')), "the anchor is not signed by the key"),
        (lambda path: path.write_bytes(path.read_bytes() + b" "), "the anchor is damaged"),
    ],
    ids=["removed", "emptied", "set back", "a blank more"],
)
def test_the_anchor_cannot_be_tampered_with(full: SqliteStore, signer: FileSigner, harm: Callable[[Path], object], said: str) -> None:
    harm(full.anchor_path)
    problems = full.verify_chain(signer.public).problems
    assert any(said in problem for problem in problems), problems


def test_nothing_is_appended_to_a_log_that_was_cut_short(full: SqliteStore) -> None:
    tamper(full, "DELETE FROM event WHERE seq > 4")
    with pytest.raises(VerificationError, match="does not hold event 6"), full.transaction() as tx:
        tx.append("cover up", {}, "mallory")


def test_nothing_is_appended_without_the_anchor(full: SqliteStore, signer: FileSigner) -> None:
    full.anchor_path.unlink()
    with pytest.raises(VerificationError, match="is missing"), SqliteStore(full.path, signer).transaction() as tx:
        tx.append("cover up", {}, "mallory")


def test_another_stores_key_is_not_this_stores(full: SqliteStore, tmp_path: Path) -> None:
    other = generate_key(tmp_path / "other.key")
    assert len(full.verify_chain(other).problems) == 7  # six events and the anchor


def test_without_a_key_the_report_says_that_no_signature_was_checked(full: SqliteStore) -> None:
    report = full.verify_chain(None)
    assert report.intact
    assert not report.signed
