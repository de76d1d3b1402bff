"""What a store promises: all or nothing, compare-and-swap, leases with tokens, an owner's file."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from gonogo.base.clock import FakeClock
from gonogo.errors import ConflictError, FencedError, NotFoundError, StorageError, UsageError, VerificationError
from gonogo.registry.stores.sqlite import SqliteStore
from gonogo.trust.keys import generate_key
from gonogo.trust.signers.file import FileSigner


def test_a_transaction_makes_everything_true_at_once(store: SqliteStore) -> None:
    with store.transaction() as tx:
        assert tx.append("made", {"x": 1}, "ana").seq == 1
        assert tx.put("plan", "p1", {"state": "new"}) == 1
    assert [event.kind for event in store.events()] == ["made"]
    assert store.get("plan", "p1") == (1, {"state": "new"})


def test_a_transaction_that_raises_leaves_nothing(store: SqliteStore) -> None:
    def fails_at_the_end() -> None:
        with store.transaction() as tx:
            tx.append("made", {}, "ana")
            tx.put("plan", "p1", {})
            tx.acquire_lease("rollout", "ana", 5)
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fails_at_the_end()
    assert list(store.events()) == []
    assert store.list("plan") == {}
    with store.transaction() as tx:
        assert tx.get_lease("rollout") is None
        assert tx.append("made", {}, "ana").seq == 1


def test_events_appended_in_a_transaction_are_seen_in_it(store: SqliteStore) -> None:
    with store.transaction() as tx:
        tx.append("a", {}, "ana")
        tx.append("b", {}, "ana")
        assert [event.seq for event in tx.events()] == [1, 2]
        assert [event.kind for event in tx.events(kinds=["b"])] == ["b"]
        assert [event.kind for event in tx.events(since=1)] == ["b"]
        assert list(tx.events(kinds=[])) == []


def test_a_document_is_written_only_at_the_version_that_was_seen(store: SqliteStore) -> None:
    with store.transaction() as tx:
        assert tx.put("plan", "p", {"n": 1}, expected_version=0) == 1
        assert tx.put("plan", "p", {"n": 2}, expected_version=1) == 2
    with pytest.raises(ConflictError, match="at version 2, not at version 1"), store.transaction() as tx:
        tx.put("plan", "p", {"n": 3}, expected_version=1)
    with pytest.raises(ConflictError, match="does not exist"), store.transaction() as tx:
        tx.put("plan", "q", {}, expected_version=4)
    assert store.get("plan", "p") == (2, {"n": 2})


def test_documents_are_listed_by_kind_and_key(store: SqliteStore) -> None:
    with store.transaction() as tx:
        tx.put("plan", "b", {"n": 2})
        tx.put("plan", "a", {"n": 1})
        tx.put("other", "c", {})
    assert list(store.list("plan")) == ["a", "b"]


@pytest.mark.parametrize("body", [{"x": float("nan")}, {"x": float("inf")}, {"x": object()}], ids=["nan", "inf", "object"])
def test_what_has_no_canonical_json_is_not_recorded(store: SqliteStore, body: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="cannot be recorded"), store.transaction() as tx:
        tx.append("made", body, "ana")
    with pytest.raises(UsageError, match="cannot be recorded"), store.transaction() as tx:
        tx.put("plan", "p", body)


def test_a_transaction_inside_a_transaction_is_refused(store: SqliteStore) -> None:
    with store.transaction() as tx:
        with pytest.raises(StorageError, match="inside a transaction"), store.transaction():
            pass
        tx.append("outer", {}, "ana")
    assert [event.kind for event in store.events()] == ["outer"]


def test_threads_wait_for_each_other_and_none_is_lost(store: SqliteStore) -> None:
    def work(name: str) -> None:
        for number in range(10):
            with store.transaction() as tx:
                found = tx.get("counter", "c")
                version, body = found or (0, {"n": 0})
                tx.put("counter", "c", {"n": body["n"] + 1}, expected_version=version)
                tx.append("counted", {"by": name, "number": number}, name)

    threads = [threading.Thread(target=work, args=(f"t{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get("counter", "c") == (40, {"n": 40})
    assert [event.seq for event in store.events()] == list(range(1, 41))
    assert store.verify_chain(None).intact


def test_two_stores_on_one_file_see_each_other(store: SqliteStore, signer: FileSigner) -> None:
    other = SqliteStore(store.path, signer)
    with store.transaction() as tx:
        tx.append("a", {}, "ana")
    with other.transaction() as tx:
        tx.append("b", {}, "ben")
    assert [event.actor for event in store.events()] == ["ana", "ben"]
    assert other.verify_chain(signer.public).intact


def test_only_the_owner_can_read_the_files(store: SqliteStore) -> None:
    with store.transaction() as tx:
        tx.append("a", {}, "ana")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in store.path.parent.iterdir()}
    assert {"gonogo.db", "anchor.json"} <= modes.keys()
    assert set(modes.values()) == {0o600}, modes


def test_the_database_refuses_to_change_or_delete_an_event(store: SqliteStore) -> None:
    with store.transaction() as tx:
        tx.append("a", {}, "ana")
    direct = sqlite3.connect(store.path)
    for statement in ("UPDATE event SET actor = 'mallory'", "DELETE FROM event"):
        with pytest.raises(sqlite3.IntegrityError, match="never"):
            direct.execute(statement)
    direct.close()


def test_a_file_that_is_no_database_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "gonogo.db").write_text("these are not the bytes of a database " * 100)
    with pytest.raises(StorageError, match=r"gonogo\.db: file is not a database"):
        SqliteStore(tmp_path / "gonogo.db")


def test_a_store_that_must_be_there_and_is_not(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no registry"):
        SqliteStore(tmp_path / "gonogo.db", create=False)
    assert not (tmp_path / "gonogo.db").exists()


def test_a_store_used_after_a_fork_opens_its_own_connection(store: SqliteStore) -> None:
    child = os.fork()
    if child == 0:
        try:
            with store.transaction() as tx:
                tx.append("from the child", {}, "ana")
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with store.transaction() as tx:
        tx.append("from the parent", {}, "ana")
    assert [event.kind for event in store.events()] == ["from the child", "from the parent"]


class TestLeases:
    def test_a_live_lease_keeps_others_out_and_names_its_holder(self, store: SqliteStore) -> None:
        with store.transaction() as tx:
            assert tx.acquire_lease("rollout:x", "ana:1", 5) == 1
        with pytest.raises(ConflictError, match="held by ana:1"), store.transaction() as tx:
            tx.acquire_lease("rollout:x", "ben:2", 5)

    def test_an_expired_lease_can_be_had_with_a_higher_token(self, store: SqliteStore, clock: FakeClock) -> None:
        with store.transaction() as tx:
            first = tx.acquire_lease("rollout:x", "ana:1", 5)
        clock.advance(5.001)
        with store.transaction() as tx:
            assert tx.get_lease("rollout:x") is None
            assert tx.acquire_lease("rollout:x", "ben:2", 5) == first + 1

    def test_the_old_holder_is_fenced_when_it_comes_back(self, store: SqliteStore, clock: FakeClock) -> None:
        with store.transaction() as tx:
            first = tx.acquire_lease("rollout:x", "ana:1", 5)
        clock.advance(6)
        with store.transaction() as tx:
            tx.acquire_lease("rollout:x", "ben:2", 5)
        with pytest.raises(FencedError, match="taken it over"), store.transaction() as tx:
            tx.renew_lease("rollout:x", first, 5)

    def test_renewing_keeps_it(self, store: SqliteStore, clock: FakeClock) -> None:
        with store.transaction() as tx:
            token = tx.acquire_lease("rollout:x", "ana:1", 5)
        for _ in range(3):
            clock.advance(4)
            with store.transaction() as tx:
                tx.renew_lease("rollout:x", token, 5)
        with pytest.raises(ConflictError), store.transaction() as tx:
            tx.acquire_lease("rollout:x", "ben:2", 5)

    def test_taking_over_a_live_lease_leaves_an_event(self, store: SqliteStore) -> None:
        with store.transaction() as tx:
            tx.acquire_lease("rollout:x", "ana:1", 5)
        with store.transaction() as tx:
            assert tx.acquire_lease("rollout:x", "ben:2", 5, take_over=True) == 2
        [event] = store.events()
        assert (event.kind, event.actor, event.body["from"]) == ("lease_taken_over", "ben:2", "ana:1")

    def test_a_token_is_never_given_twice_even_after_release(self, store: SqliteStore) -> None:
        tokens = []
        for holder in ("ana:1", "ben:2", "ana:1"):
            with store.transaction() as tx:
                tokens.append(tx.acquire_lease("rollout:x", holder, 5))
                tx.release_lease("rollout:x", tokens[-1])
        assert tokens == [1, 2, 3]

    def test_releasing_what_is_somebody_elses_does_nothing(self, store: SqliteStore, clock: FakeClock) -> None:
        with store.transaction() as tx:
            first = tx.acquire_lease("rollout:x", "ana:1", 5)
        clock.advance(6)
        with store.transaction() as tx:
            tx.acquire_lease("rollout:x", "ben:2", 5)
            tx.release_lease("rollout:x", first)
            lease = tx.get_lease("rollout:x")
        assert lease is not None
        assert lease.holder == "ben:2"


def test_nothing_unsigned_is_added_to_a_signed_log(store: SqliteStore) -> None:
    with store.transaction() as tx:
        tx.append("a", {}, "ana")
    with pytest.raises(VerificationError, match="signed log"), SqliteStore(store.path).transaction() as tx:
        tx.append("b", {}, "mallory")


def test_another_key_cannot_continue_the_log(store: SqliteStore, tmp_path: Path) -> None:
    with store.transaction() as tx:
        tx.append("a", {}, "ana")
    generate_key(tmp_path / "other.key")
    stranger = SqliteStore(store.path, FileSigner(tmp_path / "other.key"))
    with pytest.raises(VerificationError, match="not signed by the key"), stranger.transaction() as tx:
        tx.append("b", {}, "mallory")
    assert len(list(store.events())) == 1
