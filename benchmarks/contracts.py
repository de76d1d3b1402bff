"""What data checks cost on a large table: the ratio to reading it once, and the memory. `python -m benchmarks.contracts --rows 10000000`.

A training table of 20 columns (a time, 16 numbers, a whole number, a text, the label) and a test table of a fifth of its rows are written
as Parquet. A plain reading decodes every value of the training table once and keeps none. Each check runs in a process of its own, which
says how long `measure` took and how much memory the process held at most. Budgets: contract checks 3 readings; overlap, near duplicates
and leakage 20; memory 1 GB. Readings and checks take turns, so that both are measured on a machine that is as busy.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NUMBERS = [f"x{index}" for index in range(16)]
BUDGET = {
    "data_contract": 3, "labels": 3, "temporal_split": 3, "data_quality": 20, "overlap": 20, "near_duplicates": 20, "leakage": 20,
    "group_overlap": 20, "window_overlap": 20, "synthetic": 3,
}  # fmt: skip
OPTIONS: dict[str, dict[str, Any]] = {
    "data_contract": {"domains": ["y in {0, 1}", "x0 in [0, 1]"]},
    "window_overlap": {"rows": 30},
    "synthetic": {"flag": "y"},
}
MEMORY_MB = 1000
ROUNDS = 3
ROWS = int(os.environ.get("ROWS", "10000000"))


@dataclass(frozen=True)
class Data:
    target: str = "y"
    time: str = "moment"
    group: str = "code"
    embargo: float = 60.0
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True)
class Project:
    data: Data = Data()


@dataclass(frozen=True)
class Bundle:
    schema: Any


def write(path: Path, rows: int, first: int) -> None:
    import duckdb

    numbers = ", ".join(f"CASE WHEN random() < 0.99 THEN random() * {index + 1} END AS {name}" for index, name in enumerate(NUMBERS))
    with duckdb.connect(config={"memory_limit": "400MB"}) as connection:
        connection.execute(
            f"COPY (SELECT make_timestamp((1700000000 + range) * 1000000) AS moment, {numbers}, range % 1000 AS code, "
            f"'v' || (random() * 50)::INTEGER AS word, (random() < 0.3)::INTEGER AS y FROM range({first}, {first + rows})) "
            f"TO '{path}' (FORMAT parquet)"
        )


def bundle() -> Bundle:
    from gonogo.model.schema import Feature, GraphInput, Schema

    kinds = {**dict.fromkeys(NUMBERS, "float"), "code": "int", "word": "string"}
    dtypes = {"float": "float32", "int": "int64", "string": "string"}
    return Bundle(
        Schema(
            task="binary-classification",
            inputs=tuple(GraphInput(name, dtypes[kind], 1) for name, kind in kinds.items()),
            features=tuple(Feature(name, kind, kind == "float", name, 0) for name, kind in kinds.items()),
            classes=("0", "1"),
            score_output="probabilities",
        )
    )


def read(train: Path) -> None:
    """Decode every value once. Without the optimizer that would answer from the file's own statistics and read nothing."""
    import duckdb

    from gonogo.base.table import THREADS

    with duckdb.connect(config={"threads": THREADS}) as connection:
        connection.execute("SET disabled_optimizers = 'statistics_propagation'")
        connection.execute("SET enable_progress_bar = false")
        names = [name for name, *_ in connection.execute("DESCRIBE FROM read_parquet(?)", [str(train)]).fetchall()]
        connection.execute(f"SELECT {', '.join(f'max({name})' for name in names)} FROM read_parquet(?)", [str(train)]).fetchall()


def one(what: str, train: Path, test: Path) -> dict[str, float]:
    """Run in the child: seconds and megabytes of one check, or of the plain reading."""
    from gonogo.evidence.check import asked_inputs
    from gonogo.evidence.memory import measure

    inputs = {"project": Project(), "bundle": bundle(), "train_file": train, "test_file": test}
    began = time.perf_counter()
    if what == "read":
        read(train)
    else:
        from gonogo.base.catalogue import load

        asked = {asked.name for asked in asked_inputs(load("checks", what))}
        began = time.perf_counter()
        measure(what, OPTIONS.get(what, {}), **{name: value for name, value in inputs.items() if name in asked})
    return {"seconds": time.perf_counter() - began, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def child(what: str, train: Path, test: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.contracts", "--one", what, str(train), str(test)]
    found: dict[str, float] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    return found


def main(rows: int = ROWS) -> None:
    with tempfile.TemporaryDirectory() as folder:
        train, test = Path(folder) / "train.parquet", Path(folder) / "test.parquet"
        write(train, rows, 0)
        write(test, rows // 5, rows + 3600)
        print(f"{rows} training and {rows // 5} test rows × 20 columns, {train.stat().st_size / 1e6:.0f} MB; best of {ROUNDS}")
        print(f"{'check':<20} {'reading s':>10} {'check s':>10} {'readings':>9} {'budget':>7} {'MB':>6}")
        for what, budget in BUDGET.items():
            rounds = [(child("read", train, test), child(what, train, test)) for _ in range(ROUNDS)]  # in turns: a busy machine slows both
            once, seconds = (min(pair[place]["seconds"] for pair in rounds) for place in (0, 1))
            memory = max(found["mb"] for _, found in rounds)
            kept = "" if seconds <= budget * once and memory < MEMORY_MB else "  over budget"
            print(f"{what:<20} {once:>10.2f} {seconds:>10.2f} {seconds / once:>9.1f} {budget:>7} {memory:>6.0f}{kept}", flush=True)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=ROWS)
    arguments.add_argument("--one", nargs=3, metavar=("CHECK", "TRAIN", "TEST"), help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.one:
        name, *paths = given.one
        print(json.dumps(one(name, *map(Path, paths))))
    else:
        main(given.rows)
