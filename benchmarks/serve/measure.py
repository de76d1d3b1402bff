"""One contender: started, checked to compute the same as the others, put under load cell by cell, ended."""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.serve.contenders import Contender
from benchmarks.serve.dialects import Dialect
from benchmarks.serve.model import Material
from benchmarks.serve.native import compiled
from benchmarks.serve.processes import Running

START_SECONDS = 60.0
CHECKED = 40  #: rows whose answers are held against scikit-learn's
SAME = 1e-4  #: shares may differ by this much: MLServer and others write float32 in their own ways
BLOCK = 100


@dataclass(frozen=True)
class Cell:
    """One place of the matrix."""

    workers: int
    connections: int
    rows: int


@dataclass(frozen=True)
class Sample:
    """One load on one cell. `cpu_us` is the server's own time a request over the whole load, warm-up included; `memory_mb` its PSS."""

    contender: str
    cell: Cell
    round: int
    rate: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_us: float
    memory_mb: float
    errors: int
    requests: int
    kinds: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Unfit(Exception):
    """Why a contender cannot be measured, in one line."""


def cores(workers: int) -> tuple[set[int], set[int]]:
    """The cores of the server and those of the load. The same for both when there are not enough to keep them apart."""
    there = sorted(os.sched_getaffinity(0))
    return (set(there[:workers]), {there[workers]}) if len(there) > workers else (set(there), set(there))


def measure(contender: Contender, material: Material, cells: Sequence[Cell], *, turn: int, warm: float, seconds: float) -> Iterator[Sample]:
    """Measure the cells (of one number of workers) in random order. Raises Unfit."""
    if contender.command is None:
        raise Unfit(contender.reason)
    workers = cells[0].workers
    theirs, mine = cores(workers)
    with tempfile.TemporaryDirectory(prefix="gonogo-bench-") as name:
        folder, port = Path(name), _free_ports()
        command = contender.command(port, workers, folder)
        with Running(command, environment=contender.environment(workers), cores=theirs, folder=folder) as running:
            _check(contender, material, running, port)
            for cell in random.sample(cells, len(cells)):
                file = folder / f"requests-{cell.rows}"
                if not file.is_file():
                    write_requests(file, contender.dialect, blocks(material, cell.rows))
                before = running.cpu_seconds()
                found = load(port, cell.connections, file, contender.dialect.marker, warm=warm, seconds=seconds, pinned=mine)
                used = running.cpu_seconds() - before
                yield Sample(
                    contender.name, cell, turn, found["rate"], found["p50_ms"], found["p95_ms"], found["p99_ms"],
                    1e6 * used / max(1, found["all_requests"]), running.memory_mb(), found["errors"], found["requests"],
                    {kind: count for kind, count in found["kinds"].items() if count},
                )  # fmt: skip


def load(port: int, connections: int, file: Path, marker: str, *, warm: float, seconds: float, pinned: set[int]) -> dict[str, Any]:
    """Run the load generator and read what it found."""
    ours = os.sched_getaffinity(0)
    os.sched_setaffinity(0, pinned)  # inherited
    words = [str(compiled("load")), str(port), str(connections), str(warm), str(seconds), str(file), marker]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=warm + seconds + 60, check=True)
    finally:
        os.sched_setaffinity(0, ours)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _free_ports() -> int:
    """The first of three free ports; servers with doors of their own for metrics take the next ones."""
    while True:
        with socket.socket() as first, socket.socket() as second, socket.socket() as third:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
                third.bind(("127.0.0.1", port + 2))
            except (OSError, OverflowError):
                continue
            return port


def blocks(material: Material, rows: int) -> list[list[list[float]]]:
    """What is sent: every row alone, or blocks that begin at every row."""
    plain: list[list[float]] = material.rows.tolist()
    return [[plain[(start + step) % len(plain)] for step in range(rows)] for start in range(len(plain) if rows == 1 else 64)]


def write_requests(file: Path, asked: Dialect, wanted: Sequence[Sequence[Sequence[float]]]) -> None:
    """The file that the load generator sends, in an order that has nothing to do with the data's."""
    requests = [asked.request(rows) for rows in wanted]
    random.Random(1).shuffle(requests)
    file.write_bytes(b"".join(struct.pack("=I", len(request)) + request for request in requests))


def _check(contender: Contender, material: Material, running: Running, port: int) -> None:
    """Wait until it answers; then hold its answers against scikit-learn's, alone and in a block."""
    deadline = time.monotonic() + START_SECONDS
    first = blocks(material, 1)[0]
    while (answer := _ask(contender, port, first))[0] != 200:
        if running.ended:
            raise Unfit(f"it ended: {running.words()[:160]}")
        if time.monotonic() > deadline:
            raise Unfit(f"no prediction within {START_SECONDS:.0f} s, but {answer[0] or 'no answer'}: {running.words()[:160]}")
        time.sleep(0.05)
    if not contender.predicts:
        return
    for start in range(0, CHECKED, 10):
        rows = material.rows[start : start + 10].tolist()
        for asked in (rows[:1], rows):
            status, body = _ask(contender, port, asked)
            shares = contender.dialect.shares(json.loads(body)) if status == 200 else []
            expected = material.expected[start : start + len(asked)]
            if len(shares) != len(asked) or not np.allclose(shares, expected, atol=SAME, rtol=0):
                raise Unfit(f"it computes something else: {status} {shares[:3]} where scikit-learn says {expected[:3].tolist()}")


def _ask(contender: Contender, port: int, rows: list[list[float]]) -> tuple[int, bytes]:
    head, _, body = contender.dialect.request(rows).partition(b"\r\n\r\n")
    lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", contender.dialect.path, body, lines)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()
