"""Candidates side by side: what each measured, how sure that is, which one is best of its kind. Pure.

A figure that a run does not have is missing: it is None here and a dash on paper, never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gonogo.stats.paired import Answers, Gain

Status = Literal["CANDIDATE", "IN_PROGRESS", "REJECTED", "CHOSEN"]
#: The columns of the comparison (S0-2.2a), and the names under which runs record what stands in them.
COLUMNS = ("model", "f1", "accuracy", "precision", "recall", "params", "size_mb", "status")
SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "f1": ("f1_macro", "macro_f1", "f1"),
    "accuracy": ("accuracy",),
    "precision": ("precision",),
    "recall": ("recall",),
}
#: Words in the name of a metric of which less is better.
LESS = ("loss", "brier", "ece", "error", "latency", "_ms", "_std", "psi")
CLAIM = 0.005  #: a recorded figure may lie so far from what its predictions say: it is rounded


@dataclass(frozen=True)
class Figure:
    """One metric. `low` and `high` bound it at 95 % where something is known of its `n` examples; `recorded` is what the training said."""

    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    recorded: float | None = None

    @property
    def contradicted(self) -> bool:
        """Whether the training said something else than its own predictions."""
        return self.recorded is not None and abs(self.recorded - self.value) > CLAIM

    def to_json(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if value is not None}


@dataclass(frozen=True)
class Candidate:
    """One run of the ledger, as it can be told today. `run` is its digest; `parameters` and `size` (bytes) are counted in the file.

    `gone` says why its model cannot be had, "" when it can. `answers` are what it said of the examples `examples` (a digest over them and
    their labels) that it kept. `expected` bounds a metric before it is measured, by the project's own word.
    """

    name: str
    run: str
    family: str
    status: Status
    reason: str
    time: str
    seed: int | None
    settings: Mapping[str, Any]
    figures: Mapping[str, Figure]
    gone: str
    parameters: int | None = None
    size: int | None = None
    epochs: int | None = None
    seconds: float | None = None
    expected: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    examples: str = ""
    label: Sequence[str] = field(default=(), repr=False, compare=False)
    said: Sequence[str] = field(default=(), repr=False, compare=False)
    notes: tuple[str, ...] = ()

    def figure(self, name: str) -> Figure | None:
        """A metric by any of its spellings."""
        return next((self.figures[one] for one in SPELLINGS.get(name, (name,)) if one in self.figures), None)

    @property
    def ready(self) -> bool:
        """Whether it may be chosen: it is through, nobody has rejected it, and its model is there."""
        return self.status in ("CANDIDATE", "CHOSEN") and not self.gone

    def row(self) -> dict[str, Any]:
        """The fixed columns."""
        values = {name: None if (found := self.figure(name)) is None else found.value for name in SPELLINGS}
        size = None if self.size is None else self.size / 1e6
        return {"model": self.name, **values, "params": self.parameters, "size_mb": size, "status": self.status}

    def to_json(self) -> dict[str, Any]:
        return {
            **self.row(),
            "run": self.run, "family": self.family, "reason": self.reason, "time": self.time, "seed": self.seed,
            "settings": dict(self.settings), "epochs": self.epochs, "seconds": self.seconds, "bytes": self.size, "gone": self.gone,
            "metrics": {name: figure.to_json() for name, figure in self.figures.items()},
            "expected": {name: list(bounds) for name, bounds in self.expected.items()}, "notes": list(self.notes),
        }  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """All candidates, the newest first, and the metric that ranks them ("" when nothing names one)."""

    system: str
    metric: str
    candidates: tuple[Candidate, ...]
    positive: str | None = None

    def named(self, name: str) -> Candidate | None:
        """By name, or by the beginning of the run's digest when it is not shorter than 8."""
        short = name.removeprefix("sha256:")
        found = [one for one in self.candidates if one.name == name]
        found = found or [one for one in self.candidates if len(short) >= 8 and one.run.removeprefix("sha256:").startswith(short)]
        return found[0] if found else None

    @property
    def best(self) -> dict[str, Candidate]:
        """The best of each family by the metric, rejected ones left out. A candidate without the figure is no best."""
        found: dict[str, Candidate] = {}
        for one in self.ranked(one for one in self.candidates if one.status != "REJECTED"):
            found.setdefault(one.family, one)
        return found

    def ranked(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Those that have the metric, the best first; of equal ones the newer first."""
        sign = -1.0 if better_is_less(self.metric) else 1.0
        having = [(figure.value, one) for one in candidates if self.metric and (figure := one.figure(self.metric)) is not None]
        return [one for _, one in sorted(having, key=lambda pair: -sign * pair[0])]

    def gain(self, one: Candidate, other: Candidate) -> Gain | None:
        """How much the first is better, on the same examples; None when they kept none in common, or the metric is none of theirs."""
        name = next((spelled for spelled in SPELLINGS if self.metric in SPELLINGS[spelled]), self.metric)
        name = {"f1": "f1_macro"}.get(name, name)
        if not one.examples or one.examples != other.examples:
            return None
        try:
            return Answers.of(one.label, one.said, other.said).gain(name, positive=self.positive)
        except (ValueError, KeyError):
            return None

    def to_json(self) -> dict[str, Any]:
        return {
            "format": "gonogo-candidates/1",
            "system": self.system,
            "metric": self.metric or None,
            "columns": list(COLUMNS),
            "candidates": [one.to_json() for one in self.candidates],
            "best": {family: one.name for family, one in self.best.items()},
        }


def better_is_less(metric: str) -> bool:
    return any(word in metric for word in LESS)


def named_apart(names: Sequence[str], runs: Sequence[str]) -> list[str]:
    """Names of runs, the newest first, each its own: the newest keeps its name, an older one of the same name has its run beside it."""
    taken: set[str] = set()
    found = []
    for name, run in zip(names, runs, strict=True):
        found.append(f"{name}@{run.removeprefix('sha256:')[:8]}" if name in taken else name)
        taken.add(name)
    return found
