"""What every rollout target promises (see gonogo.rollout.target), held against each of them: the pretended one, and a real supervisor
with processes of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gonogo.base import catalogue
from gonogo.errors import ConflictError, FencedError, NotFoundError, UnreachableError
from gonogo.rollout.target import Observation, Route, Target
from gonogo.rollout.targets.local import LocalTarget
from memory_target import MemoryTarget
from supervised import BODY, NEW, OLD, serving

NOWHERE = OLD.partition("@")[0] + "@9.9.9"
pytestmark = pytest.mark.xdist_group("two-releases")


class Stand:
    """A target with OLD in service and NEW there to be prepared; every call gets an operation id and the highest token."""

    def __init__(self, target: Target, *, ask: Callable[[], None] = lambda: None, away: Callable[[], Target] | None = None) -> None:
        self.target = target
        self.ask = ask  #: lets one request arrive
        self.away = away  #: the same kind of target where nobody is
        self.token = target.observe().token + 1

    def op(self) -> str:
        return f"contract:{os.urandom(6).hex()}"

    def prepare(self, release: str, op_id: str = "", token: int | None = None) -> None:
        self.target.prepare(release, op_id=op_id or self.op(), token=self.token if token is None else token)

    def start(self, release: str, op_id: str = "", token: int | None = None) -> None:
        self.target.start(release, op_id=op_id or self.op(), token=self.token if token is None else token)

    def stop(self, release: str, op_id: str = "") -> None:
        self.target.stop(release, op_id=op_id or self.op(), token=self.token)

    def route(self, weights: dict[str, int], stable: str = OLD, *, op_id: str = "", token: int | None = None, epoch: int = 0) -> int:
        epoch = epoch or self.see().epoch + 1
        self.target.route(Route(epoch, stable, weights), op_id=op_id or self.op(), token=self.token if token is None else token)
        return epoch

    def see(self) -> Observation:
        return self.target.observe()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, sealed: Path) -> Iterator[Any]:
    with serving(tmp_path_factory.mktemp("contract") / "store", sealed) as running:
        yield running


def memory_stand(request: pytest.FixtureRequest) -> Stand:
    away = MemoryTarget()
    away.unreachable = True
    target = MemoryTarget(serving=OLD, requests=10)
    target.missing.add(NOWHERE)
    return Stand(target, away=lambda: away)


def local_stand(request: pytest.FixtureRequest) -> Stand:
    service = request.getfixturevalue("service").settle(None)

    def ask() -> None:
        import urllib.request

        urllib.request.urlopen(urllib.request.Request(f"{service.url}/predict", BODY), timeout=10).close()

    return Stand(LocalTarget(service.store), ask=ask, away=lambda: LocalTarget(service.store.with_name("nobody")))


STANDS = {"local": local_stand, "memory": memory_stand}


@pytest.fixture(params=sorted(STANDS))
def stand(request: pytest.FixtureRequest) -> Stand:
    return STANDS[request.param](request)


def test_a_release_is_prepared_started_routed_and_stopped(stand: Stand) -> None:
    stand.prepare(NEW)
    stand.start(NEW)
    assert stand.see().release(NEW).alive
    assert stand.see().release(NEW).healthy
    epoch = stand.route({OLD: 9500, NEW: 500})
    seen = stand.see()
    assert (seen.epoch, seen.stable, dict(seen.weights), seen.token) == (epoch, OLD, {OLD: 9500, NEW: 500}, stand.token)
    stand.route({OLD: 10_000, NEW: 0})
    stand.stop(NEW)
    assert not stand.see().release(NEW).alive
    assert stand.see().release(OLD).healthy


def test_the_same_operation_twice_succeeds_twice_and_has_the_effect_of_once(stand: Stand) -> None:
    stand.prepare(NEW)
    stand.start(NEW)
    op = stand.op()
    epoch = stand.route({OLD: 9000, NEW: 1000}, op_id=op)
    later = stand.route({OLD: 8000, NEW: 2000})
    stand.route({OLD: 9000, NEW: 1000}, op_id=op, epoch=epoch)
    assert (stand.see().epoch, stand.see().weights[NEW]) == (later, 2000)
    stand.start(NEW)
    stand.prepare(NEW)
    assert stand.see().release(NEW).healthy


def test_the_same_operation_under_a_newer_token_is_still_the_same(stand: Stand) -> None:
    stand.prepare(NEW)
    stand.start(NEW)
    op = stand.op()
    epoch = stand.route({OLD: 9000, NEW: 1000}, op_id=op)
    stand.token += 1
    stand.route({OLD: 9000, NEW: 1000}, op_id=op, epoch=epoch)
    assert stand.see().epoch == epoch


def test_an_older_token_is_fenced_off_from_everything_that_changes_anything(stand: Stand) -> None:
    stand.prepare(NEW)
    stand.start(NEW)
    stand.route({OLD: 9000, NEW: 1000})
    before, old = stand.see(), stand.token - 1
    for attempt in (
        lambda: stand.route({OLD: 0, NEW: 10_000}, token=old),
        lambda: stand.start(NEW, token=old),
        lambda: stand.prepare(NEW, token=old),
    ):
        with pytest.raises(FencedError):
            attempt()
    assert (stand.see().epoch, stand.see().weights) == (before.epoch, before.weights)


def test_a_route_that_is_not_above_the_present_epoch_is_fenced_off(stand: Stand) -> None:
    stand.prepare(NEW)
    stand.start(NEW)
    epoch = stand.route({OLD: 9000, NEW: 1000})
    for stale in (epoch, epoch - 1):
        with pytest.raises(FencedError):
            stand.route({OLD: 0, NEW: 10_000}, epoch=stale)
    assert stand.see().weights[NEW] == 1000


def test_a_release_that_does_not_run_gets_no_traffic(stand: Stand) -> None:
    stand.prepare(NEW)
    with pytest.raises(ConflictError):
        stand.route({OLD: 9000, NEW: 1000})
    assert dict(stand.see().weights) == {OLD: 10_000}


def test_a_release_that_nobody_has_is_not_there(stand: Stand) -> None:
    for ask in (stand.prepare, stand.start):
        with pytest.raises(NotFoundError):
            ask(NOWHERE)
    assert not stand.see().release(NOWHERE).alive


def test_a_release_with_traffic_is_not_stopped(stand: Stand) -> None:
    with pytest.raises(ConflictError):
        stand.stop(OLD)
    assert stand.see().release(OLD).healthy


def test_pruning_ends_what_is_no_arm_and_leaves_an_arm_without_a_share_warm(stand: Stand) -> None:
    stand.prepare(NEW)
    stand.start(NEW)
    stand.route({OLD: 10_000, NEW: 0})
    stand.target.prune(op_id=stand.op(), token=stand.token)
    assert stand.see().release(NEW).healthy
    stand.route({OLD: 10_000})
    stand.target.prune(op_id=stand.op(), token=stand.token)
    assert not stand.see().release(NEW).alive
    assert stand.see().release(OLD).healthy


def test_promotion_moves_the_stable_role_and_everything_with_it(stand: Stand) -> None:
    stand.prepare(NEW)
    stand.start(NEW)
    stand.route({NEW: 10_000, OLD: 0}, NEW)
    seen = stand.see()
    assert (seen.stable, dict(seen.weights)) == (NEW, {NEW: 10_000})
    stand.route({OLD: 10_000, NEW: 0}, OLD)
    assert stand.see().stable == OLD


def test_counters_only_grow_and_are_booked_under_the_epoch_and_the_release(stand: Stand) -> None:
    stand.prepare(NEW)
    stand.start(NEW)
    epoch = stand.route({OLD: 10_000, NEW: 0})
    counted = []
    for _ in range(3):
        stand.ask()
        counted.append(stand.see().arm(epoch, OLD).n)
    assert counted == sorted(counted)
    assert counted[-1] > counted[0]
    following = stand.route({NEW: 10_000, OLD: 0}, NEW)
    settled = stand.see().arm(epoch, OLD).n
    stand.ask()
    seen = stand.see()
    assert seen.arm(epoch, OLD).n == settled
    assert seen.arm(following, NEW).n > 0
    assert seen.arm(following, OLD).n == 0
    stand.route({OLD: 10_000, NEW: 0}, OLD)


def test_a_target_that_does_not_answer_says_so(stand: Stand) -> None:
    assert stand.away
    away = stand.away()
    with pytest.raises(UnreachableError):
        away.observe()
    with pytest.raises(UnreachableError):
        away.prepare(NEW, op_id="x", token=1)


def test_every_target_of_the_catalogue_is_held_to_this_contract() -> None:
    assert catalogue.CATALOGUE["targets"].keys() == STANDS.keys() - {"memory"}
