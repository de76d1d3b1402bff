"""What was promised, beside what was measured: met, missed, or not measured. All of our own server with everything on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from benchmarks.serve.measure import Cell
from benchmarks.serve.summary import COLUMNS, OURS, Samples

BUSY, LONELY, BLOCK = Cell(1, 100, 1), Cell(1, 1, 1), Cell(1, 1, 100)


@dataclass(frozen=True)
class Goal:
    """`least` is true where more is better; `stretch` is what we would like."""

    what: str
    wanted: float
    measured: float | None
    shown: str
    least: bool = True
    stretch: float | None = None

    @property
    def outcome(self) -> str:
        if self.measured is None:
            return "not measured"
        met = self.measured >= self.wanted if self.least else self.measured <= self.wanted
        if met and self.stretch is not None and self.measured >= self.stretch:
            return "met, stretch too"
        return "met" if met else "missed"


def goals(samples: Samples) -> list[Goal]:
    return [*_ratios(samples), *_absolutes(samples), *_two_workers(samples)]


def _ratios(samples: Samples) -> Iterator[Goal]:
    wanted: list[tuple[Cell, str, str, float, float | None]] = [
        (BUSY, "FastAPI by hand", "by_hand", 10, 12),
        (BUSY, "best named server", "", 20, 25),
        (BUSY, "bare uvicorn echo", "echo", 0.8, 1.0),
        (BUSY, "C limit", "limit", 0.4, 0.45),
        (LONELY, "FastAPI by hand", "by_hand", 2, None),
        (LONELY, "best named server", "", 3.5, None),
        (BLOCK, "FastAPI by hand", "by_hand", 1.7, None),
        (BLOCK, "best named server", "", 1.5, None),
        (BLOCK, "C limit", "limit", 0.5, None),
    ]
    for cell, title, other, least, stretch in wanted:
        ratio = samples.ratio(OURS, other or samples.best_named(cell), cell)
        yield Goal(f"{_where(cell)}: × {title}", least, None if ratio is None else ratio.middle, str(ratio or ""), stretch=stretch)
    for _, title, other, least, _ in (one for one in wanted if one[0] == BLOCK):  # the spelling for many rows: each name once
        ratio = samples.ratio(COLUMNS, other or samples.best_named(BLOCK), BLOCK)
        yield Goal(f"{_where(BLOCK)}, as columns: × {title}", least, None if ratio is None else ratio.middle, str(ratio or ""))
    kept = samples.ratio(OURS, "ours_unmonitored", BUSY)
    cost = None if kept is None else 1 - kept.middle
    yield Goal(f"{_where(BUSY)}: share of throughput that monitoring costs", 0.20, cost, "" if cost is None else f"{cost:.2f}", least=False)


def _absolutes(samples: Samples) -> Iterator[Goal]:
    found = samples.of(OURS, BUSY)
    limits = (("P50 ms", "p50_ms", 30.0), ("P95 ms", "p95_ms", 50.0), ("P99 ms", "p99_ms", 100.0), ("memory MB", "memory_mb", 2000.0))
    for title, name, most in limits:
        yield _at_most(f"{_where(BUSY)}: {title} (the sources' target)", most, [getattr(sample, name) for sample in found])
    yield _at_most(f"{_where(BUSY)}: P99 / P50", 10, [sample.p99_ms / sample.p50_ms for sample in found])
    yield _at_most(f"{_where(BUSY)}: memory MB of one worker with its supervisor", 150, [sample.memory_mb for sample in found])
    yield _at_most(f"{_where(BUSY)}: failed requests", 0, [float(sum(sample.errors for sample in found))] if found else [])


def _two_workers(samples: Samples) -> Iterator[Goal]:
    two = Cell(2, 100, 1)
    if len(os.sched_getaffinity(0)) > 2:
        rates = [samples.rate(OURS, cell) for cell in (BUSY, two)]
        ratio = rates[1] / rates[0] if rates[0] and rates[1] else None
        yield Goal("two workers: × one worker", 1.7, ratio, "" if ratio is None else f"{ratio:.2f}")
        return
    costs = [[sample.cpu_us for sample in samples.of(OURS, cell)] for cell in (BUSY, two)]
    ratio = median(costs[1]) / median(costs[0]) if all(costs) else None
    shown = "" if ratio is None else f"{ratio:.2f}"
    yield Goal("two workers share their cores with the load: CPU µs a request, × one worker", 1.1, ratio, shown, least=False)


def _at_most(what: str, most: float, found: list[float]) -> Goal:
    value = median(found) if found else None
    return Goal(what, most, value, "" if value is None else f"{value:.2f}", least=False)


def _where(cell: Cell) -> str:
    return f"{cell.connections} connection{'s' * (cell.connections > 1)}, {cell.rows} row{'s' * (cell.rows > 1)}"


def goal_table(samples: Samples) -> str:
    lines = ["| goal | wanted | measured | |", "|---|---:|---:|---|"]
    for goal in goals(samples):
        sign = "≥" if goal.least else "≤"
        stretch = "" if goal.stretch is None else f" (stretch {goal.stretch:g})"
        lines.append(f"| {goal.what} | {sign} {goal.wanted:g}{stretch} | {goal.shown} | {goal.outcome} |")
    return "\n".join(lines)
