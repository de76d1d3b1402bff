"""How good is the model on rows that it has never seen?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from gonogo.errors import DataError
from gonogo.evidence.asking import ROUNDING
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import Numbers, Scores
from gonogo.evidence.record import Fact, Measurement
from gonogo.stats import classification
from gonogo.stats.calibration import ReliabilityBin, ece, ece_interval, reliability
from gonogo.stats.intervals import bootstrap, f1_interval, mean_interval, wilson

RESAMPLES = 1000
MACRO_RESAMPLES = 200


class Quality(Check):
    """How good is the model on the test table, and how sure can we be?

    Measured again from the scores that the bundle's own bytes give; nothing is copied from a training log. With more than two classes,
    ROC-AUC, PR-AUC, precision, recall and F1 are means over the classes, and ECE is that of the predicted label. Intervals at `level`:
    DeLong for ROC-AUC, Boyd's for PR-AUC, Wilson for shares and what is made from them, normal for the means of losses, and resampling
    for the rest. The interval of the worst class holds for all classes together (Bonferroni), because the worst one was picked.
    """

    name = "quality"
    facts: ClassVar = {
        "n": "rows",
        "positives": "rows of the last class (binary), or of the rarest one",
        "roc_auc": "area under the ROC curve, with interval",
        "accuracy": "share of right labels, with interval",
        "majority_share": "accuracy of always saying the most frequent class",
        "precision": "share of true ones among those labelled positive, with interval; NaN when none is",
        "recall": "share of the positives that are found, with interval",
        "f1": "harmonic mean of precision and recall, with interval",
        "pr_auc": "area under the precision-recall curve (average precision), with interval",
        "macro_f1": "mean of the F1 of every class, with interval",
        "worst_class_f1": "lowest F1 of a class, with interval",
        "worst_class_recall": "lowest recall of a class, with interval",
        "worst_class": "the class of that recall",
        "minority_recall": "recall of the rarest class, with interval",
        "log_loss": "mean of -ln of the score of the true class, with interval",
        "brier": "mean squared distance of scores and truth, with interval",
        "ece": "expected calibration error over ten bins of equal mass, with interval; not there when all or no labels are right",
    }
    options: ClassVar = {"level": 0.95}

    def measure(self, scores_test: Scores) -> Measurement:
        level = float(self.chosen["level"])
        if not 0.5 <= level < 1:
            raise DataError(f"{level} is no level of confidence.", hint="Write 0.95, for example.")
        usable = scores_test.usable()
        if usable.scores.min() < -ROUNDING or usable.scores.max() > 1 + ROUNDING:
            raise DataError(
                "a score lies outside 0 and 1, so it is no probability.",
                hint="A network's logits need a softmax or sigmoid at the end of the graph, or as a step `after` in `model.pipeline`.",
            )
        y, scores = usable.y, np.clip(usable.scores, 0.0, 1.0)
        matrix = classification.confusion_matrix(y, usable.predicted, len(usable.classes))
        n = len(y)
        right = int(np.trace(matrix))
        facts = {
            "n": Fact(n),
            "positives": Fact(int(matrix[1].sum() if len(matrix) == 2 else matrix.sum(axis=1).min())),
            "roc_auc": roc_auc_fact(y, scores, level),
            "accuracy": share_fact(right, n, level),
            "majority_share": Fact(float(matrix.sum(axis=1).max() / n)),
            "pr_auc": _pr_auc_fact(y, scores, level),
            **(_binary(matrix, level) if len(matrix) == 2 else _macro(matrix, level)),
            **_per_class(matrix, usable.classes, level),
            "log_loss": _mean_fact(classification.log_losses(y, scores), level),
            "brier": _mean_fact(classification.brier_losses(y, scores), level),
        }
        outcome, said = _claims(y, scores, usable.predicted)
        bins = reliability(outcome, said) if 0 < outcome.sum() < n else []
        if bins:
            low, high = ece_interval(outcome, said, level)
            facts["ece"] = _bounded(ece(bins), n, low, high, level)
        findings = _misplaced(matrix, usable.classes)
        return Measurement(facts, findings, _pictures(usable, scores, matrix, bins), isolation=usable.isolation)


def _misplaced(matrix: Numbers, classes: Sequence[str]) -> tuple[str, ...]:
    """What the labels say of the order of the score columns, when it is not the one that was taken."""
    order = classification.better_order(matrix)
    if order is None:
        return ()
    taken, fits = (", ".join(names) for names in (classes, [classes[place] for place in order]))
    say = f"`model.classes: [{fits}]`" + (f" and `model.positive: {classes[order[-1]]}`" if len(classes) == 2 else "")
    return (f"the score columns were taken for {taken}; the labels fit {fits} far better; if that is their order, say so: {say}",)


def roc_auc_fact(y: Numbers, scores: Numbers, level: float) -> Fact:
    """ROC-AUC with its interval; the mean over the classes when there are more than two."""
    if scores.shape[1] == 2:
        area, low, high = classification.roc_auc_delong(y, scores[:, 1], level)
        return Fact(area, n=len(y), low=low, high=high, level=level)
    area = classification.macro_roc_auc(y, scores)
    low, high = bootstrap(classification.macro_roc_auc, [y, scores], level=level, resamples=MACRO_RESAMPLES)
    return Fact(area, n=len(y), low=low, high=high, level=level)


def share_fact(hits: int, n: int, level: float) -> Fact:
    """A share with Wilson's interval; NaN without one when there is nothing to take a share of."""
    if n == 0:
        return Fact(math.nan, n=0)
    low, high = wilson(hits, n, level)
    return Fact(hits / n, n=n, low=low, high=high, level=level)


def _pr_auc_fact(y: Numbers, scores: Numbers, level: float) -> Fact:
    if scores.shape[1] == 2:
        area, low, high = classification.pr_auc_interval(y, scores[:, 1], level)
        return Fact(area, n=len(y), low=low, high=high, level=level)
    area = classification.macro_pr_auc(y, scores)
    low, high = bootstrap(classification.macro_pr_auc, [y, scores], level=level, resamples=MACRO_RESAMPLES)
    return _bounded(area, len(y), low, high, level)


def _mean_fact(losses: Numbers, level: float) -> Fact:
    low, high = mean_interval(losses, level)
    return _bounded(float(losses.mean()), len(losses), max(0.0, low), high, level)


def _bounded(value: float, n: int, low: float, high: float, level: float) -> Fact:
    """A fact with an interval that holds its value: a resampled one need not."""
    return Fact(value, n=n, low=float(min(low, value)), high=float(max(high, value)), level=level)


def _f1_fact(hits: int, misses: int, alarms: int, n: int, level: float) -> Fact:
    if hits + misses + alarms == 0:
        return Fact(math.nan, n=n)
    low, high = f1_interval(hits, misses, alarms, level)
    return Fact(2 * hits / (2 * hits + misses + alarms), n=n, low=low, high=high, level=level)


def _binary(matrix: Numbers, level: float) -> dict[str, Fact]:
    hits = int(matrix[1, 1])
    return {
        "precision": share_fact(hits, int(matrix[:, 1].sum()), level),
        "recall": share_fact(hits, int(matrix[1].sum()), level),
        "f1": _f1_fact(hits, int(matrix[1, 0]), int(matrix[0, 1]), int(matrix.sum()), level),
    }


def _diagonal(m: Numbers) -> Numbers:
    return np.asarray(np.diagonal(m, axis1=-2, axis2=-1), dtype=np.float64)


def _macro_f1(m: Numbers) -> Numbers:
    return np.asarray((2 * _diagonal(m) / (m.sum(-1) + m.sum(-2))).mean(-1))


def _macro(matrix: Numbers, level: float) -> dict[str, Fact]:
    return {
        "precision": _resampled(matrix, level, lambda m: (_diagonal(m) / m.sum(-2)).mean(-1)),
        "recall": _resampled(matrix, level, lambda m: (_diagonal(m) / m.sum(-1)).mean(-1)),
        "f1": _resampled(matrix, level, _macro_f1),
    }


def _per_class(matrix: Numbers, classes: tuple[str, ...], level: float) -> dict[str, Fact]:
    """What is worst over the classes. A class without rows has no recall, so the figures are then NaN, which meets nothing."""
    n = int(matrix.sum())
    every = 1 - (1 - level) / len(matrix)  # all classes at once
    recalls = [share_fact(int(row[index]), int(row.sum()), every) for index, row in enumerate(matrix)]
    hits, actual, said = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    f1s = [_f1_fact(int(h), int(a - h), int(s - h), n, every) for h, a, s in zip(hits, actual, said, strict=True)]
    worst = min(range(len(recalls)), key=lambda index: float(recalls[index].value))
    rarest = int(actual.argmin())
    return {
        "macro_f1": _resampled(matrix, level, _macro_f1),
        "worst_class_f1": lowest_fact(f1s, level),
        "worst_class_recall": lowest_fact(recalls, level),
        "worst_class": Fact(classes[worst]),
        "minority_recall": share_fact(int(hits[rarest]), int(actual[rarest]), level),
    }


def lowest_fact(facts: list[Fact], level: float) -> Fact:
    """The lowest of several facts, whose intervals hold for all of them together at `level`; NaN when one of them is."""
    if any(fact.low is None or fact.high is None for fact in facts):
        return Fact(math.nan)
    lowest = min(facts, key=lambda fact: float(fact.value))
    low, high = min(fact.low or 0.0 for fact in facts), min(fact.high or 0.0 for fact in facts)
    return Fact(lowest.value, n=lowest.n, low=low, high=high, level=level)


def _resampled(matrix: Numbers, level: float, figure: Any) -> Fact:
    """A figure of the confusion matrix with its bootstrap interval.

    Resampling rows and counting them is drawing the cells from a multinomial distribution, so no row needs to be touched. When more
    than 5 % of the draws have no figure (0/0) there is no interval.
    """
    n = int(matrix.sum())
    generator = np.random.default_rng(0)
    draws = generator.multinomial(n, matrix.ravel() / n, size=RESAMPLES).reshape(RESAMPLES, *matrix.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        value, values = float(figure(matrix.astype(np.float64))), figure(draws.astype(np.float64))
    known = values[np.isfinite(values)]
    if not math.isfinite(value) or len(known) < 0.95 * RESAMPLES:
        return Fact(value, n=n)
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Fact(value, n=n, low=float(min(low, value)), high=float(max(high, value)), level=level)


def _claims(y: Numbers, scores: Numbers, predicted: Numbers) -> tuple[Numbers, Numbers]:
    """What was claimed and what came true: the last class of a binary task, else the label that was given."""
    if scores.shape[1] == 2:
        return y, scores[:, 1]
    return (predicted == y).astype(np.int64), scores.max(axis=1)


def _pictures(usable: Scores, scores: Numbers, matrix: Numbers, bins: list[ReliabilityBin]) -> dict[str, Any]:
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = {"recall": _diagonal(matrix) / matrix.sum(axis=1), "F1": 2 * _diagonal(matrix) / (matrix.sum(axis=0) + matrix.sum(axis=1))}
    pictures: dict[str, Any] = {
        "confusion_matrix": {"kind": "confusion_matrix", "labels": list(usable.classes), "counts": matrix.tolist()},
        "classes": {
            "kind": "bars",
            "title": "every class by itself",
            "items": [
                {"name": f"{name}: {what}", "value": float(values[index])}
                for index, name in enumerate(usable.classes)
                for what, values in shares.items()
                if np.isfinite(values[index])
            ],
        },
        "reliability": {"kind": "reliability", "bins": [{"mean_score": b.mean_score, "share": b.share, "n": b.n} for b in bins]},
    }
    if scores.shape[1] == 2:
        points = classification.roc_curve(usable.y, scores[:, 1], points=200)
        area = classification.roc_auc(usable.y, scores[:, 1])
        pictures["roc"] = {"kind": "roc", "points": [list(point) for point in points], "auc": area}
    return pictures
