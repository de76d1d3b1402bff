"""Does the exported model say what the trained model said?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from gonogo.base.table import Table
from gonogo.errors import DataError, ModelError
from gonogo.evidence.check import Check
from gonogo.evidence.checks.numeric_inputs import Batch, changed_batches, hard_rows_base
from gonogo.evidence.inputs import BundleView, Numbers, SandboxPort, Scores
from gonogo.evidence.record import Fact, Measurement
from gonogo.stats.classification import overall_roc_auc

HARD_ROWS = 8  #: rows that are changed in every way and scored alone
TOLERANCE = 1e-6  #: batch sizes change the order of additions

COMPARED = {
    "rows": "rows compared",
    "max_abs_diff": "largest difference of a score",
    "p99_abs_diff": "99 % of the rows differ by no more",
    "p50_abs_diff": "half of the rows differ by no more",
    "mean_abs_diff": "mean over the rows of the largest difference of a score",
    "label_flips": "rows that get another label",
    "label_flips_outside_margin": "those of them that do not lie within `margin` of the border between two labels",
    "accuracy_delta": "difference of the two accuracies on these rows, without sign",
    "metric_delta": "difference of the two ROC-AUCs, without sign; not there when the rows lack a class",
}


class Parity(Check):
    """Does the exported model give the scores that the training framework gave for the same rows?

    The reference table has a column `row` (position in the test table, from 0) and, for a binary task, `score` (of the last class); for
    more classes one column `score_<class>` each. Exports round, so equality to the last bit is no sensible demand, and a label that hangs
    on the last digit says nothing: flips are counted apart where the reference lies further than `margin` from the threshold (or from the
    second class). Some rows, as they are and with extreme and missing values, are scored alone and together: both must agree.
    """

    name = "parity"
    facts: ClassVar = {
        **COMPARED,
        "covered_share": "share of the test rows that the reference has",
        "batch_rows": "rows that were scored alone and together",
        "batch_differences": "rows whose scores differ between the two",
    }
    options: ClassVar = {"margin": 1e-4}

    def measure(self, reference: Table, scores_test: Scores, bundle: BundleView, test: Table, sandbox: SandboxPort) -> Measurement:
        rows = positions(reference, len(scores_test.scores))
        said = _reference_scores(reference, scores_test.classes)
        facts, worst = compare(scores_test, rows, said, scores_test.scores[rows], float(self.chosen["margin"]))
        alone, differing = _batches(bundle, test, sandbox)
        return Measurement(
            {
                **facts,
                "covered_share": Fact(len(rows) / len(scores_test.scores)),
                "batch_rows": Fact(alone),
                "batch_differences": Fact(differing),
            },
            (worst, *([f"{differing} of {alone} rows get other scores alone than beside others"] if differing else [])),
            isolation=scores_test.isolation,
        )


def compare(scores: Scores, rows: Numbers, said: Numbers, ours: Numbers, margin: float) -> tuple[dict[str, Fact], str]:
    """The facts `COMPARED` of two answers float64 [n, classes] to the given rows of the test table, and where they differ most.

    Raises DataError when a score is not finite: nothing can be compared with it.
    """
    if not np.isfinite(said).all() or not np.isfinite(ours).all():
        raise DataError("a score is NaN or infinite in the reference or in the model's answer, so they cannot be compared.")
    n, y, binary = len(rows), scores.y[rows], len(scores.classes) == 2
    differences = np.abs(said - ours).max(axis=1)
    theirs = Scores(y, said, scores.classes, "", scores.threshold).predicted
    mine = Scores(y, ours, scores.classes, "", scores.threshold).predicted
    ordered = np.sort(said, axis=1)
    distance = np.abs(said[:, 1] - scores.threshold) if binary else ordered[:, -1] - ordered[:, -2]
    flips = theirs != mine
    facts = {
        "rows": Fact(n),
        "max_abs_diff": Fact(float(differences.max()), n=n),
        "p99_abs_diff": Fact(float(np.quantile(differences, 0.99, method="higher")), n=n),
        "p50_abs_diff": Fact(float(np.quantile(differences, 0.5, method="inverted_cdf")), n=n),
        "mean_abs_diff": Fact(float(differences.mean()), n=n),
        "label_flips": Fact(int(flips.sum()), n=n),
        "label_flips_outside_margin": Fact(int((flips & (distance > margin)).sum()), n=n),
        "accuracy_delta": Fact(abs(float((theirs == y).mean() - (mine == y).mean())), n=n),
    }
    if len(np.unique(y)) == len(scores.classes):
        facts["metric_delta"] = Fact(abs(overall_roc_auc(y, said) - overall_roc_auc(y, ours)), n=n)
    worst = int(differences.argmax())
    return facts, f"the largest difference, {differences[worst]:.3g}, is in test row {rows[worst]}"


def _batches(bundle: BundleView, test: Table, sandbox: SandboxPort) -> tuple[int, int]:
    """How many rows were scored alone and together, and how many differ. No score is the same as no score here.

    A model that refuses odd numbers altogether is asked about the rows as they are.
    """
    base = hard_rows_base(bundle.schema, test, HARD_ROWS)
    parts: list[Batch] = [base, *(changed for _, _, changed in changed_batches(bundle.schema, base))]
    batch: Batch = {name: np.concatenate([part[name] for part in parts]) for name in base}
    try:
        together, _ = sandbox.scores(bundle.schema, bundle.model, batch)
    except ModelError:
        batch = base
        together, _ = sandbox.scores(bundle.schema, bundle.model, batch)
    alone, _ = sandbox.scores(bundle.schema, bundle.model, batch, chunk=1)
    same = np.asarray(np.isclose(together, alone, rtol=0.0, atol=TOLERANCE, equal_nan=True).all(axis=1))
    return len(same), int((~same).sum())


def positions(reference: Table, test_rows: int) -> Numbers:
    """The column `row` of a table about rows of the test table: positions in it, int64. Raises DataError for any other content."""
    rows = reference.numeric("row")
    whole = np.isfinite(rows) & (rows == np.floor(rows)) & (rows >= 0) & (rows < test_rows)
    if reference.rows == 0 or not whole.all() or len(np.unique(rows)) != len(rows):
        raise DataError(
            f"the column 'row' must hold different positions between 0 and {test_rows - 1}.",
            hint="Write the table for the test table that gonogo.yaml declares.",
        )
    return rows.astype(np.int64)


def _reference_scores(reference: Table, classes: tuple[str, ...]) -> Numbers:
    if len(classes) == 2 and "score" in reference.columns:
        positive = reference.numeric("score")
        return np.stack([1.0 - positive, positive], axis=1)
    return np.stack([reference.numeric(f"score_{name}") for name in classes], axis=1)
