"""Does the exported model say what the trained model said?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from gonogo.base.table import Table
from gonogo.errors import DataError
from gonogo.evidence.check import Check
from gonogo.evidence.inputs import Numbers, Scores
from gonogo.evidence.record import Fact, Measurement


class Parity(Check):
    """Does the exported model give the scores that the training framework gave for the same rows?

    The reference table has a column `row` (position in the test table, from 0) and, for a binary task, `score` (of the last class); for
    more classes one column `score_<class>` each. Labels are compared where the reference lies further than `margin` from the threshold
    (or the second class), because exports round, and a label that hangs on the last digit says nothing.
    """

    name = "parity"
    facts: ClassVar = {
        "rows": "rows compared",
        "covered_share": "share of the test rows that the reference has",
        "max_abs_diff": "largest difference of a score",
        "p99_abs_diff": "99 % of the rows differ by no more",
        "label_flips": "rows outside the margin that get another label",
    }
    options: ClassVar = {"margin": 1e-4}

    def measure(self, reference: Table, scores_test: Scores) -> Measurement:
        rows = _positions(reference, len(scores_test.scores))
        said = _reference_scores(reference, scores_test.classes)
        ours = scores_test.scores[rows]
        if not np.isfinite(said).all() or not np.isfinite(ours).all():
            raise DataError("a score is NaN or infinite in the reference or in the model's answer, so they cannot be compared.")
        differences = np.abs(said - ours).max(axis=1)
        binary = len(scores_test.classes) == 2
        theirs = Scores(scores_test.y[rows], said, scores_test.classes, "", scores_test.threshold)
        mine = Scores(scores_test.y[rows], ours, scores_test.classes, "", scores_test.threshold)
        ordered = np.sort(said, axis=1)
        distance = np.abs(said[:, 1] - scores_test.threshold) if binary else ordered[:, -1] - ordered[:, -2]
        flips = (theirs.predicted != mine.predicted) & (distance > float(self.chosen["margin"]))
        worst = int(differences.argmax())
        return Measurement(
            {
                "rows": Fact(len(rows)),
                "covered_share": Fact(len(rows) / len(scores_test.scores)),
                "max_abs_diff": Fact(float(differences.max()), n=len(rows)),
                "p99_abs_diff": Fact(float(np.quantile(differences, 0.99, method="higher")), n=len(rows)),
                "label_flips": Fact(int(flips.sum()), n=len(rows)),
            },
            (f"the largest difference, {differences[worst]:.3g}, is in test row {rows[worst]}",),
            isolation=scores_test.isolation,
        )


def _positions(reference: Table, test_rows: int) -> Numbers:
    rows = reference.numeric("row")
    whole = np.isfinite(rows) & (rows == np.floor(rows)) & (rows >= 0) & (rows < test_rows)
    if reference.rows == 0 or not whole.all() or len(np.unique(rows)) != len(rows):
        raise DataError(
            f"the column 'row' of the reference must hold different positions between 0 and {test_rows - 1}.",
            hint="Write the reference for the test table that gonogo.yaml declares.",
        )
    return rows.astype(np.int64)


def _reference_scores(reference: Table, classes: tuple[str, ...]) -> Numbers:
    if len(classes) == 2 and "score" in reference.columns:
        positive = reference.numeric("score")
        return np.stack([1.0 - positive, positive], axis=1)
    return np.stack([reference.numeric(f"score_{name}") for name in classes], axis=1)
