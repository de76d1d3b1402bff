"""Is the model good again and again, or was it good once?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from gonogo.base.canonical import digest
from gonogo.base.numbers import is_finite_number
from gonogo.checklist.evaluate import evaluate
from gonogo.checklist.expression import parse
from gonogo.errors import DataError, UsageError
from gonogo.evidence.check import Check
from gonogo.evidence.record import Fact, Measurement


class Certification(Check):
    """Are the newest runs of the ledger green one after the other, each a retrain of its own?

    A run is green when its metrics meet every requirement of the option `green`. Runs of one series have the parameters of the newest
    run; a run with the seed and the training data of another one of the series is a copy and counts for nothing (decision U02). The
    spread is that of the metrics of the option `stable` over the last `series` runs (decision U07).
    """

    name = "certification"
    facts: ClassVar = {
        "runs": "retrains in the series: parameters of the newest run, each seed and training table once",
        "copies": "runs of the series that repeat seed and training table, and do not count",
        "last_green": "whether the newest run meets every requirement",
        "metrics_missing": "metrics that a requirement needs and the newest run does not have",
        "consecutive_green": "green runs in a row, counted back from the newest",
        "spread": "largest difference of a stable metric over the last runs; not there with fewer runs than the option asks",
    }
    options: ClassVar = {"green": [], "stable": [], "series": 3}

    def measure(self, ledger: Sequence[Mapping[str, Any]]) -> Measurement:
        if not ledger:
            raise DataError("the ledger holds no run.", hint="Train with gonogo.record_run; it adds a line for each run.")
        if not self.chosen["green"]:
            raise UsageError("certification has no requirement.", hint="Name them: options: {green: [test_accuracy >= 0.98]}.")
        series, copies = _series(ledger)
        verdicts = [self._shortfalls(run) for run in series]
        in_a_row = next((count for count, short in enumerate(reversed(verdicts)) if short), len(verdicts))
        names = {name for text in self.chosen["green"] for name in parse(text).names} | set(self.chosen["stable"])
        missing = sorted(name for name in names if not is_finite_number(_metrics(series[-1]).get(name)))
        facts = {
            "runs": Fact(len(series)),
            "copies": Fact(copies),
            "last_green": Fact(not verdicts[-1]),
            "metrics_missing": Fact(len(missing)),
            "consecutive_green": Fact(in_a_row),
        }
        last = series[-self.chosen["series"] :]
        if len(last) == self.chosen["series"] and self.chosen["stable"]:
            facts["spread"] = Fact(max(_spread(last, name) for name in self.chosen["stable"]), n=len(last))
        findings = [f"run {number} of {len(series)}: {short}" for number, shorts in enumerate(verdicts, 1) for short in shorts]
        return Measurement(facts, tuple(findings), pictures=_pictures(series, sorted(names)))

    def _shortfalls(self, run: Mapping[str, Any]) -> list[str]:
        facts = {name: Fact(float(value)) for name, value in _metrics(run).items() if is_finite_number(value)}
        judged = [evaluate(parse(text), facts) for text in self.chosen["green"]]
        return [one.reason for one in judged if not one.met]


def _series(ledger: Sequence[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], int]:
    """The runs that have the newest run's parameters, oldest first, and how many of them were copies."""
    newest = digest(dict(ledger[-1].get("params", {})))
    seen: set[str] = set()
    kept: list[Mapping[str, Any]] = []
    alike = [run for run in ledger if digest(dict(run.get("params", {}))) == newest]
    for run in alike:
        made_of = digest({"seed": run.get("seed"), "train": run.get("data", {}).get("train", {}).get("digest", "")})
        if made_of not in seen:
            seen.add(made_of)
            kept.append(run)
    return kept, len(alike) - len(kept)


def _metrics(run: Mapping[str, Any]) -> Mapping[str, Any]:
    found = run.get("metrics")
    return found if isinstance(found, Mapping) else {}


def _spread(runs: Sequence[Mapping[str, Any]], name: str) -> float:
    """NaN, which meets nothing, when a run lacks the metric."""
    values = [_metrics(run).get(name) for run in runs]
    numbers = [float(value) for value in values if is_finite_number(value)]
    return max(numbers) - min(numbers) if len(numbers) == len(values) else math.nan


def _pictures(series: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    newest = _metrics(series[-1])
    bars = [{"name": name, "value": float(newest[name])} for name in names if is_finite_number(newest.get(name))]
    return {"metrics": {"kind": "bars", "title": "Metrics of the newest retrain", "items": bars}} if bars else {}
