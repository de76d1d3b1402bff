"""A real store, a clock that moves only when told to, and the memory target: a whole rollout in milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gonogo.base.clock import FakeClock
from gonogo.registry.store import Transaction
from gonogo.registry.stores.sqlite import SqliteStore
from gonogo.rollout import journal
from gonogo.rollout.journal import Rollout
from gonogo.rollout.look import Look
from gonogo.rollout.plan import Plan
from gonogo.rollout.run import Controller
from memory_target import MemoryTarget

OLD, NEW = "shop@1.0.0", "shop@1.1.0"
PLAN = Plan("shop", NEW, f"sha256:{NEW}", OLD, f"sha256:{OLD}", min_seconds=2.0, deadline_seconds=60.0)


@dataclass
class Stand:
    """Everything that a rollout needs. `at_look` may do something to the data plane when a look is shown."""

    store: SqliteStore
    clock: FakeClock
    target: MemoryTarget
    looks: list[Look] = field(default_factory=list)
    at_look: Callable[[Look], None] = lambda look: None

    def controller(self, actor: str = "ana", answers: Callable[[str], str] = lambda release: "") -> Controller:
        return Controller(
            self.store, self.target, "shop", move_pointer=self.move_pointer, actor=actor, answers=answers, clock=self.clock,
            sleep=self.clock.advance, tick_seconds=0.2, lease_seconds=5.0,
        )  # fmt: skip

    def move_pointer(self, tx: Transaction, plan: Plan, actor: str, reason: str) -> None:
        tx.append("pointer", {"system": plan.system, "to": plan.new, "from": plan.old}, actor)

    def progress(self, look: Look) -> None:
        self.looks.append(look)
        self.at_look(look)

    @property
    def pointers(self) -> list[str]:
        return [str(event.body["to"]) for event in self.store.events(kinds=["pointer"])]

    def path(self, rollout: Rollout) -> list[str]:
        """Where the rollout has been: "ANALYZING 0" and so on."""
        return list(dict.fromkeys(f"{look['phase']} {look['stage']}" for look in journal.looks(self.store, rollout.id)))


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    clock = FakeClock()
    store = SqliteStore(tmp_path / "gonogo.db", clock=clock)
    yield Stand(store, clock, MemoryTarget(serving=OLD, requests=2000))
    store.close()
