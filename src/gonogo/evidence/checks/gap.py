"""Is the model as good on test rows as on the rows it was selected on?"""

from __future__ import annotations

import math
from typing import ClassVar

from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.checks.quality import roc_auc_fact, share_fact
from gonogo.evidence.inputs import Scores
from gonogo.evidence.record import Fact, Measurement


class Gap(Check):
    """How much worse is the model on the test table than on the validation table?

    A gap is validation minus test: positive when the test is worse. Its interval is put together from those of the two tables, which
    share no rows (MOVER, Zou & Donner 2008).
    """

    name = "gap"
    facts: ClassVar = {
        "validation_roc_auc": "ROC-AUC on the validation table, with interval",
        "test_roc_auc": "ROC-AUC on the test table, with interval",
        "gap": "the first minus the second, with interval",
        "absolute_gap": "that without its sign: a test that is much better is as odd as one that is much worse",
        "validation_accuracy": "accuracy on the validation table, with interval",
        "test_accuracy": "accuracy on the test table, with interval",
        "accuracy_gap": "the first minus the second, with interval",
        "absolute_accuracy_gap": "that without its sign",
    }
    options: ClassVar = {"level": 0.95}

    def measure(self, scores_validation: Scores, scores_test: Scores) -> Measurement:
        level = float(self.chosen["level"])
        if not 0.5 <= level < 1:
            raise DataError(f"{level} is no level of confidence.", hint="Write 0.95, for example.")
        validation, test = scores_validation.usable(), scores_test.usable()
        areas = [roc_auc_fact(s.y, s.scores, level) for s in (validation, test)]
        shares = [share_fact(int((s.predicted == s.y).sum()), len(s.y), level) for s in (validation, test)]
        gap, accuracy_gap = _difference(*areas), _difference(*shares)
        return Measurement(
            {
                "validation_roc_auc": areas[0],
                "test_roc_auc": areas[1],
                "gap": gap,
                "absolute_gap": _absolute(gap),
                "validation_accuracy": shares[0],
                "test_accuracy": shares[1],
                "accuracy_gap": accuracy_gap,
                "absolute_accuracy_gap": _absolute(accuracy_gap),
            },
            isolation=test.isolation,
        )


def _difference(one: Fact, other: Fact) -> Fact:
    assert one.low is not None
    assert one.high is not None
    assert other.low is not None
    assert other.high is not None
    a, b = float(one.value), float(other.value)
    low = a - b - math.hypot(a - one.low, other.high - b)
    high = a - b + math.hypot(one.high - a, b - other.low)
    return Fact(a - b, n=min(one.n or 0, other.n or 0), low=low, high=high, level=one.level)


def _absolute(gap: Fact) -> Fact:
    assert gap.low is not None
    assert gap.high is not None
    low = 0.0 if gap.low <= 0 <= gap.high else min(abs(gap.low), abs(gap.high))
    return Fact(abs(float(gap.value)), n=gap.n, low=low, high=max(abs(gap.low), abs(gap.high)), level=gap.level)
