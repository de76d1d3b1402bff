"""The comparison with other servers measures what it says: its C programs count and compute right, its goals can be missed."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.serve.dialects import dialect
from benchmarks.serve.goals import goals
from benchmarks.serve.measure import Cell, Sample, write_requests
from benchmarks.serve.model import write_flat
from benchmarks.serve.native import compiled
from benchmarks.serve.peers import peers
from benchmarks.serve.summary import Samples, tables

from answering import OK, answering, said
from waiting import free_port

ROOT = Path(__file__).resolve().parents[2]
needs_compiler = pytest.mark.skipif(not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="no C compiler on this machine")
NAMES = ("a", "b", "c")


def run_load(port: int, folder: Path, marker: str, connections: int = 4) -> dict[str, Any]:
    file = folder / "requests"
    write_requests(file, dialect("instances", NAMES), [[[float(n), 0.5, -1e-3]] for n in range(10)])
    words = [str(compiled("load")), str(port), str(connections), "0.05", "0.3", str(file), marker]
    found: dict[str, Any] = json.loads(subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout)
    return found


@needs_compiler
def test_the_load_generator_counts_what_is_no_prediction(tmp_path: Path) -> None:
    answers = [OK, OK, said(b"", "503 X"), said(b"{}"), None]
    with answering(lambda number, head: answers[number % 5]) as url:
        found = run_load(int(url.rpartition(":")[2]), tmp_path, '"predictions"')
    kinds = found["kinds"]
    assert kinds["status 503"] > 0
    assert kinds["no prediction"] > 0
    assert kinds["lost"] > 0
    assert found["errors"] == sum(kinds.values())
    good = found["requests"] - kinds["status 503"] - kinds["no prediction"]
    assert found["rate"] == pytest.approx(good / found["seconds"], rel=1e-3)
    assert 0 < found["p50_ms"] <= found["p95_ms"] <= found["p99_ms"] <= found["max_ms"]
    assert found["all_requests"] >= found["requests"]


@needs_compiler
def test_nobody_there_is_refused_and_not_quick(tmp_path: Path) -> None:
    port = free_port()
    found = run_load(port, tmp_path, "x")
    assert (found["requests"], found["rate"]) == (0, 0)
    assert found["kinds"]["refused"] == found["errors"] > 0


@needs_compiler
def test_the_limit_computes_what_scikit_learn_computes(tmp_path: Path) -> None:
    ensemble = pytest.importorskip("sklearn.ensemble")
    random = np.random.default_rng(5)
    rows = np.round(random.normal(size=(300, 3)) * 10.0 ** random.integers(-6, 7, size=(300, 3)), 9)
    forest = ensemble.RandomForestClassifier(n_estimators=20, random_state=1).fit(rows.astype(np.float32), rows.sum(axis=1) > 0)
    write_flat(forest, tmp_path / "forest.bin", 3)
    port = free_port()
    asked = dialect("instances", NAMES)
    with subprocess.Popen([str(compiled("limit")), str(port), str(tmp_path / "forest.bin")]) as limit:
        try:
            connection = connect(port)
            with connection, connection.makefile("rb") as answers:
                for block in (rows[:1], rows[:100], rows):
                    connection.sendall(asked.request(block.tolist()))
                    head = [answers.readline() for _ in range(4)]
                    length = next(int(line.split()[1]) for line in head if line.startswith(b"content-length"))
                    shares = asked.shares(json.loads(answers.read(length)))
                    assert np.allclose(shares, forest.predict_proba(block.astype(np.float32))[:, 1], atol=1e-6)
        finally:
            limit.kill()


def connect(port: int) -> socket.socket:
    for _ in range(200):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10)
        except ConnectionRefusedError:
            time.sleep(0.02)
    raise AssertionError("it does not listen")


def test_every_peer_pins_every_package_and_names_its_dialect() -> None:
    found = {peer.name: peer for peer in peers()}
    assert {peer.title for peer in found.values()} == {
        "FastAPI by hand", "MLServer", "BentoML", "LitServe", "KServe SDK", "MLflow", "Ray Serve"
    }  # fmt: skip
    assert [peer.name for peer in found.values() if not peer.named] == ["by_hand"]
    for peer in found.values():
        assert all("==" in package for package in peer.packages)
        assert dialect(peer.dialect, NAMES).request([[1.0, 2.0, 3.0]]).startswith(b"POST /")


class One:
    def __init__(self, name: str, kind: str) -> None:
        self.name, self.title, self.kind = name, name, kind


def sample(name: str, cell: Cell, turn: int, rate: float, **changed: Any) -> Sample:
    numbers = {"p50_ms": 1.0, "p95_ms": 2.0, "p99_ms": 4.0, "cpu_us": 20.0, "memory_mb": 100.0, "errors": 0, "requests": 1000}
    return Sample(name, cell, turn, rate, **{**numbers, **changed})


def outcomes(ours: float, **changed: Any) -> dict[str, str]:
    cell = Cell(1, 100, 1)
    rates = {"ours": ours, "by_hand": 4000.0, "mlserver": 2000.0, "echo": 50000.0, "limit": 100000.0, "ours_unmonitored": 60000.0}
    samples = [
        sample(name, cell, turn, rate * (1 + turn), **(changed if name == "ours" else {}))
        for turn in (0, 1)
        for name, rate in rates.items()
    ]
    kinds = {"ours": "ours", "by_hand": "hand", "mlserver": "named", "echo": "bound", "limit": "bound", "ours_unmonitored": "ours"}
    found = Samples(samples, [One(name, kind) for name, kind in kinds.items()])  # type: ignore[list-item]
    return {goal.what: goal.outcome for goal in goals(found)}


def test_goals_are_met_missed_or_not_measured() -> None:
    busy = "100 connections, 1 row: "
    good = outcomes(50500.0)
    assert good[busy + "× FastAPI by hand"] == "met, stretch too"
    assert good[busy + "× best named server"] == "met, stretch too"
    assert good[busy + "× C limit"] == "met, stretch too"
    assert good[busy + "share of throughput that monitoring costs"] == "met"
    assert good[busy + "P99 / P50"] == "met"
    assert good["1 connection, 1 row: × FastAPI by hand"] == "not measured"
    bad = outcomes(30000.0, p99_ms=11.0, memory_mb=151.0, errors=1)
    assert bad[busy + "× FastAPI by hand"] == "missed"
    assert bad[busy + "× bare uvicorn echo"] == "missed"
    assert bad[busy + "share of throughput that monitoring costs"] == "missed"
    assert bad[busy + "P99 / P50"] == "missed"
    assert bad[busy + "memory MB of one worker with its supervisor"] == "missed"
    assert bad[busy + "failed requests"] == "missed"


def test_who_could_not_be_measured_stays_in_the_table_with_the_reason() -> None:
    cell = Cell(1, 100, 1)
    found = Samples([sample("ours", cell, 0, 1000.0)], [One("ours", "ours"), One("mlserver", "named")])  # type: ignore[list-item]
    text = tables(found, {"mlserver": "pip did not end"})
    assert "| mlserver | not measured: pip did not end |" in text
