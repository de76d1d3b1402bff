"""How good is the model on rows that it has never seen?"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from gonogo.errors import DataError
from gonogo.evidence.asking import ROUNDING
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import Numbers, Scores
from gonogo.evidence.record import Fact, Measurement
from gonogo.stats import classification
from gonogo.stats.calibration import ReliabilityBin, ece, reliability
from gonogo.stats.intervals import bootstrap, wilson

RESAMPLES = 1000
MACRO_RESAMPLES = 200


class Quality(Check):
    """How good is the model on the test table, and how sure can we be?

    Measured again from the scores that the bundle's own bytes give; nothing is copied from a training log. Intervals at `level`: DeLong
    for ROC-AUC, Wilson for shares, resampling for F1 and for the mean over more than two classes. With more than two classes, ROC-AUC,
    precision, recall and F1 are means over the classes, and ECE is that of the predicted label.
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
        "log_loss": "mean of -ln of the score of the true class",
        "brier": "mean squared distance of scores and truth",
        "ece": "expected calibration error over ten bins of equal mass; not there when all labels are right or all are wrong",
    }
    options: ClassVar = {"level": 0.95}

    def measure(self, scores_test: Scores) -> Measurement:
        level = float(self.chosen["level"])
        if not 0.5 <= level < 1:
            raise DataError(f"{level} is no level of confidence.", hint="Write 0.95, for example.")
        usable = scores_test.usable()
        if usable.scores.min() < -ROUNDING or usable.scores.max() > 1 + ROUNDING:
            raise DataError("a score lies outside 0 and 1, so it is no probability.")
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
            **(_binary(matrix, level) if len(matrix) == 2 else _macro(matrix, level)),
            "log_loss": Fact(classification.log_loss(y, scores), n=n),
            "brier": Fact(classification.brier(y, scores), n=n),
        }
        bins = _reliability(y, scores, usable.predicted)
        if bins:
            facts["ece"] = Fact(ece(bins), n=n)
        return Measurement(facts, pictures=_pictures(usable, scores, matrix, bins), isolation=usable.isolation)


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


def _binary(matrix: Numbers, level: float) -> dict[str, Fact]:
    hits = int(matrix[1, 1])
    return {
        "precision": share_fact(hits, int(matrix[:, 1].sum()), level),
        "recall": share_fact(hits, int(matrix[1].sum()), level),
        "f1": _resampled(matrix, level, lambda m: 2 * m[..., 1, 1] / (m[..., 1, :].sum(-1) + m[..., :, 1].sum(-1))),
    }


def _macro(matrix: Numbers, level: float) -> dict[str, Fact]:
    def diagonal(m: Numbers) -> Numbers:
        return np.asarray(np.diagonal(m, axis1=-2, axis2=-1), dtype=np.float64)

    return {
        "precision": _resampled(matrix, level, lambda m: (diagonal(m) / m.sum(-2)).mean(-1)),
        "recall": _resampled(matrix, level, lambda m: (diagonal(m) / m.sum(-1)).mean(-1)),
        "f1": _resampled(matrix, level, lambda m: (2 * diagonal(m) / (m.sum(-1) + m.sum(-2))).mean(-1)),
    }


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


def _reliability(y: Numbers, scores: Numbers, predicted: Numbers) -> list[ReliabilityBin]:
    if scores.shape[1] == 2:
        return reliability(y, scores[:, 1])
    right = (predicted == y).astype(np.int64)
    return reliability(right, scores.max(axis=1)) if 0 < right.sum() < len(right) else []


def _pictures(usable: Scores, scores: Numbers, matrix: Numbers, bins: list[ReliabilityBin]) -> dict[str, Any]:
    pictures: dict[str, Any] = {
        "confusion_matrix": {"kind": "confusion_matrix", "labels": list(usable.classes), "counts": matrix.tolist()},
        "reliability": {"kind": "reliability", "bins": [{"mean_score": b.mean_score, "share": b.share, "n": b.n} for b in bins]},
    }
    if scores.shape[1] == 2:
        points = classification.roc_curve(usable.y, scores[:, 1], points=200)
        area = classification.roc_auc(usable.y, scores[:, 1])
        pictures["roc"] = {"kind": "roc", "points": [list(point) for point in points], "auc": area}
    return pictures
