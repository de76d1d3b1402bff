"""Every alarm of every pack rings when what it is for happens, and is quiet before: nobody is waiting for one that never can.

The service is pretended; what it counts with, the baseline, the history, the labels and the watch are the product's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gonogo.base import catalogue
from gonogo.base.clock import FakeClock, stamp
from gonogo.base.table import Table
from gonogo.checklist.load import bundled_packs
from gonogo.checklist.rules import RuleDeclaration
from gonogo.errors import UnreachableError
from gonogo.model.schema import Feature, GraphInput, Schema
from gonogo.monitor.alarms.rule import Rule
from gonogo.monitor.channels.memory import MemoryChannel
from gonogo.monitor.history import History
from gonogo.monitor.labels import LabelReader
from gonogo.monitor.watch import Watch
from gonogo.registry.stores.sqlite import SqliteStore
from gonogo.release.baseline import make_baseline
from gonogo.service.counters import Counters
from gonogo.service.drift import DriftCounter
from gonogo.service.labels.store import Label, LabelStore
from gonogo.stats.latency import LatencyHistogram

RELEASE = "shop@1.0.0"
NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
NUMBERS = tuple("abcde")
SCHEMA = Schema(
    "binary-classification",
    (GraphInput("numbers", "float32", len(NUMBERS)), GraphInput("word", "string", 1)),
    (*(Feature(name, "float", True, "numbers", place) for place, name in enumerate(NUMBERS)), Feature("word", "string", True, "word", 0)),
    ("no", "yes"),
    "p",
)
ROWS = 400  #: a look
RULES = [pytest.param(rule, id=f"{pack.name}/{rule.name}") for pack in bundled_packs() for rule in pack.monitor.rules]


def numbers(random: np.random.Generator, n: int) -> Any:
    return random.normal(size=(n, len(NUMBERS)))


def words(random: np.random.Generator, n: int) -> Any:
    return random.choice(["paris", "rome", "oslo"], size=n)


def scores(random: np.random.Generator, n: int) -> Any:
    """Sure, and never extreme."""
    return random.choice([0.2, 0.8], size=n) + random.uniform(-0.1, 0.1, size=n)


def sealed() -> dict[str, Any]:
    random = np.random.default_rng(1)
    columns = {name: numbers(random, 20_000)[:, place] for place, name in enumerate(NUMBERS)}
    score = scores(random, 20_000)
    table = Table({**columns, "word": words(random, 20_000).astype(object)}, 20_000)
    histogram = LatencyHistogram()
    histogram.add_many(random.uniform(1500, 2500, size=2000))
    document = make_baseline(SCHEMA, table, np.column_stack((1 - score, score)), (random.random(20_000) < score).astype(np.int64))
    return {**document, "sealed_at": stamp(NOW), "latency": histogram.to_json()}


BASELINE = sealed()


@dataclass
class Service:
    """What `/observe` says of one release, with the service's own counters. `trouble`: the signal that is made to rise."""

    trouble: str = ""
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))
    drift: DriftCounter = field(default_factory=lambda: DriftCounter(SCHEMA, BASELINE))

    def __post_init__(self) -> None:
        self.counters = Counters(RELEASE, self.drift)

    def ask(self, n: int) -> None:
        """The requests between two looks, when all is well `n`."""
        n *= {"volume_drop": 0, "volume_spike": 5}.get(self.trouble, 1)
        status = {"server_error_share": 503, "client_error_share": 429, "failure_share": 422}.get(self.trouble, 200)
        bad = self.trouble in ("error_rate", "failures_in_a_row")
        slow = 10.0 if self.trouble.startswith("latency") else 0.002
        for _ in range(n):
            self.counters.book((1, RELEASE, status, bad, slow * self.random.uniform(0.9, 1.1)))
        self.counters.settle()
        if n and status == 200:
            score = self.scores(n)
            self.drift.add(self.inputs(n), np.column_stack((1 - score, score)))

    def inputs(self, n: int) -> dict[str, Any]:
        shift = {"psi": 3.0, "psi_many": 3.0, "ks": 3.0, "out_of_range": 9.0}.get(self.trouble, 0.0)
        values = numbers(self.random, n) + shift
        if self.trouble == "missing_rate":
            values[:, 0] = np.nan
        word = np.full(n, "atlantis") if self.trouble == "new_categories" else words(self.random, n)
        return {"numbers": values.astype(np.float32), "word": word.astype(object)[:, None]}

    def scores(self, n: int) -> Any:
        strange: dict[str, Callable[[], Any]] = {
            "psi": lambda: np.full(n, 0.75), "ks": lambda: np.full(n, 0.75), "score_mean_shift": lambda: np.full(n, 0.8),
            "score_variance_growth": lambda: self.random.choice([0.0, 1.0], size=n),
            "extreme_share": lambda: self.random.choice([0.01, 0.99], size=n), "low_confidence_share": lambda: np.full(n, 0.5),
            "cbpe_drop": lambda: self.random.uniform(0.45, 0.55, size=n),
        }  # fmt: skip
        return strange.get(self.trouble, lambda: scores(self.random, n))()

    def observe(self) -> dict[str, Any]:
        if self.trouble == "unreachable":
            raise UnreachableError("nobody answers.")
        well = self.trouble != "health"
        held = 40e9 if self.trouble == "memory" else 1e9
        on_device = 40_000_000_000 if self.trouble == "device_memory" else 0
        process = {"memory": int(held), "device_memory": on_device, "cpu_seconds": 1.0, "open_files": 9}
        golden = [{"tolerances": 5.0 if self.trouble == "serving_skew" else 0.1, "requests": 4}]
        state = {"alive": well, "healthy": well, "processes": [process], "golden": golden}
        tripped = [{"release": "shop@2.0.0"}] if self.trouble == "weights" else []
        table = {"arms": [{"release": RELEASE, "weight_bp": 10_000}], "tripped": tripped}
        review = {"overdue_days": float(self.trouble == "review_overdue"), "findings": int(self.trouble == "review_findings")}
        duties = {"reviews": {"day": review}, "training_failed": self.trouble == "training_failed"}
        said = {"boot_id": "one", "releases": {RELEASE: state}, "table": table, "in_force": True, "duties": duties}
        return {**self.counters.snapshot(), **said}


class Labelled:
    """Labels of two days of hourly predictions: right ones, or ones that grow worse by the hour until they are the other way round."""

    def __init__(self, path: Path, *, worse: bool) -> None:
        random, store = np.random.default_rng(3), LabelStore(path)
        for hour in range(-54, -6):
            made = NOW + timedelta(hours=hour)
            score = scores(random, 600)
            turned = np.full(600, worse) & (random.random(600) < (hour + 60) / 54)
            actual = random.random(600) < np.where(turned, 1 - score, score)
            names = [f"{hour}-{place}" for place in range(600)]
            frame = {
                "kind": "predictions", "time": made.timestamp(), "release": RELEASE, "classes": ["no", "yes"], "features": [], "inputs": {},
                "ids": names, "rows": [1] * 600, "scores": np.column_stack((1 - score, score)).tobytes(),
            }  # fmt: skip
            store.record(str(hour), [frame])
            store.take([Label(name, "yes" if true else "no") for name, true in zip(names, actual, strict=True)], made.timestamp())
        store.close()
        self.path = path


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("labels")
    silent = folder / "silent.db"
    store = LabelStore(silent)
    for hour in range(-54, -6):
        made = NOW + timedelta(hours=hour)
        frame = {
            "kind": "predictions", "time": made.timestamp(), "release": RELEASE, "classes": ["no", "yes"], "features": [], "inputs": {},
            "ids": [f"{hour}-{place}" for place in range(600)], "rows": [1] * 600, "scores": np.full((600, 2), 0.5).tobytes(),
        }  # fmt: skip
        store.record(str(hour), [frame])
    store.close()
    right, worse = Labelled(folder / "right.db", worse=False), Labelled(folder / "worse.db", worse=True)
    return {"right": right.path, "worse": worse.path, "silent": silent}


VOLUME = ("volume_drop", "volume_spike")
LABELLED = ("ece", "ece_trend", "accuracy_drop", "auc_drop", "precision_drop", "cbpe_gap")


@dataclass
class Stand:
    rule: RuleDeclaration
    folder: Path
    labels: dict[str, Path]
    service: Service = field(default_factory=Service)
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))
    baseline: dict[str, Any] = field(default_factory=lambda: dict(BASELINE))

    def __post_init__(self) -> None:
        self.store = SqliteStore(self.folder / "gonogo.db")
        self._of = "right"
        self.readers = {name: LabelReader(path, 24 * 3600.0, 0.5, expected=True) for name, path in self.labels.items()}
        self.watch = Watch(
            self.service.observe, lambda release: self.baseline, [Rule(**asdict(self.rule))], {"memory": MemoryChannel()}, self.store,
            system="shop", signals=[catalogue.load("signals", self.rule.signal)()], clock=self.clock,
            history=lambda: History(self.folder / "history.db", self.clock), labels=self.what_came_true,
        )  # fmt: skip

    def what_came_true(self) -> LabelReader:
        return self.readers[self._of].look()

    def spoil(self) -> None:
        """Make what the rule is for happen."""
        self.service.trouble = self.rule.signal
        if self.rule.signal in LABELLED:
            self._of = "worse"
        if self.rule.signal == "label_coverage":
            self._of = "silent"
        if self.rule.signal == "model_age":
            self.clock.advance(86_400 * (self.rule.above + 1))

    def look(self, seconds: float) -> set[str]:
        self.service.ask(int(seconds) if self.rule.signal in VOLUME else ROWS)
        self.clock.advance(seconds)
        record = self.watch.tick()
        ours = [alarm for alarm in record["alarms"] if alarm["rule"] == self.rule.name]
        return {"ringing" if alarm["ringing"] else alarm["state"] for alarm in ours}

    def close(self) -> None:
        for reader in self.readers.values():
            reader.close()
        self.store.close()


@pytest.fixture
def stand(request: pytest.FixtureRequest, tmp_path: Path, labels: dict[str, Path]) -> Iterator[Stand]:
    made = Stand(request.param, tmp_path, labels)
    yield made
    made.close()


@pytest.mark.parametrize("stand", RULES, indirect=True)
def test_an_alarm_of_a_pack_is_quiet_when_all_is_well_and_rings_when_it_is_not(stand: Stand) -> None:
    rule = stand.rule
    seconds = 60 if rule.signal in (*LABELLED, "label_coverage", *VOLUME) else 15
    seen = set[str]()
    for _ in range(26 if rule.signal in VOLUME else 0):
        seen = stand.look(3600)  # volume is compared with the day before
    for _ in range(10):
        seen = stand.look(seconds)
    assert seen == {"OK"}, "quiet, and not only unknown, when all is well"
    stand.spoil()
    for _ in range(most_looks(rule, seconds)):
        seen = stand.look(seconds)
        if "ringing" in seen:
            break
    assert "ringing" in seen


def most_looks(rule: RuleDeclaration, seconds: float) -> int:
    """So many that it must have rung: until the window is full of trouble, and then for as long as the rule asks."""
    lasting = (rule.times + 1) * (rule.window_seconds or 0.0) if rule.times else rule.for_seconds
    return int(lasting // seconds) + 20
