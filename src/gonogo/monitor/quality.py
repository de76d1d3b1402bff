"""Figures of labelled predictions, and by how much they fell below the release's own on held-out data (its sealed table of scores).

One reading for a release, and one for each of its declared slices, beside the same slice of the held-out data; a slice is judged by rules
that name it only. Closed world: no mature cohort, too few labels, no sealed table, or one class only is no value, and says why.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from gonogo.monitor.labels import asked, mature
from gonogo.monitor.signal import Reading, Sight, Signal
from gonogo.release.baseline import reference_scores, slice_scores
from gonogo.service.labels.counts import LabelCounts
from gonogo.stats.fall import fall
from gonogo.stats.intervals import Estimate
from gonogo.stats.score_decisions import Decisions, decisions
from gonogo.stats.score_table import ScoreTable

#: a figure of a table of scores; the threshold is None where the task has more than two classes, NaN where the release seals none
Figure = Callable[[ScoreTable, float | None], Estimate]
#: of what was found: (the labelled rows, the sealed table, the threshold) → a reading's numbers
Measure = Callable[[LabelCounts, ScoreTable | None, float | None], Mapping[str, Any]]


class NotMeasurable(ValueError):
    """A figure that this release will never have: one of binary tasks asked of another one, or a comparison with what it does not seal."""


def measured(signal: Signal, sight: Sight, measure: Measure, *, sliced: bool = True) -> list[Reading]:
    """A reading for every release in service and, where `sliced`, every slice of it. `measure` gives `value`, `n` and what else a reading
    has; what it raises as ValueError is why there is none."""
    readings = []
    for release in sight.window.in_service:
        baseline = sight.baselines.get(release) or {}
        for part in ("", *(sight.labels.slices(release) if sliced else ())):
            labels = {"release": release, **({"slice": part} if part else {})}
            readings.append(_reading(signal, sight, labels, baseline, part, measure))
    return readings


def drops(signal: Signal, sight: Sight, figure: Figure) -> list[Reading]:
    """How far a figure lies below that of the held-out data: 0 for a figure that rose."""

    def measure(counts: LabelCounts, before: ScoreTable | None, threshold: float | None) -> Mapping[str, Any]:
        now = figure(counts.table, threshold)
        if before is None:
            raise NotMeasurable("the release has no sealed table of scores to compare with")
        return fallen(figure(before, threshold), now)

    return measured(signal, sight, measure)


def fallen(before: Estimate, now: Estimate) -> Mapping[str, Any]:
    """The numbers of a reading that says how far a figure fell."""
    found = fall(before, now)
    details = {"now": now.value, "now_low": now.low, "now_high": now.high, "before": before.value, "before_n": before.n}
    value, low, high = (max(0.0, number) for number in (found.value, found.low, found.high))
    return {"value": value, "low": low, "high": high, "n": now.n, "p_value": found.p_value, "details": details}


def decided(table: ScoreTable, threshold: float | None) -> Decisions:
    """The four counts at the release's threshold. Raises NotMeasurable for more than two classes, ValueError where none is sealed."""
    if threshold is None:
        raise NotMeasurable("a figure of binary tasks only")
    if math.isnan(threshold):
        raise NotMeasurable("the release has no sealed threshold")
    return decisions(table, threshold)


def sealed(baseline: Mapping[str, Any], part: str = "") -> tuple[ScoreTable | None, float | None]:
    """The held-out table (of a slice) and the threshold that a baseline seals; None for what it does not have."""
    if not baseline:
        return None, None
    threshold = baseline["score"].get("threshold")
    table = slice_scores(baseline, part) if part else reference_scores(baseline)
    return table, None if threshold is None else float(threshold)


def _reading(signal: Signal, sight: Sight, labels: Mapping[str, str], baseline: Mapping[str, Any], part: str, measure: Measure) -> Reading:
    found = mature(sight.labels, labels["release"], sight.now, asked(signal, sight), part)
    judged = sight.labels.expected and not part

    def none(why: str, *, judged: bool = judged) -> Reading:
        return Reading(signal.name, labels, None, 0, signal.unit, judged=judged, details={**found.details, "why": why})

    if found.counts is None or not found.counts.labelled:
        return none("no prediction that is old enough has a label")
    if not found.enough:
        return none("too few of the predictions that are old enough have a label")
    table, threshold = sealed(baseline, part)
    if threshold is None and len(found.counts.classes) == 2:
        threshold = math.nan
    try:
        numbers = dict(measure(found.counts, table, threshold))
    except NotMeasurable as error:
        return none(str(error), judged=judged and not baseline)  # of a baseline that is not known nobody can say
    except ValueError as error:
        return none(str(error))
    details = {**found.details, **numbers.pop("details", {})}
    return Reading(signal.name, labels, unit=signal.unit, judged=judged, details=details, **numbers)
