"""Train, explain, write the package, record the run: `python train.py [--seed 2013]`.

LightGBM on the scaled features of January to August, judged on October and November; how many trees, and how large, was chosen on
September (docs/model_card.md). What it writes into `models/`:

    model.txt                    the trees, as LightGBM writes them
    pipeline.json                the scaler, as numbers; gonogo seals it with the trees
    feature_schema.json          which features, in which order, and how far back they look
    model_metadata.json          version, date of the training, figures, number of features
    explainability_report.json   what each feature contributes, by LightGBM's own exact SHAP values (`pred_contrib`)
    reference.parquet            LightGBM's own scores of the test table
    training_features.parquet    the scaled features of the test table, as this script computed them
    run.json, runs.jsonl         the record of this run, and of all runs

A retrain is another seed: which rows each tree sees and which features it may use are drawn anew. `gonogo certify` sets it by GONOGO_SEED.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import lightgbm
import numpy as np
from gonogo import record_run, write_pipeline
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

from features import AHEAD, CANDIDATES, FEATURES, LIMIT, LOOK_BACK, TARGET

SCHEMA_VERSION = "1.0"  # another list of features is 2.0
TREES = 120
PARAMS = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 40,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "feature_fraction": 0.6,
    "lambda_l2": 5.0,
}
QUIET = {"num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1}
EVERY, EXPLAINED = 10, 20  # every tenth row of the test table is explained, and so many of these are shown one by one

Rows = tuple[np.ndarray, np.ndarray]  # features float64 [rows, features], labels int8 [rows]


def read(path: Path) -> Rows:
    names = ", ".join((*FEATURES, TARGET))
    with duckdb.connect(config={"threads": 1}) as connection:
        columns = connection.execute(f"SELECT {names} FROM read_parquet('{path}')").fetchnumpy()
    plain = {name: np.ma.filled(np.ma.asarray(column), np.nan if name != TARGET else 0) for name, column in columns.items()}
    return np.column_stack([plain[name] for name in FEATURES]).astype(np.float64), plain[TARGET]


def fit(rows: Rows, seed: int, trees: int) -> tuple[StandardScaler, lightgbm.Booster]:
    """The scaler of the training rows and the trees on what it gives. A missing reading stays missing: the trees learn where to send it."""
    x, y = rows
    scaler = StandardScaler().fit(x)
    data = lightgbm.Dataset(scaler.transform(x), y, feature_name=list(FEATURES))
    return scaler, lightgbm.train({**PARAMS, **QUIET, "seed": seed}, data, trees)


def explanation(booster: lightgbm.Booster, entering: np.ndarray, times: list[str]) -> dict[str, object]:
    """Contributions in log odds: over many rows, the mean of their sizes; of single rows, each. With the base they add up to the score."""
    rows = np.arange(0, len(entering), EVERY)
    each = booster.predict(entering[rows], pred_contrib=True)
    contributions, base = each[:, :-1], float(each[0, -1])
    overall = dict(zip(FEATURES, np.abs(contributions).mean(axis=0).tolist(), strict=True))
    shown = np.unique(np.linspace(0, len(rows) - 1, EXPLAINED, dtype=int))
    return {
        "method": "LightGBM pred_contrib (TreeSHAP)",
        "unit": "log odds",
        "rows": len(rows),
        "base": base,
        "global": dict(sorted(overall.items(), key=lambda pair: -pair[1])),
        "local": [dict(zip(FEATURES, contributions[one].tolist(), strict=True)) for one in shown],
        "local_rows": [{"row": int(rows[one]), "hour": times[rows[one]], "log_odds": float(each[one].sum())} for one in shown],
    }


def main() -> None:
    arguments = parse()
    tables = {part: arguments.data / f"{part}.parquet" for part in ("train", "validation", "test")}
    train, validation, test = (read(path) for path in tables.values())
    started = datetime.now(UTC)
    scaler, booster = fit(train, arguments.seed, arguments.trees)

    metrics, scores, entering = {}, {}, {}
    for part, (x, low) in (("validation", validation), ("test", test)):
        entering[part] = scaler.transform(x)
        scores[part] = booster.predict(entering[part])
        metrics[f"{part}_accuracy"] = float(accuracy_score(low, scores[part] >= 0.5))
        metrics[f"{part}_roc_auc"] = float(roc_auc_score(low, scores[part]))

    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    booster.save_model(out / "model.txt")
    write_pipeline(
        out / "pipeline.json",
        features=dict.fromkeys(FEATURES, "float"),
        before=[(scaler, FEATURES)],
        inputs={"x": FEATURES},
    )
    write(out / "feature_schema.json", schema())
    write(out / "model_metadata.json", metadata(metrics, started))
    write(out / "explainability_report.json", explanation(booster, entering["test"], hours(tables["test"])))
    save(out / "reference.parquet", {"score": scores["test"]})
    save(out / "training_features.parquet", dict(zip(FEATURES, entering["test"].T, strict=True)))
    record_run(
        out / "run.json",
        params={"trees": arguments.trees, "limit_miles": LIMIT, "hours_ahead": AHEAD, **PARAMS},
        metrics=metrics,
        data={**tables, "model": out / "model.txt"},
        seed=arguments.seed,
        features=list(FEATURES),
        framework=f"lightgbm {lightgbm.__version__}",
        version=sources(),
        started=started,
    )
    said = {name: round(value, 4) for name, value in metrics.items()}
    print(json.dumps({"model": str(out / "model.txt"), "seed": arguments.seed, **said}))


def schema() -> dict[str, object]:
    features = [{"name": name, "type": "float", "meaning": CANDIDATES[name]} for name in FEATURES]
    return {"version": SCHEMA_VERSION, "look_back_hours": LOOK_BACK, "features": features}


def metadata(metrics: dict[str, float], started: datetime) -> dict[str, object]:
    return {
        "version": SCHEMA_VERSION,
        "training_date": started.isoformat(timespec="seconds"),
        "metrics": metrics,
        "feature_count": len(FEATURES),
        "framework": f"lightgbm {lightgbm.__version__}",
    }


def hours(table: Path) -> list[str]:
    with duckdb.connect(config={"threads": 1}) as connection:
        return [str(hour) for (hour,) in connection.execute(f"SELECT hour FROM read_parquet('{table}')").fetchall()]


def save(path: Path, columns: dict[str, np.ndarray]) -> None:
    """A table with these columns and `row`, the position in the test table from 0."""
    arrays = {"row": np.arange(len(next(iter(columns.values())))), **columns}
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("arrays", arrays)
        connection.execute(f"COPY (SELECT * FROM arrays) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")


def write(path: Path, document: dict[str, object]) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n")


def sources() -> str:
    """Which version of this code trained: the digest of the files that decide what the model becomes."""
    here = Path(__file__).resolve().parent
    content = b"".join((here / name).read_bytes() for name in ("features.py", "prepare.py", "train.py"))
    return f"sources-{hashlib.sha256(content).hexdigest()[:12]}"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train, explain, write the package, record the run.")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("GONOGO_SEED", "2013")))
    parser.add_argument("--trees", type=int, default=TREES)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder with the tables")
    parser.add_argument("--out", type=Path, default=Path("models"), help="folder for the model")
    return parser.parse_args()


if __name__ == "__main__":
    main()
