"""Would a simpler model do as well?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from gonogo.base.table import Column, Table
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.checks.quality import MACRO_RESAMPLES
from gonogo.evidence.inputs import BundleView, Numbers, ProjectView, Scores
from gonogo.evidence.record import Fact, Measurement
from gonogo.evidence.rows import missing
from gonogo.model.rows import class_indices
from gonogo.model.schema import Feature
from gonogo.model.summaries import summary_columns
from gonogo.stats.classification import macro_roc_auc, overall_roc_auc, roc_auc_gain
from gonogo.stats.intervals import bootstrap, paired_gain
from gonogo.stats.simple_models import logistic, majority, one_rule

SIMPLE = {"majority": majority, "one rule": one_rule, "logistic regression": logistic}
MOST_VALUES = 20  #: values of a text column that get a column of their own
MOST_ELEMENTS = 100  #: of a tensor that are given to the simple models
MOST_ROWS = 20_000  #: training rows that the simple models learn from, evenly spread


class BaselineComparison(Check):
    """How much better is the model than the best of three simple ones: the majority class, one feature, a logistic regression?

    The simple models learn the same features from the training table, here, in a moment; of a tensor the summaries of its channels, and its
    elements, or some of them where it has more than 100, evenly spread. The best of them on the test table is the one
    to beat, which favours the simple side. Gains are on the same rows, so their intervals are paired: DeLong for ROC-AUC (resampling for
    more than two classes), Agresti and Min for accuracy.
    """

    name = "baseline_comparison"
    facts: ClassVar = {
        "simple": "the best simple model",
        "simple_roc_auc": "its ROC-AUC on the test table",
        "model_roc_auc": "the model's",
        "gain": "the second minus the first, with interval",
        "simple_accuracy": "the best simple model's accuracy",
        "model_accuracy": "the model's",
        "accuracy_gain": "the second minus the first, with interval",
    }
    options: ClassVar = {"level": 0.95}

    def measure(self, project: ProjectView, bundle: BundleView, train: Table, test: Table, scores_test: Scores) -> Measurement:
        usable, level = scores_test.usable(), float(self.chosen["level"])
        if not 0.5 <= level < 1 or test.rows != len(usable.y) or train.rows < 2:
            raise DataError("a comparison needs training rows, a score for every test row, and a level of confidence like 0.95.")
        taken = train.take(np.unique(np.linspace(0, train.rows - 1, num=min(train.rows, MOST_ROWS), dtype=np.int64)))
        y = class_indices(bundle.schema, taken.column(project.data.target))
        columns = [pair for feature in bundle.schema.features for pair in _of_feature(feature, taken, test)]
        x, unseen = (np.column_stack([pair[side] for pair in columns]) for side in (0, 1))
        k = len(usable.classes)
        rivals = {name: fit(x, y, k)(unseen) for name, fit in SIMPLE.items()}
        areas = {name: overall_roc_auc(usable.y, scores) for name, scores in rivals.items()}
        best = max(areas, key=lambda name: areas[name])
        theirs = Scores(usable.y, rivals[best], usable.classes, "", 0.5)
        mine_right, their_right = usable.predicted == usable.y, theirs.predicted == usable.y
        gain = paired_gain(int((mine_right & ~their_right).sum()), int((their_right & ~mine_right).sum()), len(usable.y), level)
        area = area_gain(usable, rivals[best], level)
        mine = overall_roc_auc(usable.y, usable.scores)
        bars = [("the model", mine), *sorted(areas.items(), key=lambda pair: -pair[1])]
        return Measurement(
            {
                "simple": Fact(best),
                "simple_roc_auc": Fact(areas[best], n=len(usable.y)),
                "model_roc_auc": Fact(mine, n=len(usable.y)),
                "gain": Fact(area[0], n=len(usable.y), low=area[1], high=area[2], level=level),
                "simple_accuracy": Fact(float(their_right.mean()), n=len(usable.y)),
                "model_accuracy": Fact(float(mine_right.mean()), n=len(usable.y)),
                "accuracy_gain": Fact(gain[0], n=len(usable.y), low=gain[1], high=gain[2], level=level),
            },
            (f"{best} does as well or better",) if area[0] <= 0 else (),
            pictures={
                "comparison": {"kind": "bars", "title": "ROC-AUC", "items": [{"name": name, "value": value} for name, value in bars]}
            },
            isolation=usable.isolation,
        )


def area_gain(usable: Scores, other: Numbers, level: float) -> tuple[float, float, float]:
    """(ROC-AUC of the scores minus that of other ones of the same rows, low, high)."""
    if len(usable.classes) == 2:
        return roc_auc_gain(usable.y, usable.scores[:, 1], other[:, 1], level)

    def difference(y: Numbers, mine: Numbers, theirs: Numbers) -> float:
        return macro_roc_auc(y, mine) - macro_roc_auc(y, theirs)

    gain = difference(usable.y, usable.scores, other)
    low, high = bootstrap(difference, [usable.y, usable.scores, other], level=level, resamples=MACRO_RESAMPLES)
    return gain, min(gain, low), max(gain, high)


def _of_feature(feature: Feature, train: Table, test: Table) -> list[tuple[Numbers, Numbers]]:
    """The columns of one feature for both tables."""
    seen, new = train.column(feature.name), test.column(feature.name)
    if feature.tensor is None:
        return [_columns(seen, new)]
    summed, summed_new = summary_columns(feature, seen), summary_columns(feature, new)
    step = 1 + (seen.shape[1] - 1) // MOST_ELEMENTS
    pairs = [(summed[name], summed_new[name]) for name in summed] + [(seen[:, at], new[:, at]) for at in range(0, seen.shape[1], step)]
    return [_columns(np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)) for one, other in pairs]


def _columns(train: Column, test: Column) -> tuple[Numbers, Numbers]:
    """One feature as columns without holes, for both tables: what is filled in and which values there are is learnt from training."""
    if "O" in (train.dtype.kind, test.dtype.kind):
        present = train[~missing(train)].astype(str)
        values, counts = np.unique(present, return_counts=True)
        known = values[np.argsort(-counts, kind="stable")][:MOST_VALUES]
        if not len(known):
            return np.zeros((len(train), 1)), np.zeros((len(test), 1))
        return _one_hot(train, known), _one_hot(test, known)
    absent = missing(train)
    middle = float(np.median(train[~absent])) if not absent.all() else 0.0
    sides = [np.column_stack([np.where(missing(side), middle, side), missing(side)]).astype(np.float64) for side in (train, test)]
    return sides[0], sides[1]


def _one_hot(column: Column, known: Numbers) -> Numbers:
    texts = np.where(missing(column), "", column).astype(str)
    return np.asarray(texts[:, None] == known[None, :], dtype=np.float64)
