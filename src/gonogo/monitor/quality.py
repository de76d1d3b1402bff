"""Figures of labelled predictions, and by how much they fell below the release's own on held-out data (its sealed table of scores).

One reading for a release, and one for each of its declared slices, beside the same slice of the held-out data; a slice is judged by rules
that name it only. Of a task of more than two classes precision, recall and F1 are means over the classes, from the confusion matrix; each
class has a reading of its own beside them, which is judged as a slice is. Closed world: no mature cohort, too few labels, nothing sealed to
compare with, or one class only is no value, and says why.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gonogo.model.runtime import Array
from gonogo.monitor.labels import Mature, asked, mature
from gonogo.monitor.signal import Reading, Sight, Signal
from gonogo.release.baseline import reference_confusion, reference_scores, slice_scores
from gonogo.service.labels.counts import LabelCounts
from gonogo.stats.confusion import Figure, comparable, macro, of_class
from gonogo.stats.fall import fall
from gonogo.stats.intervals import Estimate
from gonogo.stats.score_decisions import Decisions, decisions
from gonogo.stats.score_table import ScoreTable


@dataclass(frozen=True)
class Sealed:
    """What a release seals of its held-out rows (of a slice of them): the table of scores, the threshold (None where the task has more than
    two classes, NaN where none is sealed) and the confusion matrix [predicted, actual]; None for what it does not have."""

    table: ScoreTable | None
    threshold: float | None
    confusion: Array | None = None


#: a figure of a table of scores, with the threshold as in `Sealed`
OfTable = Callable[[ScoreTable, float | None], Estimate]
#: of what was found: (the labelled rows, what is sealed) → a reading's numbers
Measure = Callable[[LabelCounts, Sealed], Mapping[str, Any]]


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
            readings.append(_reading(signal, sight, labels, baseline, _found(signal, sight, release, part), measure))
    return readings


def drops(signal: Signal, sight: Sight, figure: OfTable) -> list[Reading]:
    """How far a figure lies below that of the held-out data: 0 for a figure that rose."""

    def measure(counts: LabelCounts, before: Sealed) -> Mapping[str, Any]:
        now = figure(counts.table, before.threshold)
        if before.table is None:
            raise NotMeasurable("the release has no sealed table of scores to compare with")
        return fallen(figure(before.table, before.threshold), now)

    return measured(signal, sight, measure)


def class_drops(signal: Signal, sight: Sight, figure: Figure) -> list[Reading]:
    """The fall of precision, recall or F1: of two classes at the threshold, of more the mean over those that have the figure now and in the
    held-out data, and each class by itself (label `class`)."""

    def of_two(table: ScoreTable, threshold: float | None) -> Estimate:
        found: Estimate = getattr(decided(table, threshold), figure)()
        return found

    def measure(counts: LabelCounts, before: Sealed) -> Mapping[str, Any]:
        if before.threshold is not None:
            if before.table is None:
                raise NotMeasurable("the release has no sealed table of scores to compare with")
            return fallen(of_two(before.table, before.threshold), of_two(counts.table, before.threshold))
        then = _confusion(before, counts)
        both = comparable(figure, then, counts.confusion)
        found = fallen(macro(then, figure, both), macro(counts.confusion, figure, both))
        return {**found, "details": {**found["details"], "classes": len(both), "of_classes": len(counts.classes)}}

    readings = measured(signal, sight, measure)
    for release in sight.window.in_service:
        found, baseline = _found(signal, sight, release), sight.baselines.get(release) or {}
        told = found.counts is not None and sealed(baseline).confusion is not None
        for place, name in enumerate(found.counts.classes if found.counts is not None and told else ()):

            def of_one(counts: LabelCounts, before: Sealed, place: int = place) -> Mapping[str, Any]:
                return fallen(of_class(_confusion(before, counts), place, figure), of_class(counts.confusion, place, figure))

            one = _reading(signal, sight, {"release": release, "class": name}, baseline, found, of_one)
            readings.append(replace(one, judged=False))
    return readings


def _confusion(before: Sealed, counts: LabelCounts) -> Array:
    """The sealed matrix. Raises NotMeasurable when there is none, or it is of another number of classes."""
    if before.confusion is None or before.confusion.shape != counts.confusion.shape:
        raise NotMeasurable("the release has no sealed confusion matrix to compare with")
    return before.confusion


def fallen(before: Estimate, now: Estimate) -> Mapping[str, Any]:
    """The numbers of a reading that says how far a figure fell."""
    found = fall(before, now)
    details = {"now": now.value, "now_low": now.low, "now_high": now.high, "before": before.value, "before_n": before.n}
    value, low, high = (max(0.0, number) for number in (found.value, found.low, found.high))
    return {"value": value, "low": low, "high": high, "n": now.n, "p_value": found.p_value, "details": details}


def unit_of(before: Sealed, unit: str) -> str:
    """The unit of what is expected of scores: that of two classes, or "share" of more, of which the accuracy is expected."""
    return unit if before.threshold is not None else "share"


def decided(table: ScoreTable, threshold: float | None) -> Decisions:
    """The four counts at the release's threshold. Raises NotMeasurable for more than two classes, ValueError where none is sealed."""
    if threshold is None:
        raise NotMeasurable("a figure of binary tasks only")
    if math.isnan(threshold):
        raise NotMeasurable("the release has no sealed threshold")
    return decisions(table, threshold)


def sealed(baseline: Mapping[str, Any], part: str = "") -> Sealed:
    """What a baseline seals, or of its part of that name."""
    if not baseline:
        return Sealed(None, None)
    threshold = baseline["score"].get("threshold")
    table = slice_scores(baseline, part) if part else reference_scores(baseline)
    return Sealed(table, None if threshold is None else float(threshold), reference_confusion(baseline, part))


def _found(signal: Signal, sight: Sight, release: str, part: str = "") -> Mature:
    return mature(sight.labels, release, sight.now, asked(signal, sight), part)


def _reading(
    signal: Signal, sight: Sight, labels: Mapping[str, str], baseline: Mapping[str, Any], found: Mature, measure: Measure
) -> Reading:
    part = labels.get("slice", "")
    judged = sight.labels.expected and not part

    def none(why: str, *, judged: bool = judged) -> Reading:
        return Reading(signal.name, labels, None, 0, signal.unit, judged=judged, details={**found.details, "why": why})

    if found.counts is None or not found.counts.labelled:
        return none("no prediction that is old enough has a label")
    if not found.enough:
        return none("too few of the predictions that are old enough have a label")
    before = sealed(baseline, part)
    if before.threshold is None and len(found.counts.classes) == 2:
        before = replace(before, threshold=math.nan)
    try:
        numbers = dict(measure(found.counts, before))
    except NotMeasurable as error:
        return none(str(error), judged=judged and not baseline)  # of a baseline that is not known nobody can say
    except ValueError as error:
        return none(str(error))
    details = {**found.details, **numbers.pop("details", {})}
    unit = numbers.pop("unit", signal.unit)
    return Reading(signal.name, labels, unit=unit, judged=judged, details=details, **numbers)
