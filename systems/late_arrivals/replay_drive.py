"""Event time at speed: counters, label store, history and watch of the product, under a clock that is told the time.

What is real: the model's answers, the counters that a worker keeps (`service/counters.py`, `service/drift.py`), the label store, the
history, every signal, rule and alarm, and what is written to the store. What is not: sockets and processes. What a worker's clock would
say (latencies), a status, and a service that does not answer, are told to the counters or to the watch.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from gonogo.base import catalogue
from gonogo.base.clock import FakeClock, stamp
from gonogo.errors import UnreachableError
from gonogo.model.schema import Schema
from gonogo.monitor.alarms.rule import Rule
from gonogo.monitor.history import History
from gonogo.monitor.labels import LabelReader
from gonogo.monitor.watch import Watch
from gonogo.monitor.windows import Windows, read_snapshot
from gonogo.registry.stores.sqlite import SqliteStore
from gonogo.service.answering.batching import Computed
from gonogo.service.counters import Counters
from gonogo.service.drift import DriftCounter
from gonogo.service.labels.desk import LABELS
from gonogo.service.labels.store import Label, LabelStore
from gonogo.service.prediction_log.frames import prediction_frame, read_frames
from gonogo.trust.keys import generate_key
from gonogo.trust.signers.file import FileSigner

from replay_traffic import Seen, Stretch

LABELS_EVERY = 600.0  #: seconds of event time between two deliveries of labels
ZERO = datetime(2013, 8, 5, tzinfo=UTC)  #: the Monday from which seconds are counted; local time of New York is told as UTC


@dataclass(frozen=True)
class Scene:
    """What happens for a while: what the model is given and says by row of the pool, and what befalls the requests.

    `refused`: callers' rows cannot be used (422). `fails`: the share of the requests that are answered 500. `slower` changes latencies in
    seconds. `label` changes what is said to have come true. `dead`: whoever looks at the counters gets no answer."""

    seen: Seen
    late: np.ndarray
    arrives: np.ndarray
    refused: bool = False
    fails: float = 0.0
    slower: Callable[[np.ndarray], np.ndarray] | None = None
    dead: bool = False


@dataclass(frozen=True)
class System:
    """What is watched, and how: the release, its model's schema, its baseline, the rules in force, the latencies (in seconds) that requests
    have, and which share of the predictions is kept for labels."""

    release: str
    schema: Schema
    baseline: Mapping[str, Any]
    rules: Sequence[Rule]
    latencies: np.ndarray
    sampled: float
    mature_after: float
    least_coverage: float


class Drive:
    """The service in event time, with its files in `folder`, which may be a copy of what another one left there. `now` are seconds since
    `ZERO`. Without `judged` it only counts and remembers: no signal is computed and no rule looked at."""

    def __init__(self, system: System, folder: Path, *, now: float = 0.0, seed: int = 1, judged: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.system, self.folder, self.now = system, folder, now
        self.requests = self.looks = self._number = 0
        self._waiting: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []  # labels on their way: when, of which prediction, which
        rest = folder / "rest.npz"
        if rest.exists():
            with np.load(rest) as left:
                self.now, self._number = float(left["now"]), int(left["number"])
                self._waiting = [(left["when"], left["numbers"], left["late"])]
        key = folder / "store.key"
        if not key.exists():
            generate_key(key)
        self.clock = FakeClock(ZERO + timedelta(seconds=self.now))
        self._random = np.random.default_rng((seed, int(self.now)))
        self._counters = Counters(system.release, DriftCounter(system.schema, system.baseline))
        self._boot_id = str(uuid.UUID(bytes=self._random.bytes(16)))
        self._labels = LabelStore(folder / LABELS)
        self._kept: list[tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]] = []
        self._delivered = self.now
        self.dead = False
        self._store = SqliteStore(folder / "gonogo.db", FileSigner(key), self.clock)
        self._windows = Windows()
        self._history: History | None = None
        self._reader = LabelReader(folder / LABELS, system.mature_after, system.least_coverage, expected=True)
        self._watch = self._make_watch() if judged else None
        if not judged:
            self._open_history().restore(self._windows)

    def _make_watch(self) -> Watch:
        return Watch(
            self.observe,
            lambda release: self.system.baseline,
            self.system.rules,
            {},
            self._store,
            system="late-arrivals",
            signals=[catalogue.load("signals", name)() for name in catalogue.names("signals")],
            clock=self.clock,
            history=self._open_history,
            labels=self._reader.look,
        )

    def _open_history(self) -> History:
        self._history = History(self.folder / "history.db", self.clock)
        return self._history

    # -- what the service would say --------------------------------------------------------------------------------------------

    def observe(self) -> dict[str, Any]:
        """As the supervisor's `/observe`; what it says of processes is left out, because there are none."""
        if self.dead:
            raise UnreachableError("the service does not answer.")
        arm = {"release": self.system.release, "weight_bp": 10_000}
        well = {"alive": True, "healthy": True, "processes": [], "weight_bp": 10_000}
        return {
            **self._counters.snapshot(), "boot_id": self._boot_id, "time": stamp(self.clock.now()), "in_force": True, "tripped": [],
            "table": {"arms": [arm]}, "releases": {self.system.release: well},
        }  # fmt: skip

    def _answer(self, scene: Scene, rows: np.ndarray) -> None:
        """Requests of one flight each, as a worker books and counts them."""
        seconds = self._random.choice(self.system.latencies, len(rows))
        if scene.slower is not None:
            seconds = scene.slower(seconds)
        failed = self._random.random(len(rows)) < scene.fails
        status = 422 if scene.refused else 200
        for one, bad in zip(seconds.tolist(), failed.tolist(), strict=True):
            self._counters.book((1, self.system.release, 500 if bad else status, bad, one))
        if scene.refused:
            return
        good = rows[~failed]
        inputs = {name: values[good] for name, values in scene.seen.inputs.items()}
        self._counters.see(Computed(inputs, scene.seen.scores[good], (), [1] * len(good)))
        kept = good[self._random.random(len(good)) < self.system.sampled]
        numbers = np.arange(self._number, self._number + len(kept))
        self._number += len(kept)
        self._kept.append((numbers, {name: values[kept] for name, values in scene.seen.inputs.items()}, scene.seen.scores[kept]))
        self._waiting.append((self.now + scene.arrives[kept], numbers, scene.late[kept]))

    # -- labels ----------------------------------------------------------------------------------------------------------------

    def _deliver(self) -> None:
        """Record the predictions made since the last time, and bring the labels of the flights that have arrived."""
        self._delivered = self.now
        moment = (ZERO + timedelta(seconds=self.now)).timestamp()
        if self._kept:
            parts = list(zip(*self._kept, strict=True))
            numbers, given, said = parts[0], parts[1], np.concatenate(parts[2])
            ids = [f"p{number}" for part in numbers for number in part.tolist()]
            inputs = {name: np.concatenate([one[name] for one in given]) for name in given[0]}
            computed = Computed(inputs, said, ids, [1] * len(ids))
            frame = prediction_frame(self.system.schema, self.system.release, computed, moment - 1)
            self._labels.record(f"{int(moment):020d}", [document for document, _ in read_frames(frame)])
            self._kept = []
        if not self._waiting:
            return
        when, numbers, late = (np.concatenate([part[index] for part in self._waiting]) for index in range(3))
        here = when <= self.now
        labels = [Label(f"p{number}", str(label)) for number, label in zip(numbers[here].tolist(), late[here].tolist(), strict=True)]
        if labels:
            self._labels.take(labels, moment)
        self._waiting = [(when[~here], numbers[~here], late[~here])]

    # -- time ------------------------------------------------------------------------------------------------------------------

    def run(self, stretch: Stretch, scene: Scene, until: float, step: float) -> Iterator[dict[str, Any]]:
        """Let the requests of the stretch come until then, and look every `step` seconds; the record of every look."""
        self.dead = scene.dead
        place = int(np.searchsorted(stretch.at, self.now))
        while self.now < until:
            self.now = min(self.now + step, until)
            self.clock.advance((ZERO + timedelta(seconds=self.now) - self.clock.now()).total_seconds())
            end = int(np.searchsorted(stretch.at, self.now))
            if end > place:
                self._answer(scene, stretch.row[place:end])
            self.requests += end - place
            self.looks += 1
            place = end
            if self.now - self._delivered >= LABELS_EVERY:
                self._deliver()
            if self._watch is not None:
                yield self._watch.tick()
            elif self._history is not None:
                self._windows.add(read_snapshot(self.observe(), self.clock.monotonic()))
                self._history.add(self._windows)
                yield {}

    def close(self) -> None:
        """Leave everything in the folder, also what is on its way."""
        self._deliver()
        when, numbers, late = self._waiting[0] if self._waiting else (np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64))
        np.savez(self.folder / "rest.npz", now=self.now, number=self._number, when=when, numbers=numbers, late=late)
        for one in (self._labels, self._reader, self._store, self._history):
            if one is not None:
                one.close()
