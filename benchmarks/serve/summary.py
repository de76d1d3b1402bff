"""From samples to tables: medians over the rounds, ratios taken inside a round (its runs saw the same machine) and then their median."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.serve.contenders import Contender
from benchmarks.serve.measure import Cell, Sample

OURS, COLUMNS = "ours", "ours_columns"
HEAD = """\
| server | requests/s | P50 ms | P95 ms | P99 ms | CPU µs a request | PSS MB | errors | × best named | × FastAPI | × echo | × C limit |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"""


@dataclass(frozen=True)
class Ratio:
    """The median of the rounds' ratios, and their range."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.middle:.2f} ({self.low:.2f} to {self.high:.2f})"


class Samples:
    """All samples of a run."""

    def __init__(self, samples: Sequence[Sample], contenders: Sequence[Contender]) -> None:
        self._samples = samples
        self.contenders = contenders

    def of(self, name: str, cell: Cell) -> list[Sample]:
        return [sample for sample in self._samples if sample.contender == name and sample.cell == cell]

    def cells(self) -> list[Cell]:
        return sorted({sample.cell for sample in self._samples}, key=lambda cell: (cell.workers, cell.rows, cell.connections))

    def rate(self, name: str, cell: Cell) -> float | None:
        found = [sample.rate for sample in self.of(name, cell)]
        return median(found) if found else None

    def best_named(self, cell: Cell) -> str | None:
        """The named server with the most answers a second."""
        rates = {one.name: self.rate(one.name, cell) or 0.0 for one in self.contenders if one.kind == "named"}
        best = max(rates, key=rates.__getitem__, default=None)
        return best if best is not None and rates[best] > 0 else None

    def ratio(self, name: str, other: str | None, cell: Cell, of: str = "rate") -> Ratio | None:
        """`name` over `other`, in the rounds that have both."""
        theirs = {sample.round: getattr(sample, of) for sample in self.of(other, cell)} if other else {}
        pairs = [getattr(sample, of) / theirs[sample.round] for sample in self.of(name, cell) if theirs.get(sample.round)]
        return Ratio(median(pairs), min(pairs), max(pairs)) if pairs else None


def tables(samples: Samples, reasons: Mapping[str, str]) -> str:
    """Markdown: one table a cell, everybody in it; who could not be measured with the reason."""
    parts = []
    for cell in samples.cells():
        best = samples.best_named(cell)
        parts.append(
            f"### {_plural(cell.workers, 'worker')}, {_plural(cell.connections, 'connection')}, {_plural(cell.rows, 'row')} a request\n"
        )
        parts.append(HEAD)
        order = sorted(samples.contenders, key=lambda one: -(samples.rate(one.name, cell) or 0.0))
        for one in order:
            found = samples.of(one.name, cell)
            if not found:
                parts.append(f"| {one.title} | not measured: {reasons.get(one.name, 'left out')} |" + " |" * 10)
                continue
            numbers = [
                median(getattr(sample, name) for sample in found) for name in ("rate", "p50_ms", "p95_ms", "p99_ms", "cpu_us", "memory_mb")
            ]
            errors = sum(sample.errors for sample in found)
            against = [samples.ratio(one.name, other, cell) for other in (best, "by_hand", "echo", "limit")]
            shown = " | ".join("" if ratio is None else f"{ratio.middle:.2f}" for ratio in against)
            rate, p50, p95, p99, cpu, memory = numbers
            parts.append(
                f"| {one.title} | {rate:,.0f} | {p50:.2f} | {p95:.2f} | {p99:.2f} | {cpu:.1f} | {memory:.0f} | {errors} | {shown} |"
            )
        parts.append("")
    return "\n".join(parts)


def _plural(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
