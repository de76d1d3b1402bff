"""Scores that mean what they say: calibrators of logits, and the figures that tell whether they do.

The network is trained on the share of late flights of its months; the next month has another one, up to twice as large. The calibrator is
fitted on the days before the test, never on what the network was trained on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

METHODS = ("isotonic", "platt", "none")
BINS = 10


def fit(method: str, logits: np.ndarray, y: np.ndarray) -> Any:
    """A fitted scikit-learn object, or None for none: `gonogo.write_pipeline` takes it as it is."""
    if method == "isotonic":
        return IsotonicRegression(out_of_bounds="clip", y_min=0.0, y_max=1.0).fit(logits, y)
    if method == "platt":
        return LogisticRegression(C=1e6).fit(logits[:, None], y)
    return None


def steps(calibrator: Any) -> list[Any]:
    """What comes after the network in the pipeline."""
    return [{"step": "sigmoid"}] if calibrator is None else [calibrator]


def scores(calibrator: Any, logits: np.ndarray) -> np.ndarray:
    """Probabilities float64 [rows]."""
    if calibrator is None:
        return 1.0 / (1.0 + np.exp(-logits))
    if isinstance(calibrator, LogisticRegression):
        return 1.0 / (1.0 + np.exp(-(logits * calibrator.coef_[0, 0] + calibrator.intercept_[0])))
    return np.interp(logits, calibrator.X_thresholds_, calibrator.y_thresholds_)


def ece(y: np.ndarray, p: np.ndarray) -> float:
    """Expected calibration error over ten bins of equal mass (Naeini et al. 2015); equal scores are in one bin."""
    edges = np.unique(np.quantile(p, np.arange(1, BINS) / BINS, method="inverted_cdf"))
    place = np.searchsorted(edges, p, side="left")
    return float(sum(abs(np.bincount(place, weights=p - y))) / len(y))


def figures(y: np.ndarray, p: np.ndarray) -> dict[str, float]:
    return {
        "roc_auc": float(roc_auc_score(y, p)),
        "pr_auc": float(average_precision_score(y, p)),
        "brier": float(brier_score_loss(y, p)),
        "ece": ece(y, p),
    }


def psi(expected: np.ndarray, actual: np.ndarray) -> float:
    """Population stability index: text or few values by value, numbers in ten bins of equal mass of `expected`; no share below 1e-4."""
    if expected.dtype == object or len(np.unique(expected)) <= 30:
        values = np.unique(expected)
        shares = [np.array([(one == value).mean() for value in values]) for one in (expected, actual)]
    else:
        edges = np.unique(np.nanquantile(expected, np.arange(1, BINS) / BINS))
        places = [np.searchsorted(edges, one[~np.isnan(one)]) for one in (expected, actual)]
        shares = [np.bincount(place, minlength=len(edges) + 1) / len(place) for place in places]
    before, after = (np.maximum(one, 1e-4) for one in shares)
    return float(((after - before) * np.log(after / before)).sum())
