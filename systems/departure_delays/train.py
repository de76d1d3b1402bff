"""Train: `python train.py [--calibrator isotonic|platt|none] [--hidden 128 64]`.

Plain Keras and scikit-learn. Reads the tables of `data/`, whose setting (small or full) is the training's. Writes to `models/`:

    saved_model/                 the network as TensorFlow serves it (`model.export`)
    pipeline.json                what happens to a row before the network and to its answer after it, sealed with the model
    metadata.json                version, type, calibration, training date, figures of the held-out table
    reference.parquet            the scores of the test table, computed here
    training_features.parquet    what entered the network for the first 2,000 rows of the test table, computed here
    comparison.md                beside what it replaces: the share of the month before, and a logistic regression
    run.json, runs.jsonl         the record of this run, and the ledger of all runs

`--calibrator none` leaves the network's own scores; it is what the gate must refuse. Everything is seeded and runs on one core.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import gonogo
import numpy as np

import calibration
from comparison import compared
from features import FEATURES, NAMES
from preparation import Preparation, entering, read

SEED = 2013
VERSION = "1"
PARTS = ("train", "validation", "test")
SHOWN = 2000  #: rows of the test table whose entering features are written


def main() -> None:
    arguments = parse()
    started = datetime.now(UTC)
    about = json.loads(tables_json(arguments.data))
    import network

    setting = network.SETTINGS[about["setting"]]
    if arguments.hidden:
        setting = dataclasses.replace(setting, hidden=tuple(arguments.hidden))
    tables = {part: read(arguments.data / f"{part}.parquet") for part in PARTS}
    preparation = Preparation.fit(tables["train"][0])
    batches = {part: preparation.batch(columns) for part, (columns, _) in tables.items()}
    network.steady(SEED)
    sizes = tuple(len(values) for values in preparation.places)
    model = network.fit((batches["train"], tables["train"][1]), (batches["validation"], tables["validation"][1]), sizes, setting)
    arguments.out.mkdir(parents=True, exist_ok=True)
    network.export(model, arguments.out / "saved_model")
    said = {part: network.logits(arguments.out / "saved_model", batches[part]) for part in ("validation", "test")}
    metrics = finish(arguments.out, arguments.calibrator, preparation, tables, said, about)
    (arguments.out / "comparison.md").write_text(compared(tables, preparation, metrics), encoding="utf-8")
    params = {"calibrator": arguments.calibrator, "setting": about["setting"], **dataclasses.asdict(setting)}
    params["hidden"] = list(setting.hidden)
    params["weights"] = int(model.count_params())
    record(arguments, params, metrics, started)
    print(json.dumps({"model": str(arguments.out / "saved_model"), "weights": params["weights"], **rounded(metrics)}))


def finish(
    out: Path,
    method: str,
    preparation: Preparation,
    tables: dict[str, tuple[dict[str, np.ndarray], np.ndarray]],
    logits: dict[str, np.ndarray],
    about: dict[str, Any],
) -> dict[str, float]:
    """Fit the calibrator on the validation table, and write everything that hangs on it. Returns the figures of both held-out tables."""
    validation, test = tables["validation"][1], tables["test"][1]
    calibrator = calibration.fit(method, logits["validation"], validation)
    p = {part: calibration.scores(calibrator, values) for part, values in logits.items()}
    metrics = {f"test_{name}": value for name, value in calibration.figures(test, p["test"]).items()}
    metrics["validation_roc_auc"] = calibration.figures(validation, p["validation"])["roc_auc"]
    gonogo.write_pipeline(
        out / "pipeline.json",
        features={feature.name: feature.kind for feature in FEATURES},
        before=preparation.steps(),
        inputs=entering(),
        after=calibration.steps(calibrator),
    )
    metadata = {
        "version": VERSION,
        "model_type": "TabularANN",
        "calibration_method": method,
        "training_date": datetime.now(UTC).isoformat(timespec="seconds"),
        "training_data": "train.parquet",
        "late_minutes": about["late_minutes"],
        "metrics": metrics,
    }
    (out / "metadata.json").write_text(json.dumps(metadata, indent=2) + "\n", encoding="utf-8")
    write_table(out / "reference.parquet", {"row": np.arange(len(test)), "score": p["test"]})
    entered = preparation.batch({name: values[:SHOWN] for name, values in tables["test"][0].items()})
    names = entering()
    columns = {name: entered[part][:, place] for part in ("numbers", "codes") for place, name in enumerate(names[part])}
    write_table(out / "training_features.parquet", {"row": np.arange(len(entered["codes"])), **columns})
    return metrics


def record(arguments: argparse.Namespace, params: dict[str, Any], metrics: dict[str, float], started: datetime) -> None:
    import tensorflow as tf

    gonogo.record_run(
        arguments.out / "run.json",
        params=params,
        metrics=metrics,
        data={**{part: arguments.data / f"{part}.parquet" for part in PARTS}, "model": arguments.out / "saved_model"},
        seed=SEED,
        features=list(NAMES),
        framework=f"Keras with TensorFlow {tf.__version__}",
        version=sources(),
        started=started,
    )


def write_table(path: Path, columns: dict[str, np.ndarray]) -> None:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("CREATE TABLE made AS SELECT * FROM columns")
        connection.execute(f"COPY made TO '{path}' (FORMAT parquet, COMPRESSION zstd)")


def sources() -> str:
    """Which version of this code trained: the digest of the files that decide what the model becomes."""
    here = Path(__file__).resolve().parent
    names = ("calibration.py", "features.py", "network.py", "preparation.py", "prepare.py", "train.py", "configs/feature_list.csv")
    return f"sources-{hashlib.sha256(b''.join((here / name).read_bytes() for name in names)).hexdigest()[:12]}"


def tables_json(folder: Path) -> str:
    path = folder / "tables.json"
    if not path.is_file():
        raise SystemExit(f"{path} is not there: run `python prepare.py` first")
    return path.read_text(encoding="utf-8")


def rounded(metrics: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in metrics.items()}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train, export as SavedModel, calibrate and record the run.")
    parser.add_argument("--calibrator", choices=calibration.METHODS, default="isotonic")
    parser.add_argument("--hidden", type=int, nargs="+", help="widths of the dense layers (default: those of the setting)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder with the tables")
    parser.add_argument("--out", type=Path, default=Path("models"), help="folder for the model")
    return parser.parse_args()


if __name__ == "__main__":
    main()
