"""A small system with a past: two releases, a simulated week of traffic in its history, people with API keys, and, started, its service
with the dashboard, clients and a rollout. For tests of the dashboard.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

import sample
from gonogo.base.clock import FakeClock
from gonogo.monitor.counts import Counts
from gonogo.monitor.history import History
from gonogo.monitor.windows import Snapshot, Windows
from gonogo.operations.api_keys import api_key_new
from gonogo.operations.check import check
from gonogo.operations.feedback import labels_path
from gonogo.operations.release import release
from gonogo.operations.sign import sign
from gonogo.operations.workspace import Workspace
from gonogo.release.baseline import reference_scores
from gonogo.service.labels.store import Label, LabelStore
from gonogo.stats.latency import LatencyHistogram
from gonogo.stats.score_table import BINS, ONE
from gonogo.trust.keys import generate_key

OLD, NEW = "small@1.0.0", "small@1.1.0"
MORE = """
people:
  technical-lead: {name: ana, key: keys/ana.pub}
items:
  no-overlap: {require: shared_share <= 50%}
rollout: {target: local, steps: [25, 100], min_seconds: 3600, deadline_seconds: 7200}
prediction_log: {}
monitor:
  channels: [file]
"""


def make_system(base: Path) -> Path:
    """The project with two releases, and ana's key beside it. Gives the project's folder."""
    folder, people = base / "project", base / "people"
    people.mkdir(parents=True)
    sample.write_project(folder, more=MORE)
    generate_key(people / "ana.key")
    (folder / "keys").mkdir()
    shutil.copy(people / "ana.pub", folder / "keys")
    for weight in (1.5, 1.4):
        (folder / "model.onnx").write_bytes(sample.model_bytes(weight))
        check(Workspace.open(folder))
        sign(Workspace.open(folder), "technical-lead", key=people / "ana.key")
        release(Workspace.open(folder))
    return folder


def remember_a_week(folder: Path, name: str = OLD) -> None:
    """A week of simulated traffic until now: days and nights, a slow hour, a feature that drifts since six hours."""
    workspace = Workspace.open(folder)
    path = workspace.releases / name.replace("@", "-") / "bundle" / "baseline.json"
    baseline, random, now = json.loads(path.read_text()), np.random.default_rng(7), datetime.now(UTC)
    clock = FakeClock(now - timedelta(days=7))
    history, windows, total = History(workspace.path / "history.db", clock), Windows(), Counts()
    history.restore(windows)
    windows.add(Snapshot(clock.monotonic(), "simulated", {name: total}, (name,)))
    while (left := (now - clock.now()).total_seconds()) > 90:
        step = 300 if left < 86400 else 3600
        clock.advance(step)
        total = total.plus(_counts(baseline, random, clock.now(), step, left))
        windows.add(Snapshot(clock.monotonic(), "simulated", {name: total}, (name,)))
        history.add(windows)
    history.close()


def label_a_week(folder: Path, name: str = OLD) -> None:
    """Predictions of a week, an hour of each day, most of them with what came true: as said, but more often than the highest scores say."""
    workspace, random, now = Workspace.open(folder), np.random.default_rng(11), datetime.now(UTC)
    path = labels_path(workspace)
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(LabelStore(path)) as store:
        for day in range(6, 0, -1):
            made = (now - timedelta(days=day)).replace(minute=5)
            scores = 1 / (1 + np.exp(-1.4 * random.normal(size=400)))
            names = [f"d{day}-{place}" for place in range(len(scores))]
            frame = {
                "kind": "predictions", "time": made.timestamp(), "release": name, "classes": ["0", "1"], "features": [], "inputs": {},
                "ids": names, "rows": [1] * len(names), "scores": np.stack((1 - scores, scores), axis=1).tobytes(),
            }  # fmt: skip
            store.record(f"day-{day}", [frame])
            came = random.random(len(scores)) < np.clip(scores * 1.1, 0, 1)
            known = random.random(len(scores)) < 0.9
            store.take([Label(one, "01"[int(y)]) for one, y, told in zip(names, came, known, strict=True) if told], made.timestamp() + 60)


def _counts(baseline: Any, random: np.random.Generator, now: datetime, step: int, left: float) -> Counts:
    n = int(random.poisson((300 + 200 * math.sin((now.hour - 9) / 12 * math.pi)) * step / 300))
    latency = LatencyHistogram()
    latency.add_many(random.lognormal(math.log(2500), 0.5, n) * (2.5 if 6 * 3600 < left < 7 * 3600 else 1))
    table = reference_scores(baseline)
    fine = random.multinomial(n, table.histogram / table.histogram.sum())
    middles = (np.arange(BINS) + 0.5) / BINS
    said = latency.to_json()
    return Counts(
        n=n,
        bad=int(random.binomial(n, 0.001)),
        server_errors=int(random.binomial(n, 0.001)),
        client_errors=int(random.binomial(n, 0.004)),
        latency={str(bucket): int(times) for bucket, times in said["counts"].items()},
        latency_us=float(said["total_us"]),
        rows=n,
        features={name: _drawn(random, n, one["counts"], left if name == "amount" else 1e9) for name, one in baseline["features"].items()},
        score=_drawn(random, n, baseline["score"]["counts"], 1e9),
        fine=(*map(int, fine), 0),
        score_sum=int(float((fine * middles).sum()) * ONE),
        score_squares=int(float((fine * middles**2).sum()) * ONE),
    )


def _drawn(random: np.random.Generator, n: int, counts: list[int], left: float) -> tuple[int, ...]:
    shares = np.asarray(counts, dtype=float)
    if left < 6 * 3600:
        shares = shares * np.linspace(2.0, 0.3, len(shares))
    return tuple(int(count) for count in random.multinomial(n, shares / shares.sum()))


@dataclass
class InFlight:
    """The service of such a project, with clients that ask all the time. `keys` are the texts of the API keys by name."""

    folder: Path
    url: str = ""
    dashboard: str = ""
    keys: dict[str, str] = field(default_factory=dict)
    predictions: list[str] = field(default_factory=list)
    _processes: list[subprocess.Popen[str]] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def workspace(self) -> Workspace:
        return Workspace.open(self.folder)

    def start(self) -> InFlight:
        for name, role in (("olga", "operator"), ("rita", "reader")):
            self.keys[name] = api_key_new(self.workspace(), name, role).text
        process = self._run("serve", OLD, "--port", "0", "--processes", "1", "--dashboard", "0")
        said = ""
        for line in process.stdout or ():
            said += line
            if line.startswith("dashboard at "):
                self.dashboard = line.removeprefix("dashboard at ").strip().rstrip("/")
            if " answers at " in line:
                self.url = line.rpartition(" answers at ")[2].strip().removesuffix("/predict")
                break
        assert self.url, said
        self._threads = [threading.Thread(target=self._ask, args=(number,), daemon=True) for number in range(3)]
        for thread in (*self._threads, threading.Thread(target=lambda: [None for _ in process.stdout or ()], daemon=True)):
            thread.start()
        return self

    def roll_out(self) -> None:
        """A rollout begins, and is in its first judged stage when this returns."""
        self._run("rollout", "start", NEW)
        self.until(
            lambda status: bool(status["rollout"]) and status["rollout"]["state"] == "ANALYZING" and not status["rollout"]["finished"]
        )

    def lose_the_driver(self) -> None:
        """The command line that drives the rollout is killed, and its lease runs out."""
        self._processes[-1].kill()
        self._processes[-1].wait()

    def status(self) -> Any:
        with urllib.request.urlopen(f"{self.dashboard}/status.json", timeout=10) as answer:
            return json.loads(answer.read())

    def until(self, fact: Any, seconds: float = 60.0) -> Any:
        deadline = time.monotonic() + seconds
        while True:
            seen = self.status()
            if fact(seen):
                return seen
            assert time.monotonic() < deadline, (seen["health"], seen["rollout"], seen["service"])
            time.sleep(0.1)

    def stop(self) -> None:
        self._ended.set()
        for process in reversed(self._processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            if process.stdout:
                process.stdout.close()
        for thread in self._threads:
            thread.join(5)

    def _run(self, *words: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", "PYTHONUNBUFFERED": "1"}
        with open(self.folder / f"{words[0]}.log", "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "gonogo", *words], cwd=self.folder, env=environment, text=True, start_new_session=True,
                stdout=subprocess.PIPE if words[0] == "serve" else log, stderr=log,
            )  # fmt: skip
        self._processes.append(process)
        return process

    def _ask(self, number: int) -> None:
        rows = [{"amount": round(math.sin(place + number) * 1.5, 3), "city": ("paris", "london", "oslo")[place % 3]} for place in range(50)]
        while not self._ended.wait(0.05):
            for row in rows:
                request = urllib.request.Request(
                    f"{self.url}/predict",
                    json.dumps({"features": row}).encode(),
                    {"content-type": "application/json", "x-api-key": self.keys["rita"]},
                )
                try:
                    with urllib.request.urlopen(request, timeout=5) as answer:
                        answer.read()
                except (urllib.error.URLError, OSError):
                    pass
                if self._ended.wait(0.02):
                    return
