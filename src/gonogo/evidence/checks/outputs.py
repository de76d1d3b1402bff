"""Are the model's outputs probabilities at all?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import Scores
from gonogo.evidence.record import Fact, Measurement

NAMED = 3  #: rows of each kind


class Outputs(Check):
    """Is every score on the test table a finite probability, and does the model tell rows apart?"""

    name = "outputs"
    facts: ClassVar = {
        "n": "rows",
        "columns": "scores of a row, one for each class",
        "nan": "rows with a score that is NaN or infinite",
        "out_of_range": "rows with a finite score below 0 or above 1",
        "not_normalised": "rows whose scores do not add up to 1",
        "distinct": "different rows of finite scores",
        "constant": "whether there is at most one",
    }
    options: ClassVar = {"tolerance": 1e-4}

    def measure(self, scores_test: Scores) -> Measurement:
        scores = scores_test.scores
        if scores.ndim != 2 or len(scores) == 0 or scores.shape[1] != len(scores_test.classes):
            raise DataError(f"the scores have shape {scores.shape}; nothing can be said about them.")
        tolerance = float(self.chosen["tolerance"])
        finite = np.isfinite(scores).all(axis=1)
        good = scores[finite]
        # A probability computed in float32 may be 1.0000001 without anything being wrong.
        beyond = ((scores < -tolerance) | (scores > 1 + tolerance)).any(axis=1) & finite
        outside = int(beyond.sum())
        unequal = int((np.abs(good.sum(axis=1) - 1) > tolerance * len(scores_test.classes)).sum())
        distinct = len(np.unique(good, axis=0))
        facts = {
            "n": Fact(len(scores)),
            "columns": Fact(scores.shape[1]),
            "nan": Fact(int((~finite).sum())),
            "out_of_range": Fact(outside),
            "not_normalised": Fact(unequal),
            "distinct": Fact(distinct),
            "constant": Fact(distinct <= 1),
        }
        shown = np.histogram(np.clip(good[:, -1], 0, 1), bins=20, range=(0.0, 1.0))
        picture = {
            "kind": "histogram",
            "title": f"score of class {scores_test.classes[-1]}",
            "edges": [round(float(edge), 3) for edge in shown[1]],
            "series": {"test": [int(count) for count in shown[0]]},
        }
        findings = [f"test row {row} has a score that is not finite" for row in np.flatnonzero(~finite)[:NAMED]]
        for row in np.flatnonzero(beyond)[:NAMED]:
            findings.append(f"the scores of test row {row} go from {scores[row].min():.4g} to {scores[row].max():.4g}")
        if outside:
            findings.append("logits need a softmax or sigmoid at the end of the graph, or as a step `after` in `model.pipeline`")
        return Measurement(facts, tuple(findings), {"scores": picture}, scores_test.isolation)
