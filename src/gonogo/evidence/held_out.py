"""What scores on held-out rows are worth in one figure, and how sure the accuracy is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from gonogo.evidence.inputs import Numbers, Scores
from gonogo.stats.classification import accuracy, confusion_matrix, f1, overall_roc_auc, recall
from gonogo.stats.intervals import bootstrap


def measures(scores: Scores, metric: str) -> dict[str, float]:
    """`score`: the metric of that name in `METRICS`; `test_accuracy`, and `bootstrap_low`, the lower end of its interval at 95 %."""
    hits = (scores.predicted == scores.y).astype(np.float64)
    low, _ = bootstrap(lambda drawn: float(drawn.mean()), [hits])
    return {"score": METRICS[metric](scores), "test_accuracy": float(hits.mean()), "bootstrap_low": low}


def _balanced_accuracy(scores: Scores) -> float:
    return float(np.mean([recall(_matrix(scores), int(one)) for one in np.unique(scores.y)]))


def _macro_f1(scores: Scores) -> float:
    return float(np.mean([f1(_matrix(scores), one) for one in range(len(scores.classes))]))


def _matrix(scores: Scores) -> Numbers:
    return confusion_matrix(scores.y, scores.predicted, len(scores.classes))


#: More is better in each of them.
METRICS: Mapping[str, Callable[[Scores], float]] = {
    "accuracy": lambda scores: accuracy(_matrix(scores)),
    "balanced_accuracy": _balanced_accuracy,
    "macro_f1": _macro_f1,
    "roc_auc": lambda scores: overall_roc_auc(scores.y, scores.scores),
}
