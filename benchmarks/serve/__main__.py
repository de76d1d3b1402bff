"""Our server beside its peers and its bounds: `python -m benchmarks.serve`, or `make bench-serve`.

The same model, the same rows, the same load generator, one machine. Everybody is started anew in every round, in random order. With one
worker the server has one core and the load another; with two they share what there is when there are no three cores.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import tempfile
from pathlib import Path

from benchmarks.serve import ours
from benchmarks.serve.contenders import Contender, contenders
from benchmarks.serve.environments import CACHE
from benchmarks.serve.goals import goal_table
from benchmarks.serve.measure import Cell, Sample, Unfit, measure
from benchmarks.serve.model import Material, material
from benchmarks.serve.summary import Samples, tables

MATRIX = [(connections, rows) for rows in (1, 100) for connections in (1, 16, 100)]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.serve")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only those whose name begins so; may be repeated")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement, after a warm-up of a quarter of it")
    parser.add_argument("--workers", type=int, action="append", choices=(1, 2), help="default: both")
    parser.add_argument("--cells", metavar="C×R,…", help="connections and rows, such as 100x1,1x100")
    parser.add_argument("--quick", action="store_true", help="one round, one worker, a second each: figures to look at, not to quote")
    parser.add_argument("--out", type=Path, default=CACHE / "serve" / "results", help="where to write results.json and results.md")
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.seconds, given.workers = 1, 1.0, given.workers or [1]
    return given


def main() -> None:
    given = arguments()
    made = material()
    pairs = [tuple(map(int, word.split("x"))) for word in given.cells.split(",")] if given.cells else MATRIX
    cells = [Cell(workers, connections, rows) for workers in given.workers or [1, 2] for connections, rows in pairs]
    with tempfile.TemporaryDirectory(prefix="gonogo-bench-") as folder:
        everybody = contenders(made, ours.sealed(made, Path(folder)), tuple(given.only))
        samples, reasons = run(everybody, made, cells, rounds=given.rounds, seconds=given.seconds)
    found = Samples(samples, everybody)
    text = f"{_machine()}\n\n{goal_table(found)}\n\n{tables(found, reasons)}"
    print(text)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "results.md").write_text(text + "\n", encoding="utf-8")
    document = {"machine": _machine(), "left_out": reasons, "samples": [sample.to_json() for sample in samples]}
    (given.out / "results.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def run(
    everybody: list[Contender], made: Material, cells: list[Cell], *, rounds: int, seconds: float
) -> tuple[list[Sample], dict[str, str]]:
    """All samples, and why the missing are missing."""
    samples: list[Sample] = []
    reasons: dict[str, str] = {}
    turns = [(one, workers) for one in everybody for workers in sorted({cell.workers for cell in cells})]
    try:
        for turn in range(rounds):
            for one, workers in random.sample(turns, len(turns)):
                mine = [cell for cell in cells if cell.workers == workers]
                try:
                    for sample in measure(one, made, mine, turn=turn, warm=seconds / 4, seconds=seconds):
                        samples.append(sample)
                        print(_line(sample), file=sys.stderr, flush=True)
                except Unfit as error:
                    reasons[one.name] = str(error)
                    print(f"  {one.name}, {workers} workers: {error}", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print("stopped; the tables have what was measured so far", file=sys.stderr)
    return samples, reasons


def _line(sample: Sample) -> str:
    cell = sample.cell
    return (
        f"  {sample.round + 1} {sample.contender:<18} w{cell.workers} c{cell.connections:<3} r{cell.rows:<3} {sample.rate:>9,.0f}/s  "
        f"P50 {sample.p50_ms:8.2f}  P99 {sample.p99_ms:8.2f} ms  {sample.cpu_us:8.1f} µs  {sample.memory_mb:5.0f} MB  {sample.kinds or ''}"
    )


def _machine() -> str:
    return f"{len(os.sched_getaffinity(0))} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
