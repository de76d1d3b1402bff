"""Write the figures of the model in `models/` into README.md: `python figures.py`. What stands between the two marks is made here.

From the tables and from LightGBM's own scores of the test table. The gate measures the same on the bytes that ship and refuses a page
that says otherwise, so this runs after every training.
"""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import numpy as np
from sklearn.metrics import accuracy_score, precision_score, recall_score, roc_auc_score

from features import LIMIT, TARGET

BEGIN, END = "<!-- made by figures.py -->\n", "<!-- until here -->\n"


def figures(low: np.ndarray, visib: np.ndarray, score: np.ndarray, validation: dict[str, float]) -> str:
    """The table and what it is worth, as Markdown. `low` 0 or 1, `visib` miles now, `score` the probability: all [rows of the test]."""
    now, clear = visib < LIMIT, visib >= LIMIT
    pairs = [roc_auc_score(low[clear], one[clear]) for one in (score, -visib)]
    lines = (
        "",
        "| | Accuracy | Recall | Precision | ROC-AUC |",
        "|---|---|---|---|---|",
        f"| the model, test | {row(low, score >= 0.5, score)} |",
        f"| the model, validation | {validation['validation_accuracy']:.4f} | | | {validation['validation_roc_auc']:.3f} |",
        f"| baseline: it stays as it is now | {row(low, now, -visib)} |",
        f"| baseline: it never gets low | {1 - low.mean():.4f} | | | |",
        "",
        f"What that is worth: where the visibility is good now, it gets low after {low[clear].mean():.1%} of the hours. Of two such hours,",
        f"one before low visibility and one not, the model names the right one in {pairs[0]:.1%}, the visibility of now in {pairs[1]:.1%}.",
        "",
    )
    return "".join(f"{line}\n" for line in lines).replace("%", " %")


def row(low: np.ndarray, said: np.ndarray, score: np.ndarray) -> str:
    shares = f"{accuracy_score(low, said):.4f} | {recall_score(low, said):.3f} | {precision_score(low, said):.3f}"
    return f"{shares} | {roc_auc_score(low, score):.3f}"


def main() -> None:
    with duckdb.connect(config={"threads": 1}) as connection:
        test = connection.execute(f"SELECT {TARGET}, visib FROM read_parquet('data/test.parquet')").fetchnumpy()
        score = connection.execute("SELECT score FROM read_parquet('models/reference.parquet') ORDER BY row").fetchnumpy()["score"]
    validation = json.loads(Path("models/model_metadata.json").read_text())["metrics"]
    page = Path("README.md")
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise SystemExit("README.md lacks the two marks that figures.py writes between")
    page.write_text(before + BEGIN + figures(test[TARGET], test["visib"], score, validation) + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
