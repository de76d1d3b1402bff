"""What a service meets and nobody plans for: nights in which clocks change, thousands of categories, scores that are no numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from gonogo.base import catalogue
from gonogo.base.clock import FakeClock
from gonogo.checklist.load import load_pack
from gonogo.model.schema import Feature, GraphInput, Schema
from gonogo.monitor.alarms.rule import Rule
from gonogo.monitor.channels.memory import MemoryChannel
from gonogo.monitor.history import History
from gonogo.monitor.watch import Watch
from gonogo.registry.stores.sqlite import SqliteStore
from gonogo.service.drift import DriftCounter
from gonogo.stats.bins import fit_categorical, fit_numeric

RELEASE = "shop@1.0.0"
RANDOM = np.random.default_rng(31)
SCHEMA = Schema(
    "binary-classification", (GraphInput("word", "string", 1),), (Feature("word", "string", True, "word", 0),), ("no", "yes"), "p"
)
KNOWN = RANDOM.choice([f"known {number}" for number in range(10)], size=5000).astype(object)
SCORES = RANDOM.uniform(0.2, 0.8, size=5000)


def baseline() -> dict[str, Any]:
    word, score = fit_categorical(KNOWN), fit_numeric(SCORES)
    return {
        "format": "gonogo-baseline/1",
        "features": {"word": {"type": "string", "bins": word.to_json(), "counts": word.count(KNOWN).tolist()}},
        "score": {"bins": score.to_json(), "counts": score.count(SCORES).tolist()},
    }


@dataclass
class Service:
    """Requests, and what was counted of their rows."""

    n: int = 0
    drift: DriftCounter = field(default_factory=lambda: DriftCounter(SCHEMA, baseline()))

    def rows(self, words: Any, scores: Any) -> None:
        self.n += len(words)
        self.drift.add({"word": np.asarray(words, dtype=object)[:, None]}, np.column_stack((1 - np.asarray(scores), scores)))

    def observe(self) -> dict[str, Any]:
        said = {
            "boot_id": "one", "releases": {RELEASE: {"alive": True, "healthy": True}},
            "table": {"arms": [{"release": RELEASE, "weight_bp": 10_000}]},
            "counters": {"1": {RELEASE: {"n": self.n, "bad": 0}}}, "drift": {RELEASE: self.drift.to_json()},
        }  # fmt: skip
        return dict(json.loads(json.dumps(said)))


@dataclass
class Stand:
    folder: Path
    store: SqliteStore
    service: Service = field(default_factory=Service)
    clock: FakeClock = field(default_factory=FakeClock)
    channel: MemoryChannel = field(default_factory=MemoryChannel)

    def watch(self, *rules: str, pack: str = "tabular-service") -> Watch:
        """With rules of a pack."""
        chosen = [Rule(**asdict(rule)) for rule in load_pack(pack).monitor.rules if rule.name in rules]
        assert len(chosen) == len(rules)
        return Watch(
            self.service.observe, lambda release: baseline(), chosen, {"memory": self.channel}, self.store, system="shop", clock=self.clock,
            signals=[catalogue.load("signals", name)() for name in {rule.signal for rule in chosen}],
            history=lambda: History(self.folder / "history.db", self.clock),
        )  # fmt: skip


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    store = SqliteStore(tmp_path / "gonogo.db")
    yield Stand(tmp_path, store)
    store.close()


@pytest.mark.parametrize("changes", [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)], ids=["spring", "autumn"])
def test_people_who_get_up_by_another_clock_are_neither_a_drop_nor_a_spike(stand: Stand, changes: datetime) -> None:
    """Days that begin at eight in Berlin, and then the clocks change: the same hour of the week is another hour of the day."""
    berlin = ZoneInfo("Europe/Berlin")
    stand.clock = FakeClock(changes - timedelta(days=9))
    watch = stand.watch("volume-drop", "volume-spike")

    def look(minutes: int) -> dict[str, Any]:
        stand.clock.advance(60 * minutes)
        by_day = 8 <= stand.clock.now().astimezone(berlin).hour < 20
        stand.service.n += int(RANDOM.poisson((200 if by_day else 10) * minutes))
        return watch.tick()

    watch.tick()
    hours_after = timedelta(hours=34)
    while stand.clock.now() < changes - timedelta(hours=8):
        look(60)
    while stand.clock.now() < changes + hours_after:
        record = look(10)
    assert {alarm["state"] for alarm in record["alarms"]} == {"OK"}, "judged, and against the same hour of the week"
    assert stand.channel.told == []
    for _ in range(15):
        stand.clock.advance(60)  # now nobody comes any more
        watch.tick()
    assert [notice.rule for notice in stand.channel.told] == ["volume-drop"]


def test_ten_thousand_categories_are_counted_in_the_bins_that_there_are_and_told(stand: Stand) -> None:
    watch = stand.watch("new-categories", pack="random-forest-api")
    stand.service.rows(KNOWN, SCORES)
    watch.tick()
    before = len(json.dumps(stand.service.observe()))
    for _ in range(10):
        stand.service.rows([f"new {number}" for number in range(10_000)], np.full(10_000, 0.5))
        stand.clock.advance(10)
        record = watch.tick()
    assert len(json.dumps(stand.service.observe())) < before + 200, "what is told of them is as long as before"
    assert (stand.folder / "history.db").stat().st_size < 200_000
    assert {alarm["rule"]: alarm["state"] for alarm in record["alarms"]} == {"monitoring-blind": "OK", "new-categories": "FIRING"}


def test_scores_that_are_no_numbers_are_never_well(stand: Stand) -> None:
    """They are drift where they are counted, and leave unknown what is computed from sums."""
    watch = stand.watch("drift", "score-extremes")
    stand.service.rows(KNOWN, SCORES)
    watch.tick()
    for _ in range(70):
        stand.service.rows(KNOWN[:500], np.full(500, np.nan))
        stand.clock.advance(10)
        record = watch.tick()
    states = {(alarm["rule"], alarm["labels"].get("feature", "")): alarm["state"] for alarm in record["alarms"]}
    assert states["drift", "(score)"] == "FIRING"
    assert states["drift", "word"] == "OK"
    assert record["problem"] == ""


def test_a_history_that_cannot_be_read_is_told_and_the_rest_is_watched_on(stand: Stand) -> None:
    (stand.folder / "history.db").write_bytes(b"no database" * 1000)
    watch = stand.watch("drift", "volume-drop")
    for _ in range(70):
        stand.service.rows(KNOWN[:500], SCORES[:500])
        stand.clock.advance(10)
        record = watch.tick()
    states = {alarm["rule"]: alarm["state"] for alarm in record["alarms"]}
    assert states == {"monitoring-blind": "FIRING", "drift": "OK", "volume-drop": "UNKNOWN"}
    assert "history" in record["problem"]


def test_a_release_that_seals_no_table_of_scores_is_not_blind_and_waits_for_no_figure_of_it(stand: Stand) -> None:
    watch = stand.watch("score-mean", "score-variance", "score-extremes")
    for _ in range(3):
        stand.service.rows(KNOWN, SCORES)
        stand.clock.advance(10)
        record = watch.tick()
    assert {alarm["rule"]: alarm["state"] for alarm in record["alarms"]} == {"monitoring-blind": "OK", "score-extremes": "OK"}
    shown = {signal["signal"]: signal["judged"] for signal in record["signals"]}
    assert (shown["score_mean_shift"], shown["score_variance_growth"]) == (False, False)
