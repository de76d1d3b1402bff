"""What the network replaces, measured on the same rows: the share of late flights of the month before, and a logistic regression."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder

import calibration
from preparation import Preparation

Tables = dict[str, tuple[dict[str, np.ndarray], np.ndarray]]
PAGE = """# The network beside what it replaces

All three say for each flight of the test table how probable it is that it comes more than 15 minutes late. The first says the same for
every flight: the share of late flights of the days before (the validation table). The second is a logistic regression on the same
features, one column for each carrier, airport, hour and weekday, calibrated by the same method on the same days. The third is what would
ship. Smaller is better for the Brier score and for the ECE.

| of the test table | network | baseline: share of the days before | baseline: logistic regression |
|---|---|---|---|
| ROC-AUC | {network[roc_auc]:.4f} | 0.5 | {line[roc_auc]:.4f} |
| PR-AUC | {network[pr_auc]:.4f} | {share[pr_auc]:.4f} | {line[pr_auc]:.4f} |
| Brier score | {network[brier]:.4f} | {share[brier]:.4f} | {line[brier]:.4f} |
| ECE | {network[ece]:.4f} | {share[ece]:.4f} | {line[ece]:.4f} |

The test table has {rows:,} flights, {late:.1%} of them late. The figures are written by the training and measured again by the gate.
"""


def compared(tables: Tables, preparation: Preparation, metrics: dict[str, float]) -> str:
    """The page, with the figures of all three."""
    truth, before = tables["test"][1], tables["validation"][1]
    share = calibration.figures(truth, np.full(len(truth), before.mean()))
    return PAGE.format(
        network={name.removeprefix("test_"): value for name, value in metrics.items()},
        share=share,
        line=calibration.figures(truth, logistic_regression(tables, preparation)),
        rows=len(truth),
        late=truth.mean(),
    )


def logistic_regression(tables: Tables, preparation: Preparation) -> np.ndarray:
    """Its calibrated scores of the test table."""
    batches = {part: preparation.batch(columns) for part, (columns, _) in tables.items()}
    encoder = OneHotEncoder(handle_unknown="ignore").fit(batches["train"]["codes"])
    x = {part: hstack([csr_matrix(batch["numbers"]), encoder.transform(batch["codes"])]).tocsr() for part, batch in batches.items()}
    line = LogisticRegression(max_iter=200, tol=1e-3).fit(x["train"], tables["train"][1])
    logits = {part: line.decision_function(x[part]) for part in ("validation", "test")}
    calibrator = calibration.fit("isotonic", logits["validation"], tables["validation"][1])
    return calibration.scores(calibrator, logits["test"])
