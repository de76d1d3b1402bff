"""A series of retrains judged: which of them are green, which are copies of each other, how far apart their metrics lie. Pure.

A run is a map with `seed`, `train` (digest of the training table), `says` (digest of its scores) and `metrics` by name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gonogo.base.numbers import is_finite_number
from gonogo.checklist.evaluate import evaluate
from gonogo.checklist.expression import parse
from gonogo.evidence.record import Fact

Run = Mapping[str, Any]


def shortfalls(metrics: Mapping[str, Any], green: Sequence[str], *, known_only: bool = False) -> list[str]:
    """What keeps metrics from being green, in words. A metric that is missing or no number meets nothing; with `known_only`, requirements
    on metrics that are not there yet are not asked. A name ending in _ms is in milliseconds."""
    facts = {name: Fact(float(value), "ms" if name.endswith("_ms") else "") for name, value in metrics.items() if is_finite_number(value)}
    asked = [requirement for requirement in map(parse, green) if not known_only or set(requirement.names) <= metrics.keys()]
    return [one.reason for one in (evaluate(requirement, facts) for requirement in asked) if not one.met]


def needed(green: Sequence[str]) -> list[str]:
    """The names of the metrics that the requirements ask for."""
    return sorted({name for text in green for name in parse(text).names})


def different(runs: Sequence[Run]) -> tuple[list[Run], int]:
    """The runs without those that repeat seed and training table of an earlier one or say what an earlier one says, and how many did."""
    made_of: set[tuple[Any, Any]] = set()
    says: set[Any] = set()
    kept = []
    for run in runs:
        seed_and_data = (run.get("seed"), run.get("train"))
        if seed_and_data not in made_of and run.get("says") not in says:
            kept.append(run)
        made_of.add(seed_and_data)
        says.add(run.get("says"))
    return kept, len(runs) - len(kept)


def spread(runs: Sequence[Run], name: str) -> float:
    """Largest difference of a metric; NaN, which meets nothing, when a run lacks it."""
    values = [run["metrics"].get(name) for run in runs]
    numbers = [float(value) for value in values if is_finite_number(value)]
    return max(numbers) - min(numbers) if numbers and len(numbers) == len(values) else math.nan


def in_a_row(runs: Sequence[Run], green: Sequence[str]) -> int:
    """Green runs, counted back from the newest: a run that is not green begins the count anew."""
    verdicts = [bool(shortfalls(run["metrics"], green)) for run in reversed(runs)]
    return next((count for count, short in enumerate(verdicts) if short), len(verdicts))


def not_again(again: Any, within: float) -> list[str]:
    """Why the model is not what its own training gives with its own seed and data, in words; [] when no score of the two, on the held-out
    rows, is further apart than `within`. What was not measured, or is no number, is a reason."""
    apart = again.get("difference") if isinstance(again, Mapping) else None
    if not is_finite_number(apart):
        return ["nobody has seen its own training give it again"]
    return [] if apart <= within else [f"its own training, with its seed and data, gives another one: a score is {apart:.3g} apart"]
