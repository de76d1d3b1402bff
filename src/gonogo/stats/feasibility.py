"""Whether figures that are claimed of one classifier can all be true at once.

Figures are shares in [0, 1] by name: accuracy, precision, recall, f1 (of the positive class), macro_f1, balanced_accuracy, roc_auc, pr_auc,
brier, log_loss, ece. Each claim is rounded, so it may be off by `tolerance`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

SHARES = ("accuracy", "precision", "recall", "f1", "macro_f1", "balanced_accuracy", "roc_auc", "pr_auc", "brier", "ece")


def contradictions(claims: Mapping[str, float], *, classes: int = 2, tolerance: float = 0.005) -> list[str]:
    """What cannot be, one line each; [] when the claims may all be true. Names that are not known are passed over.

    Sources: F1 is the harmonic mean of precision and recall. With two classes the mean of both F1 is at least a / (1 + a) for accuracy a:
    least when everything is put into one class, whose F1 is then 2a / (1 + a) and the other's 0. The squared error of a score is at most
    its logarithmic loss, since d² <= -ln(1 - d).
    """
    return list(_found({name: float(value) for name, value in claims.items()}, classes, tolerance))


def _found(claims: Mapping[str, float], classes: int, tolerance: float) -> Iterator[str]:
    for name in SHARES:
        if name in claims and not -tolerance <= claims[name] <= 1 + tolerance:  # NaN, too
            yield f"{name} is {claims[name]:g}, which is no share"
    if "log_loss" in claims and not 0 <= claims["log_loss"] < math.inf:
        yield f"log_loss is {claims['log_loss']:g}, which no loss is"
    if {"precision", "recall", "f1"} <= claims.keys() and classes == 2:
        p, r = claims["precision"], claims["recall"]
        least, most = (f1_of(max(p + step, 0.0), max(r + step, 0.0)) for step in (-tolerance, tolerance))
        if not least - tolerance <= claims["f1"] <= most + tolerance:
            yield f"precision {p:g} and recall {r:g} give an f1 of {f1_of(p, r):.3f}, not {claims['f1']:g}"
    if {"accuracy", "macro_f1"} <= claims.keys() and classes == 2:
        a = max(claims["accuracy"] - tolerance, 0.0)
        if claims["macro_f1"] + tolerance < a / (1 + a):
            least = claims["accuracy"] / (1 + claims["accuracy"])
            yield f"an accuracy of {claims['accuracy']:g} goes with a macro_f1 of {least:.3f} or more, not {claims['macro_f1']:g}"
    if {"brier", "log_loss"} <= claims.keys() and claims["brier"] > claims["log_loss"] + 2 * tolerance and classes == 2:
        yield f"a brier of {claims['brier']:g} is more than the log_loss of {claims['log_loss']:g}"


def f1_of(p: float, r: float) -> float:
    """The F1 of a precision and a recall: their harmonic mean, 0 when both are."""
    return 2 * p * r / (p + r) if p + r > 0 else 0.0
