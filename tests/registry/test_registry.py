"""Releases are entered once, pointers move only with the GO of what they move to, and the past can be asked for."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

import sample
from gonogo.base.clock import FakeClock
from gonogo.base.names import Ref, Version
from gonogo.errors import ConflictError, NotApprovedError, NotFoundError, UsageError, VerificationError
from gonogo.registry.event import GENESIS, Event, make_event
from gonogo.registry.fold import POINTER_MOVED, RELEASE_REGISTERED, fold
from gonogo.registry.registry import Registry
from gonogo.registry.stores.sqlite import SqliteStore
from gonogo.release.verify import VerifiedRelease, verify
from gonogo.trust.keys import PublicKey

V1, V2 = Version(1, 0, 0), Version(1, 1, 0)


@pytest.fixture(scope="module")
def releases(sealed: Path) -> tuple[VerifiedRelease, VerifiedRelease]:
    key = PublicKey.load(sealed / "keys/store.pub")
    return verify(sealed / "releases/small-1.0.0", key), verify(sealed / "releases/small-1.1.0", key)


@pytest.fixture
def registry(store: SqliteStore, releases: tuple[VerifiedRelease, VerifiedRelease]) -> Registry:
    registry = Registry(store)
    for release in releases:
        registry.register(release, actor="ana")
    return registry


def move(
    registry: Registry, version: Version, expected: Version | None, *, pointer: str = "production", verdict: str | None = None
) -> None:
    entry = registry.state().releases.get(("small", version))
    given = verdict or (entry.verdict_digest if entry else "sha256:0")
    registry.move_pointer("small", pointer, version, verdict_digest=given, expected=expected, reason="a test", actor="ana")


def test_a_registered_release_is_found_by_version_and_as_the_latest(
    registry: Registry, releases: tuple[VerifiedRelease, VerifiedRelease]
) -> None:
    entry = registry.resolve(Ref.parse("small@1.0.0"))
    assert (entry.digest, entry.release_digest, entry.stage, entry.actor) == (
        releases[0].digest,
        releases[0].release_digest,
        "sealed",
        "ana",
    )
    latest = registry.latest("small")
    assert latest is not None
    assert latest.digest == releases[1].digest
    assert registry.latest("other") is None
    assert registry.place(entry) == releases[0].path


def test_registering_the_same_release_again_changes_nothing(
    registry: Registry, store: SqliteStore, releases: tuple[VerifiedRelease, VerifiedRelease]
) -> None:
    before = len(list(store.events()))
    registry.register(releases[0], actor="ben")
    assert len(list(store.events())) == before
    assert registry.resolve(Ref.parse("small@1.0.0")).actor == "ana"


def test_another_release_under_a_used_version_is_refused(registry: Registry, tmp_path: Path) -> None:
    other = sample.sealable(sample.build(sample.write_project(tmp_path / "p"), tmp_path / "b"), tmp_path / "other-keys").seal(
        tmp_path / "r"
    )
    with pytest.raises(ConflictError, match="registered already"):
        registry.register(other, actor="ana")


def test_a_release_below_the_registry_is_registered_by_its_relative_path(
    store: SqliteStore, releases: tuple[VerifiedRelease, VerifiedRelease]
) -> None:
    registry = Registry(store)
    entry = registry.register(releases[0], actor="ana", path=Path("releases/small-1.0.0"))
    assert entry.path == "releases/small-1.0.0"
    assert registry.place(entry) == store.path.parent.resolve() / "releases/small-1.0.0"


def test_registering_on_another_verdict_is_refused(store: SqliteStore, releases: tuple[VerifiedRelease, VerifiedRelease]) -> None:
    with pytest.raises(NotApprovedError):
        Registry(store).register(releases[0], actor="ana", verdict_digest="sha256:0")


def test_a_pointer_moves_and_resolves(registry: Registry) -> None:
    move(registry, V1, None)
    move(registry, V2, V1)
    assert registry.resolve(Ref.parse("small@production")).version == V2
    stages = {str(entry.version): entry.stage for entry in registry.state().releases.values()}
    assert stages == {"1.0.0": "retired", "1.1.0": "production"}


def test_a_rollback_after_a_rollout_restores_the_pointer_and_keeps_the_history(registry: Registry) -> None:
    move(registry, V1, None)
    before = registry.resolve(Ref.parse("small@production"))
    move(registry, V2, V1)
    move(registry, V1, V2)
    assert registry.resolve(Ref.parse("small@production")) == before
    assert [str(one.version) for one in registry.state().history] == ["1.0.0", "1.1.0", "1.0.0"]


def test_a_pointer_moves_only_with_the_go_of_that_release(registry: Registry, releases: tuple[VerifiedRelease, VerifiedRelease]) -> None:
    with pytest.raises(NotApprovedError, match="has no GO"):
        move(registry, V1, None, verdict=releases[1].verdict_digest)
    assert registry.state().pointers == {}


def test_a_pointer_that_somebody_else_moved_is_a_conflict(registry: Registry) -> None:
    move(registry, V1, None)
    with pytest.raises(ConflictError, match=r"stands at 1\.0\.0, not nowhere"):
        move(registry, V2, None)
    with pytest.raises(ConflictError, match=r"stands at 1\.0\.0, not at 1\.1\.0"):
        move(registry, V2, V2)


def test_what_does_not_exist_is_named(registry: Registry) -> None:
    with pytest.raises(NotFoundError, match=r"no release small@9\.9\.9.*Known: 1\.0\.0, 1\.1\.0"):
        move(registry, Version(9, 9, 9), None)
    with pytest.raises(NotFoundError, match="stands nowhere"):
        registry.resolve(Ref.parse("small@production"))
    with pytest.raises(UsageError, match="no pointer"):
        move(registry, V1, None, pointer="canary")


def test_a_pointer_moves_in_the_transaction_it_is_given(registry: Registry, store: SqliteStore) -> None:
    entry = registry.resolve(Ref.parse("small@1.0.0"))

    def fails_after_moving() -> None:
        with store.transaction() as tx:
            registry.move_pointer(
                "small", "production", V1, verdict_digest=entry.verdict_digest, expected=None, reason="x", actor="ana", tx=tx
            )
            assert registry.state(tx).pointers == {("small", "production"): V1}
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError):
        fails_after_moving()
    assert registry.state().pointers == {}


def test_what_was_live_at_a_time_can_be_asked(registry: Registry, clock: FakeClock) -> None:
    start = clock.now()
    clock.advance(3600)
    move(registry, V1, None)
    clock.advance(3600)
    move(registry, V2, V1)
    state = registry.state()
    assert state.live_at("small", start) is None
    first, second = (state.live_at("small", start + timedelta(hours=hours)) for hours in (1.5, 2.5))
    assert first is not None
    assert second is not None
    assert (first.version, first.actor, first.reason) == (V1, "ana", "a test")
    assert second.version == V2
    assert state.live_at("small", start + timedelta(hours=3), "staging") is None


def event(seq: int, kind: str, body: dict[str, object]) -> Event:
    return make_event(seq, GENESIS, time="2026-01-01T00:00:00.000Z", actor="x", kind=kind, body=body, signer=None)


REGISTERED: dict[str, object] = {
    "system": "small", "version": "1.0.0", "digest": "d", "release": "r", "verdict": "v", "path": "p", "sealed": "2026-01-01T00:00:00.000Z",
}  # fmt: skip
MOVED: dict[str, object] = {"system": "small", "pointer": "production", "from": None, "to": "1.0.0", "verdict": "v", "reason": ""}


@pytest.mark.parametrize(
    ("events", "said"),
    [
        (
            [event(1, RELEASE_REGISTERED, REGISTERED), event(2, RELEASE_REGISTERED, REGISTERED)],
            "event 2 registers small@1.0.0 a second time",
        ),
        ([event(1, POINTER_MOVED, MOVED)], "event 1 moves production to small@1.0.0 without its GO"),
        ([event(1, RELEASE_REGISTERED, REGISTERED), event(2, POINTER_MOVED, {**MOVED, "verdict": "w"})], "without its GO"),
        ([event(1, RELEASE_REGISTERED, REGISTERED), event(2, POINTER_MOVED, {**MOVED, "from": "0.9.0"})], "where it did not stand"),
        ([event(1, RELEASE_REGISTERED, {**REGISTERED, "version": "one"})], "event 1"),
        ([event(1, RELEASE_REGISTERED, {"system": "small"})], "does not say its version, digest"),
    ],
    ids=["twice", "unregistered", "other verdict", "from elsewhere", "no version", "incomplete"],
)
def test_a_log_that_cannot_have_happened_is_refused(events: list[Event], said: str) -> None:
    with pytest.raises(VerificationError, match=said):
        fold(events)


def test_a_registered_path_cannot_lead_out_of_the_store(registry: Registry) -> None:
    from dataclasses import replace

    entry = replace(registry.resolve(Ref.parse("small@1.0.0")), path="../../etc")
    with pytest.raises(VerificationError, match="leaves the store"):
        registry.place(entry)
