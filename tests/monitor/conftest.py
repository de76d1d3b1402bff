"""A pretended service that speaks as the real one does, and a watch over it on a real store with a clock that moves when told to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gonogo.base import catalogue
from gonogo.base.clock import FakeClock
from gonogo.errors import UnreachableError
from gonogo.monitor.alarms.rule import Rule
from gonogo.monitor.alarms.telling import Rung
from gonogo.monitor.channels.memory import MemoryChannel
from gonogo.monitor.watch import Watch
from gonogo.registry.stores.sqlite import SqliteStore
from gonogo.stats.bins import fit_numeric
from gonogo.stats.latency import LatencyHistogram

RELEASE = "shop@1.0.0"
RANDOM = np.random.default_rng(3)
REFERENCE = RANDOM.normal(size=20_000)
BINS = fit_numeric(REFERENCE)
BASELINE = {
    "format": "gonogo-baseline/1",
    "features": {"age": {"bins": BINS.to_json(), "counts": BINS.count(REFERENCE).tolist()}},
    "score": {"bins": BINS.to_json(), "counts": BINS.count(REFERENCE).tolist()},
}


@dataclass
class Service:
    """What `/observe` says, made from what was asked of it."""

    boot_id: str = "one"
    weights: dict[str, int] = field(default_factory=lambda: {RELEASE: 10_000})
    arms: dict[str, dict[str, Any]] = field(default_factory=dict)
    unreachable: bool = False
    baseline: Mapping[str, Any] | None = field(default_factory=lambda: BASELINE)

    def serve(self, n: int, bad: int = 0, *, ms: float = 2.0, shift: float = 0.0, release: str = RELEASE) -> None:
        arm = self.arms.setdefault(release, {"n": 0, "bad": 0, "latency": LatencyHistogram(), "drift": np.zeros(BINS.size, dtype=np.int64)})
        arm["n"] += n
        arm["bad"] += bad
        arm["latency"].add_many(np.full(n, ms * 1000))
        arm["drift"] = arm["drift"] + BINS.count(RANDOM.normal(shift, size=n))

    def restart(self) -> None:
        self.boot_id += "+"
        self.arms.clear()

    def observe(self) -> dict[str, Any]:
        if self.unreachable:
            raise UnreachableError("nobody answers.")
        said = {
            "boot_id": self.boot_id,
            "releases": {key: {} for key in self.weights},
            "table": {"arms": [{"release": release, "weight_bp": weight} for release, weight in self.weights.items()]},
            "counters": {"1": {release: {"n": arm["n"], "bad": arm["bad"]} for release, arm in self.arms.items()}},
            "latency": {release: arm["latency"].to_json() for release, arm in self.arms.items()},
            "drift": {
                release: {"rows": arm["n"], "features": {"age": arm["drift"].tolist()}, "score": arm["drift"].tolist()}
                for release, arm in self.arms.items()
            },
        }
        return dict(json.loads(json.dumps(said)))  # over the wire


ERRORS = Rule("error-share", "error_rate", above=0.05, clear=0.03, for_seconds=30.0, min_n=100)


@dataclass
class Stand:
    store: SqliteStore
    service: Service
    clock: FakeClock
    channel: MemoryChannel
    rules: tuple[Rule, ...] = (ERRORS,)
    ladder: tuple[Rung, ...] = ()

    def watch(self) -> Watch:
        return Watch(
            self.service.observe, lambda release: self.service.baseline, self.rules, {"memory": self.channel}, self.store,
            system="shop", signals=[catalogue.load("signals", name)() for name in catalogue.names("signals")],
            clock=self.clock, ladder=self.ladder,
        )  # fmt: skip

    @property
    def told(self) -> list[str]:
        return [notice.kind for notice in self.channel.told]


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    store = SqliteStore(tmp_path / "gonogo.db")
    yield Stand(store, Service(), FakeClock(), MemoryChannel())
    store.close()
