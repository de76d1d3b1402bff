"""What monitoring costs, beside Evidently, NannyML, whylogs, prometheus_client and scikit-learn. `python -m benchmarks.monitor`.

Budgets of design.md, section 6, as ratios to reading the data once (numpy's sum over the same array) or to a peer in the same run: CPU
seconds, the best of some rounds. Peers run in environments of their own under `.cache/peers`, over the same rows (`monitor_peers/`); one
that cannot take part says why. `--rows` is for the tables; `--predictions` for the run in which memory must stay flat.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.healthy_service import HealthyService
from benchmarks.serve.environments import NotInstalled, environment
from gonogo.base import catalogue
from gonogo.base.clock import FakeClock
from gonogo.checklist.load import load_pack
from gonogo.model.schema import Feature, GraphInput, Schema
from gonogo.monitor.alarms.rule import Rule
from gonogo.monitor.counts import Counts
from gonogo.monitor.history import History
from gonogo.monitor.watch import Watch
from gonogo.monitor.windows import Snapshot, Windows
from gonogo.registry.stores.sqlite import SqliteStore
from gonogo.service.answering.batching import Computed
from gonogo.service.counters import SLICE, Counters
from gonogo.service.drift import DriftCounter
from gonogo.stats.bins import BLOCK, Array, BinEdges, fit_numeric
from gonogo.stats.cbpe import calibration_map, expected, expected_auc
from gonogo.stats.counters import FeatureCounter
from gonogo.stats.drift import psi
from gonogo.stats.score_calibration import ece
from gonogo.stats.score_ranking import roc_auc
from gonogo.stats.score_table import ScoreTable

FEATURES = 20
NAMES = [f"x{index}" for index in range(FEATURES)]
ROUNDS = 5
PEERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "evidently": ("evidently_psi.py", ("evidently==0.7.23", "pandas==2.2.3")),
    "nannyml": ("nannyml_drift.py", ("nannyml==0.13.1", "statsmodels==0.14.5", "pandas==2.2.3")),
    "whylogs": ("whylogs_rows.py", ("whylogs==1.6.4", "pandas==2.2.3", "numpy==1.26.4")),
    "prometheus-client": ("prometheus_rows.py", ("prometheus-client==0.22.1", "numpy==2.2.6")),
    "scikit-learn": ("sklearn_scores.py", ("scikit-learn==1.7.2", "numpy==2.2.6")),
}
BEGIN = datetime(2026, 3, 2, tzinfo=UTC)


def best(work: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """CPU seconds of the quickest round."""
    seconds = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return max(min(seconds), 1e-9)


def measured(name: str, file: Path) -> dict[str, float] | str:
    """What a peer measured, or why it could not."""
    script, packages = PEERS[name]
    try:
        python = environment(name, packages)
    except NotInstalled as error:
        return f"not installed: {error}"
    command = [str(python), str(Path(__file__).parent / "monitor_peers" / script), str(file)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800)
        return dict(json.loads(done.stdout.splitlines()[-1])) if done.returncode == 0 else f"failed: {done.stderr.splitlines()[-1]}"
    except (subprocess.TimeoutExpired, ValueError, IndexError) as error:
        return f"failed: {error}"


def row(what: str, seconds: float, against: float, unit: str, budget: str = "") -> None:
    print(f"{what:<52} {seconds * 1e3:>12.3f} ms {seconds / against:>10.1f} {unit:<16} {budget}", flush=True)


def say(name: str, peer: dict[str, float] | str, key: str, ours: float, budget: str = "") -> None:
    """A peer's line: how many times our own time it takes."""
    if isinstance(peer, str):
        print(f"{'  ' + name:<52} {peer}")
    else:
        row(f"  {name}", peer[key], ours, "x ours", budget)


def readings(rows: int, folder: Path) -> None:
    """Our own work on a table that no cache holds, in readings of it. It has columns of float64, as readers of files give it."""
    random = np.random.default_rng(6)
    table, half = np.asfortranarray(random.normal(size=(rows, FEATURES))), rows // 2
    edges = {name: fit_numeric(table[:half, place]) for place, name in enumerate(NAMES)}
    places = {name: ("rows", place) for place, name in enumerate(NAMES)}
    before = _counted(edges, places, table[:half]).counts

    def drift() -> None:
        counted = _counted(edges, places, table).counts
        for name in NAMES:
            psi(before[name], counted[name])

    once = best(table.sum)
    print(f"PSI of {FEATURES} features, {rows:,} rows ({table.nbytes / 1e6:.0f} MB)")
    row("  the rows, read once", once, once, "readings")
    row("  gonogo", best(drift), once, "readings", "budget 5")
    scores = random.beta(2, 5, size=5 * rows)
    labels = (random.uniform(size=5 * rows) < scores).astype(np.int8)

    def quality() -> None:
        one = ScoreTable()
        one.add(scores, labels)
        ece(one)
        roc_auc(one)

    once = best(lambda: (scores.sum(), labels.sum()))
    print(f"\nECE and ROC-AUC, {5 * rows:,} rows ({(scores.nbytes + labels.nbytes) / 1e6:.0f} MB)")
    row("  scores and labels, read once", once, once, "readings")
    ours = best(quality)
    row("  gonogo", ours, once, "readings", "budget 15")
    np.savez(folder / "scores.npz", scores=scores, labels=labels)
    say("scikit-learn", measured("scikit-learn", folder / "scores.npz"), "scores", ours, "budget 40")


def tables(rows: int, folder: Path) -> dict[str, dict[str, float] | str]:
    random = np.random.default_rng(1)
    reference, current = (random.normal(size=(rows, FEATURES)).astype(np.float32) for _ in range(2))
    scores = random.beta(2, 5, size=rows)
    labels = (random.uniform(size=rows) < scores).astype(np.int64)
    np.savez(folder / "data.npz", reference=reference, current=current, scores=scores, labels=labels)
    found = {name: measured(name, folder / "data.npz") for name in PEERS}
    edges = {name: fit_numeric(reference[:, place]) for place, name in enumerate(NAMES)}
    places = {name: ("rows", place) for place, name in enumerate(NAMES)}
    before = _counted(edges, places, reference).counts
    once = best(current.sum)

    def drift() -> None:
        counted = _counted(edges, places, current).counts
        for name in NAMES:
            psi(before[name], counted[name])

    print(f"\nPSI of {FEATURES} features, {rows:,} rows")
    ours = best(drift)
    row("  the rows, read once", once, once, "readings")
    row("  gonogo", ours, once, "readings")
    for name, key in (("evidently", "psi"), ("nannyml", "drift"), ("whylogs", "drift")):
        say(name, found[name], key, ours)

    def quality() -> None:
        table = ScoreTable()
        table.add(scores, labels)
        ece(table)
        roc_auc(table)

    once, ours = best(lambda: (scores.sum(), labels.sum())), best(quality)
    print(f"\nECE and ROC-AUC, {rows:,} rows")
    row("  scores and labels, read once", once, once, "readings")
    row("  gonogo", ours, once, "readings")
    say("scikit-learn", found["scikit-learn"], "scores", ours)
    table = ScoreTable()
    table.add(scores, labels)
    peer = found["scikit-learn"]
    if not isinstance(peer, str):
        print(f"    the two AUCs differ by {abs(peer['auc'] - roc_auc(table).value):.1e}")

    def cbpe() -> None:
        chance = calibration_map(table)
        expected_auc(chance, table.histogram)
        expected(chance, table.histogram, 0.5)

    print("\nCBPE, from counters that are there")
    ours = best(cbpe)
    row("  gonogo", ours, ours, "x ours")
    say("nannyml", found["nannyml"], "cbpe", ours)
    return found


def _counted(edges: dict[str, BinEdges], places: dict[str, tuple[str, int]], rows: Array) -> FeatureCounter:
    counter = FeatureCounter(edges, places)
    for start in range(0, len(rows), BLOCK):
        counter.add({"rows": rows[start : start + BLOCK]})
    return counter


def _drift_counter() -> DriftCounter:
    random = np.random.default_rng(2)
    bins = fit_numeric(random.normal(size=50_000)).to_json()
    schema = Schema(
        task="binary-classification",
        inputs=(GraphInput("rows", "float32", FEATURES),),
        features=tuple(Feature(name, "float", False, "rows", place) for place, name in enumerate(NAMES)),
        classes=("no", "yes"),
        score_output="probabilities",
    )
    documents = {name: {"bins": bins, "range": {"low": -3.0, "high": 3.0}} for name in NAMES}
    return DriftCounter(schema, {"features": documents, "score": {"bins": fit_numeric(random.beta(2, 5, size=50_000)).to_json()}})


def _requests(rows: int) -> list[Computed]:
    random = np.random.default_rng(3)
    scores = random.beta(2, 5, size=(64, rows))
    batches = [{"rows": random.normal(size=(rows, FEATURES)).astype(np.float32)} for _ in scores]
    both = [np.column_stack([1 - score, score]) for score in scores]
    return [Computed(batch, score, ("id",), (rows,)) for batch, score in zip(batches, both, strict=True)]


def counting(found: dict[str, dict[str, float] | str]) -> None:
    print(f"\nCounting a row of {FEATURES} features")
    ours = 0.0
    for size in (1, 32):
        counters, requests, times = Counters("shop@1.0.0", _drift_counter()), _requests(size), 16_384 // size

        def path(see: Callable[[Computed], None] = counters.see, requests: list[Computed] = requests * (times // 64)) -> None:
            for computed in requests:
                see(computed)

        def settled(counters: Counters = counters) -> None:  # as a worker does
            while counters.waiting:
                counters.settle(SLICE)

        paths, settle = [], []
        for _ in range(ROUNDS):
            paths.append(best(path, 1) / times / size)
            settle.append(best(settled, 1) / times / size)
        on_path = min(paths)
        ours = ours or on_path + min(settle)
        print(f"{f'  on the path of a request, {size} rows in it':<52} {on_path * 1e9:>12.0f} ns                  budget 50")
        print(f"{f'  in all, {size} rows in it':<52} {(on_path + min(settle)) * 1e9:>12.0f} ns                  budget 300")
    for name in ("prometheus-client", "whylogs"):
        say(name, found[name], "row", ours)


def look(folder: Path) -> None:
    """One look of the watch: every signal, every rule of tabular-service, the store and the history, eight features."""
    clock, service = FakeClock(BEGIN), HealthyService(2.0, 1, BEGIN)
    store = SqliteStore(folder / "gonogo.db")
    watch = Watch(
        service.observe,
        lambda release: service.baseline,
        [Rule(**asdict(rule)) for rule in load_pack("tabular-service").monitor.rules],
        {},
        store,
        system="shop",
        signals=[catalogue.load("signals", name)() for name in catalogue.names("signals")],
        clock=clock,
        history=lambda: History(folder / "look.db", clock),
        labels=lambda: service.labels,
    )

    def one() -> None:
        service.live(clock.now(), 60)
        clock.advance(60)
        watch.tick()

    for _ in range(30):
        one()
    print(f"\n{'A look of the watch':<52} {best(one, 30) * 1e3:>12.3f} ms")
    store.close()


def kept(folder: Path, rows_a_day: int = 10_000_000) -> None:
    """The file of the history after its minutes are full, for one release with twenty features."""
    random, clock, total = np.random.default_rng(4), FakeClock(BEGIN), Counts()
    path, windows = folder / "history.db", Windows()
    history = History(path, clock)
    shares = [0.1] * 10 + [0.002]
    for _ in range(24 * 60 + 1):
        n = int(random.poisson(rows_a_day / 1440))
        score = random.beta(2, 5, size=n)
        latency = np.bincount((np.log2(random.lognormal(8.5, 0.3, size=n)) * 32).astype(int))
        bins = random.multinomial(n, np.array(shares) / sum(shares), size=FEATURES + 1)
        total = total.plus(
            Counts(
                n=n,
                rows=n,
                score_sum=int(score.sum() * 2**30),
                score_squares=int((score**2).sum() * 2**30),
                latency_us=float(n * 5000),
                latency={str(bucket): int(times) for bucket, times in enumerate(latency) if times},
                features={name: tuple(bins[place].tolist()) for place, name in enumerate(NAMES)},
                outside={name: int(random.poisson(n * 0.002)) for name in NAMES},
                score=tuple(bins[-1].tolist()),
                fine=tuple(np.bincount((score * 1024).astype(int), minlength=1025).tolist()),
            )
        )
        clock.advance(60)
        windows.add(Snapshot(clock.monotonic(), "one", {"shop@1.0.0": total}, ("shop@1.0.0",)))
        history.add(windows)
    history.close()
    print(f"\n{f'History of 24 hours at {rows_a_day:,} rows':<52} {path.stat().st_size / 1e6:>12.2f} MB                  budget 2")


def memory(predictions: int) -> None:
    """Resident memory while predictions are booked and counted as a worker does, in requests of a row."""
    counters, requests = Counters("shop@1.0.0", _drift_counter()), _requests(1)
    page, marks = 4096, []
    for number in range(1, predictions + 1):
        counters.see(requests[number % 64])
        counters.book((1, "shop@1.0.0", 200, False, 0.002))
        if number % 4096 == 0:
            counters.settle()
        if number % (predictions // 10) == 0:
            counters.snapshot()
            marks.append(int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * page / 1e6)
    rows = counters.snapshot()["drift"]["shop@1.0.0"]["rows"]
    print(f"\nMemory over {rows:,} predictions, every tenth of them, MB: {' '.join(f'{mark:.1f}' for mark in marks)}")
    print(f"{'  grown after the first tenth':<52} {marks[-1] - marks[0]:>12.1f} MB                  flat")


def main(rows: int = 2_000_000, peer_rows: int = 200_000, predictions: int = 10_000_000) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        readings(rows, folder)
        found = tables(peer_rows, folder)
        counting(found)
        look(folder)
        kept(folder)
        memory(predictions)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=2_000_000)
    arguments.add_argument("--peer-rows", type=int, default=200_000)
    arguments.add_argument("--predictions", type=int, default=10_000_000)
    given = arguments.parse_args()
    main(given.rows, given.peer_rows, given.predictions)
