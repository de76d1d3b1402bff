"""How good a classifier is, in figures. Labels are class indices, int [rows]; scores float [rows] or [rows, classes].

Everything raises ValueError for no rows, for columns of other lengths and for scores that are not finite; what needs two classes says so
when there is one. A ratio of nothing (precision without a predicted positive) is NaN, which meets no requirement; it is never 0 or 1.
"""

from __future__ import annotations

import math

import numpy as np

from gonogo.stats.bins import Array
from gonogo.stats.intervals import z_of
from gonogo.stats.ranks import midranks

SMALLEST = 1e-15  #: scores are kept this far from 0 and 1 before a logarithm is taken


def roc_auc(y: Array, score: Array) -> float:
    """Area under the ROC curve, exact with ties: P(s+ > s-) + P(s+ = s-)/2 (Mann & Whitney 1947). `y` is 0 or 1.

    Raises ValueError when there is only one class.
    """
    y, score = checked_binary(y, score)
    positives = int(y.sum())
    negatives = len(y) - positives
    ranks = midranks(score)
    return float((ranks[y == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def roc_auc_delong(y: Array, score: Array, level: float = 0.95) -> tuple[float, float, float]:
    """(AUC, low, high). Variance after DeLong, DeLong & Clarke-Pearson 1988 in the fast form of Sun & Xu 2014; interval on the logit
    scale, which stays inside [0, 1] and covers better near 1 (Pepe 2003).

    With perfect separation the variance estimate is 0, which is no certainty: the bound is then (alpha/2)^(1/k), k the size of the
    smaller class, because k pairs without a common row would all have to be in order by chance.
    """
    y, score = checked_binary(y, score)
    by_positive, by_negative = _placements(y, score)
    m, n = len(by_positive), len(by_negative)
    variance = float(by_positive.var(ddof=1) / m + by_negative.var(ddof=1) / n) if min(m, n) > 1 else math.inf
    auc = float(by_positive.mean())
    return auc, *area_interval(auc, variance, min(m, n), level)


def area_interval(area: float, variance: float, smaller: int, level: float = 0.95) -> tuple[float, float]:
    """Interval of an area under a curve from its variance, as `roc_auc_delong` takes it. `smaller`: rows of the smaller class."""
    edge = ((1 - level) / 2) ** (1 / smaller)
    if area >= 1.0:
        return edge, 1.0
    if area <= 0.0:
        return 0.0, 1 - edge
    return _logit_interval(area, math.sqrt(variance), level) if variance < math.inf else (0.0, 1.0)


def roc_auc_gain(y: Array, score: Array, other: Array, level: float = 0.95) -> tuple[float, float, float]:
    """(AUC of `score` minus AUC of `other`, low, high) on the same rows; variance after DeLong with the covariance of the two.

    With fewer than two rows of a class the interval is everything from -1 to 1.
    """
    y, score = checked_binary(y, score)
    _, other = checked_binary(y, other)
    mine, theirs = _placements(y, score), _placements(y, other)
    gains = [a - b for a, b in zip(mine, theirs, strict=True)]
    gain = float(gains[0].mean())
    if min(len(part) for part in gains) < 2:
        return gain, -1.0, 1.0
    half = z_of(level) * math.sqrt(sum(float(part.var(ddof=1)) / len(part) for part in gains))
    return gain, max(-1.0, gain - half), min(1.0, gain + half)


def pr_auc(y: Array, score: Array) -> float:
    """Average precision: the mean of the precision at each positive, equal scores taken together. `y` is 0 or 1.

    Raises ValueError when there is only one class.
    """
    y, score = checked_binary(y, score)
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    true = np.cumsum(y[order])[last]
    return float((np.diff(true, prepend=0) * true / (last + 1)).sum() / true[-1])


def pr_auc_interval(y: Array, score: Array, level: float = 0.95) -> tuple[float, float, float]:
    """(average precision, low, high); the interval is binomial on the logit scale (Boyd, Eng & Page 2013), as many trials as positives."""
    area, positives = pr_auc(y, score), int(np.asarray(y).sum())
    return area, *area_interval(area, area * (1 - area) / positives, positives, level)


def macro_pr_auc(y: Array, scores: Array) -> float:
    """Mean over the classes of the average precision of "this one against the rest". Raises ValueError when a class is missing."""
    scores = _matrix(y, scores)
    return float(np.mean([pr_auc((np.asarray(y) == index).astype(np.int64), scores[:, index]) for index in range(scores.shape[1])]))


def _placements(y: Array, score: Array) -> tuple[Array, Array]:
    """Share of the negatives below each positive, and of the positives above each negative, ties counting half."""
    positive, negative = score[y == 1], score[y == 0]
    m, n = len(positive), len(negative)
    order = midranks(np.concatenate((positive, negative)))
    return (order[:m] - midranks(positive)) / n, 1 - (order[m:] - midranks(negative)) / m


def _logit_interval(share: float, error: float, level: float) -> tuple[float, float]:
    half = z_of(level) * error / (share * (1 - share))
    logit = math.log(share / (1 - share))
    return _logistic(logit - half), _logistic(logit + half)


def roc_curve(y: Array, score: Array, points: int = 200) -> list[tuple[float, float]]:
    """(false positive rate, true positive rate) from (0, 0) to (1, 1), thinned to about `points`, for a picture."""
    y, score = checked_binary(y, score)
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    true = np.cumsum(y[order])[last]
    false = 1 + last - true
    x, up = np.concatenate(([0.0], false / false[-1])), np.concatenate(([0.0], true / true[-1]))
    keep = np.unique(np.linspace(0, len(x) - 1, num=min(points, len(x)), dtype=np.int64))
    return [(float(a), float(b)) for a, b in zip(x[keep], up[keep], strict=True)]


def confusion_matrix(y: Array, predicted: Array, classes: int) -> Array:
    """Counts int64 [true class, predicted class]. Raises ValueError for a class that is none."""
    y, predicted = _indices(y, classes), _indices(predicted, classes)
    _same_length(y, predicted)
    return np.bincount(y * classes + predicted, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


def better_order(matrix: Array) -> list[int] | None:
    """The class of each score column when the labels say that the columns stand in another order than was taken; None when they do not.

    Every column goes to the class whose rows it is highest for most often. That is another order only when it uses every class once and
    more than twice as many rows, and a fifth of all at least, are then right.
    """
    order = matrix.argmax(axis=0)
    if sorted(order.tolist()) != list(range(len(matrix))):
        return None
    right, now = int(matrix[order, np.arange(len(matrix))].sum()), int(np.trace(matrix))
    return [int(place) for place in order] if right > 2 * now and 5 * right >= int(matrix.sum()) else None


def accuracy(matrix: Array) -> float:
    """Share of right predictions of a confusion matrix."""
    return _ratio(float(np.trace(matrix)), float(matrix.sum()))


def precision(matrix: Array, positive: int = 1) -> float:
    """Share of true ones among those predicted `positive`; NaN when none was."""
    return _ratio(float(matrix[positive, positive]), float(matrix[:, positive].sum()))


def recall(matrix: Array, positive: int = 1) -> float:
    """Share of those that are `positive` which were found; NaN when there is none."""
    return _ratio(float(matrix[positive, positive]), float(matrix[positive].sum()))


def f1(matrix: Array, positive: int = 1) -> float:
    """2·TP / (2·TP + FP + FN); NaN when the class neither is there nor was predicted."""
    hit = float(matrix[positive, positive])
    return _ratio(2 * hit, float(matrix[positive].sum() + matrix[:, positive].sum()))


def macro_roc_auc(y: Array, scores: Array) -> float:
    """Mean over the classes of the AUC of "this one against the rest". Raises ValueError when a class is missing."""
    scores = _matrix(y, scores)
    return float(np.mean([roc_auc((np.asarray(y) == index).astype(np.int64), scores[:, index]) for index in range(scores.shape[1])]))


def overall_roc_auc(y: Array, scores: Array) -> float:
    """The one ROC-AUC of a score matrix [n, classes]: of the second class where there are two, else the mean over the classes."""
    return roc_auc(y, scores[:, 1]) if scores.shape[1] == 2 else macro_roc_auc(y, scores)


def log_losses(y: Array, scores: Array) -> Array:
    """-ln of the score of the true class of each row, scores kept within [1e-15, 1 - 1e-15]. `scores` is [rows, classes]."""
    scores = _matrix(y, scores)
    return np.asarray(-np.log(np.clip(scores[np.arange(len(scores)), np.asarray(y)], SMALLEST, 1 - SMALLEST)))


def log_loss(y: Array, scores: Array) -> float:
    """Mean of `log_losses`."""
    return float(log_losses(y, scores).mean())


def brier_losses(y: Array, scores: Array) -> Array:
    """Squared distance of each row's scores from truth (Brier 1950): of the last class in a binary task (0 to 1), summed over more."""
    scores = _matrix(y, scores)
    truth = np.zeros_like(scores)
    truth[np.arange(len(scores)), np.asarray(y)] = 1.0
    squared = (scores - truth) ** 2
    return np.asarray(squared[:, 1] if scores.shape[1] == 2 else squared.sum(axis=1))


def brier(y: Array, scores: Array) -> float:
    """Mean of `brier_losses`."""
    return float(brier_losses(y, scores).mean())


def checked_binary(y: Array, score: Array) -> tuple[Array, Array]:
    """Labels as int64 0 or 1 and scores as float64, both there, as many and finite. Raises ValueError, also for only one class."""
    y, score = _indices(y, 2), np.asarray(score, dtype=np.float64)
    _same_length(y, score)
    if score.ndim != 1 or not np.isfinite(score).all():
        raise ValueError("a score is not finite")
    if y.min() == y.max():
        raise ValueError("there is only one class among the labels")
    return y, score


def _matrix(y: Array, scores: Array) -> Array:
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 2 or scores.shape[1] < 2:
        raise ValueError(f"scores must be [rows, classes], not {scores.shape}")
    _same_length(_indices(y, scores.shape[1]), scores)
    if not np.isfinite(scores).all():
        raise ValueError("a score is not finite")
    return scores


def _indices(y: Array, classes: int) -> Array:
    values = np.asarray(y)
    if len(values) == 0:
        raise ValueError("there are no rows")
    if values.dtype.kind not in "biu" and not (values == np.floor(values)).all():
        raise ValueError("labels must be class indices")
    if values.min() < 0 or values.max() >= classes:
        raise ValueError(f"a label is none of the {classes} classes")
    return values.astype(np.int64)


def _same_length(y: Array, other: Array) -> None:
    if len(y) != len(other):
        raise ValueError(f"{len(y)} labels and {len(other)} scores")


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value > -700 else 0.0
