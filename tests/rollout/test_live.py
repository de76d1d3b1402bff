"""A controller, a real supervisor with real workers, and clients that do not stop asking."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gonogo.registry.store import Transaction
from gonogo.registry.stores.sqlite import SqliteStore
from gonogo.rollout import journal
from gonogo.rollout.machine import Phase
from gonogo.rollout.plan import Plan
from gonogo.rollout.rollback import WentBack, roll_back
from gonogo.rollout.run import Controller
from gonogo.rollout.targets.local import LocalTarget
from supervised import NEW, OLD, Traffic, serving

SYSTEM = OLD.partition("@")[0]
pytestmark = pytest.mark.xdist_group("two-releases")


class Live:
    """One service with OLD in it, and the store of its rollouts."""

    def __init__(self, service: Any, store: SqliteStore) -> None:
        self.service = service
        self.store = store
        self._before = sum(1 for _ in store.events())

    def controller(self) -> Controller:
        def move_pointer(tx: Transaction, plan: Plan, actor: str, reason: str) -> None:
            tx.append("pointer", {"to": plan.new}, actor)

        return Controller(self.store, LocalTarget(self.service.store), SYSTEM, move_pointer=move_pointer, actor="ana", tick_seconds=0.05)

    def plan(self, new: str, old: str, **more: Any) -> Plan:
        client = self.service.client
        digests = {}
        for release in (new, old):
            client.prepare(release)
            digests[release] = client.start(release)["digest"]
        return Plan(SYSTEM, new, digests[new], old, digests[old], **{"min_seconds": 0.3, "deadline_seconds": 60.0, "margin": 0.05, **more})

    def roll_out(self) -> journal.Rollout:
        controller = self.controller()
        controller.start(self.plan(NEW, OLD, steps=(25, 100)))
        return controller.drive()

    def go_back(self, new: str, old: str) -> WentBack:
        return roll_back(self.controller(), self.store, SYSTEM, lambda: self.plan(new, old, kind="revert"), actor="ana")

    @property
    def pointers(self) -> list[str]:
        return [str(event.body["to"]) for event in self.store.events(since=self._before, kinds=["pointer"])]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, sealed: Path) -> Iterator[Any]:
    with serving(tmp_path_factory.mktemp("live") / "store", sealed) as running:
        yield running


@pytest.fixture(scope="module")
def store(service: Any) -> Iterator[SqliteStore]:
    store = SqliteStore(service.store / "gonogo.db")
    yield store
    store.close()


@pytest.fixture
def live(service: Any, store: SqliteStore) -> Live:
    return Live(service.settle(None), store)


def under_traffic(live: Live, connections: int, story: Callable[[Any], Awaitable[None]]) -> Any:
    async def run() -> Any:
        async with Traffic(live.service.port, connections) as traffic:
            await traffic.answered(50)
            await story(traffic)
        return traffic

    return asyncio.run(run())


def test_a_good_release_is_rolled_out_under_traffic_and_nobody_notices(live: Live) -> None:
    async def story(traffic: Any) -> None:
        rollout = await asyncio.to_thread(live.roll_out)
        assert rollout.state.phase is Phase.COMPLETED, rollout.state.reason
        await traffic.answered(100)

    traffic = under_traffic(live, 10, story)
    assert not traffic.failures
    assert traffic.answers[NEW] > 0
    assert live.pointers == [NEW]
    assert live.service.client.observe()["table"]["stable"] == NEW


def test_rollbacks_in_a_row_under_traffic_fail_nobody(live: Live) -> None:
    live.service.settle(0)

    async def story(traffic: Any) -> None:
        live.plan(NEW, OLD)  # both are up before the first one
        here, there = OLD, NEW
        for _ in range(6):
            went = await asyncio.to_thread(live.go_back, there, here)
            assert went.succeeded, went.rollout.state.reason
            here, there = there, here
        await traffic.answered(100)

    traffic = under_traffic(live, 16, story)
    assert not traffic.failures
    assert live.pointers == [NEW, OLD] * 3
    assert live.service.client.observe()["table"]["stable"] == OLD
    assert live.store.verify_chain(None).intact


def test_a_canary_that_dies_is_taken_back_and_nobody_notices(live: Live) -> None:
    killed = []

    def drive() -> journal.Rollout:
        controller = live.controller()
        controller.start(live.plan(NEW, OLD, min_seconds=30.0))

        def kill(look: object) -> None:
            if controller.rollout.state.phase is Phase.ANALYZING and not killed:
                killed.append(live.service.pid(NEW))
                os.kill(killed[0], signal.SIGKILL)

        return controller.drive(kill)

    async def story(traffic: Any) -> None:
        rollout = await asyncio.to_thread(drive)
        assert rollout.state.phase is Phase.ROLLED_BACK, rollout.state.reason
        await traffic.answered(100)

    traffic = under_traffic(live, 20, story)
    assert killed
    assert not traffic.failures
    assert live.pointers == []
    assert live.service.client.observe()["releases"][OLD]["weight_bp"] == 10_000
