"""Train the forest: `python train.py [--late 45] [--trees 40] [--out models]`.

Plain scikit-learn. The pipeline (imputer, one-hot, forest) is exported as one ONNX file, with its features' names inside; next to it go
`run.json` (what was trained how, on which bytes) and `reference.parquet` (scikit-learn's own scores of the test table, so that anybody
can check that the exported file computes the same).

The recipes that were released:

    1.0.0   python train.py
    1.1.0   python train.py --trees 60 --depth 12
    1.2.0   python train.py --trees 60 --depth 12 --season-correction

Everything is seeded and runs on one core; numbers are float32 from the start, because the exported trees compare in float32.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from pathlib import Path

import duckdb
import numpy as np
import onnx
import pandas as pd
import sklearn
from gonogo import record_run
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from features import FEATURES, NUMBERS, TARGET, WORDS
from season_correction import append_to_graph, correct, rename_outputs, shifts

SEED = int(os.environ.get("GONOGO_SEED", "2013"))  # a certification trains with others
OPSETS = {"": 17, "ai.onnx.ml": 3}
# Chosen by the ROC-AUC on the validation month; see docs/model_card.md.
TUNED = {"max_samples": 0.3, "min_samples_leaf": 20, "max_features": 0.4}


def read(path: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """The features as float32 and text, and the labels 0 or 1."""
    if not path.is_file():
        raise SystemExit(f"{path} is not there: run `python prepare.py` first")
    with duckdb.connect(config={"threads": 1}) as connection:
        columns = connection.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchnumpy()
    numbers = {name: np.ma.filled(columns[name].astype(np.float32), np.nan) for name in NUMBERS}
    words = {name: np.asarray(columns[name], dtype=object) for name in WORDS}
    return pd.DataFrame(numbers | words), np.asarray(columns[TARGET], dtype=np.int64)


def pipeline(trees: int, depth: int) -> Pipeline:
    prepare = ColumnTransformer([
        ("numbers", SimpleImputer(strategy="median"), list(range(len(NUMBERS)))),
        ("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32), list(range(len(NUMBERS), len(FEATURES)))),
    ])  # fmt: skip
    forest = RandomForestClassifier(n_estimators=trees, max_depth=depth, random_state=SEED, n_jobs=1, **TUNED)
    return Pipeline([("prepare", prepare), ("forest", forest)])


def export(fitted: Pipeline) -> onnx.ModelProto:
    """One graph with two inputs, `numbers` [rows, 12] float32 and `words` [rows, 3] text; outputs `label` and `probabilities`."""
    inputs = [("numbers", FloatTensorType([None, len(NUMBERS)])), ("words", StringTensorType([None, len(WORDS)]))]
    model = to_onnx(fitted, initial_types=inputs, options={"zipmap": False}, target_opset=OPSETS, name="late_arrivals")
    names = json.dumps({"numbers": NUMBERS, "words": WORDS})
    # A float32 sum of sixty shares can end at 1.0000004, which is no probability.
    rename_outputs(model.graph, {"probabilities": "summed_probabilities"})
    bounds = {"zero": np.array(0, np.float32), "whole": np.array(1, np.float32)}
    model.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in bounds.items())
    model.graph.node.append(onnx.helper.make_node("Clip", ["summed_probabilities", *bounds], ["probabilities"]))
    model.metadata_props.append(onnx.StringStringEntryProto(key="feature_names", value=names))
    return model


def write_reference(path: Path, scores: np.ndarray) -> None:
    """scikit-learn's probability of being late for every row of the test table, by row number from 0."""
    frame = pd.DataFrame({"row": np.arange(len(scores)), "score": scores})  # noqa: F841 - DuckDB reads it by its name
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("CREATE TABLE reference AS SELECT * FROM frame")
        connection.execute(f"COPY reference TO '{path}' (FORMAT parquet, COMPRESSION zstd)")


def main() -> None:
    arguments = parse()
    folder = arguments.data or home(arguments.late) / "data"
    out = arguments.out or home(arguments.late) / "models"
    tables = {part: folder / f"{part}.parquet" for part in ("train", "validation", "test")}
    (x, y), *later = [read(path) for path in tables.values()]
    declared = json.loads((folder / "tables.json").read_text())["late_minutes"]
    if declared != arguments.late:
        raise SystemExit(f"the tables in {folder} say late means {declared} minutes, not {arguments.late}")

    fitted = pipeline(arguments.trees, arguments.depth).fit(x, y)
    shift = shifts(fitted.predict_proba(x)[:, 1], y, x["season"].to_numpy()) if arguments.season_correction else {}

    def scores(rows: pd.DataFrame) -> np.ndarray:
        forest = fitted.predict_proba(rows)[:, 1]
        return correct(forest, rows["season"], shift) if shift else forest

    metrics = {}
    for part, (rows, late) in zip(("validation", "test"), later, strict=True):
        said = scores(rows)
        metrics[f"{part}_roc_auc"] = round(float(roc_auc_score(late, said)), 6)
        metrics[f"{part}_log_loss"] = round(float(log_loss(late, said)), 6)

    out.mkdir(parents=True, exist_ok=True)
    model = export(fitted)
    if shift:
        model = append_to_graph(model, shift)
    path = out / "forest.onnx"
    path.write_bytes(model.SerializeToString(deterministic=True))
    write_reference(out / "reference.parquet", scores(later[1][0]))
    record_run(
        out / "run.json",
        params={"late_minutes": arguments.late, "trees": arguments.trees, "depth": arguments.depth, **TUNED}
        | {"season_correction": arguments.season_correction},
        metrics=metrics,
        data={**tables, "model": path},
        seed=SEED,
        features=list(FEATURES),
        framework=f"scikit-learn {sklearn.__version__}",
        version=sources(),
    )
    print(json.dumps({"model": str(path), "bytes": path.stat().st_size, **metrics}))


def sources() -> str:
    """Which version of this code trained: the digest of the files that decide what the model becomes."""
    here = Path(__file__).resolve().parent
    content = b"".join((here / name).read_bytes() for name in ("features.py", "prepare.py", "season_correction.py", "train.py"))
    return f"sources-{hashlib.sha256(content).hexdigest()[:12]}"


def home(late: int) -> Path:
    """Where the tables and the model of a limit lie: here for the 45 minutes that are released, beside for any other."""
    return Path() if late == 45 else Path(f"late_{late}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train, export to ONNX and record the run.")
    parser.add_argument("--late", type=int, default=45, help="late means more than so many minutes; the tables must say the same")
    parser.add_argument("--trees", type=int, default=40)
    parser.add_argument("--depth", type=int, default=10)
    parser.add_argument("--season-correction", action="store_true", help="correct the score by travel season, in the model's graph")
    parser.add_argument("--data", type=Path, help="folder with the tables (default: data, or late_N/data when N is not 45)")
    parser.add_argument("--out", type=Path, help="folder for the model (default: models, or late_N/models)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
