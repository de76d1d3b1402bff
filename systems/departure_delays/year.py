"""What the year does to a model that stays as it is: `python year.py [--today 2013-05-01]`.

Makes the tables as of a day in spring (in `later/`, nothing of the released model is touched), trains there once, and then goes month by
month through the rest of the year, each month's labels known when the flights have landed:

    late      share of flights that were late        said      mean score of the frozen model
    ROC-AUC   of the frozen model                    ECE       of the frozen model
    ECE (2)   the same network, its calibrator fitted anew on the month before
    PSI       of the feature that has moved most against the training rows, and of the score against the month of the test

The levels are those of the checklist's alarms: an ECE of 0.05 is a warning and 0.10 critical, a PSI of 0.15 and 0.25.
"""

from __future__ import annotations

import argparse
import json
from datetime import date
from pathlib import Path

import duckdb
import numpy as np

import calibration
import prepare
from features import NAMES
from preparation import Preparation, read

FOLDER = Path("later")


def main() -> None:
    parser = argparse.ArgumentParser(description="Watch a frozen model through the year.")
    parser.add_argument("--today", type=date.fromisoformat, default=date(2013, 5, 1), help="the day on which it was trained")
    parser.add_argument("--small", action="store_true", help="every fourth flight")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder for tables, model and year.json")
    arguments = parser.parse_args()
    with duckdb.connect(config={"threads": 1}) as connection:
        prepare.load(connection, prepare.package_data())
        prepare.write(connection, arguments.out, arguments.today, 30, arguments.small)
    rows = watched(arguments.out, "small" if arguments.small else "full")
    (arguments.out / "year.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print("| month | flights | late | said | ROC-AUC | ECE | ECE (2) | PSI: most moved feature | PSI: score |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['month']} | {row['flights']:,} | {row['late']:.1%} | {row['said']:.1%} | {row['roc_auc']:.3f} | {row['ece']:.3f} "
            f"| {row['ece_recalibrated']:.3f} | {row['moved']} {row['psi']:.2f} | {row['psi_score']:.2f} |"
        )


def watched(folder: Path, setting: str) -> list[dict[str, float | int | str]]:
    """One line for each month after the training."""
    import network
    from train import PARTS, SEED

    tables = {part: read(folder / f"{part}.parquet") for part in PARTS}
    preparation = Preparation.fit(tables["train"][0])
    batches = {part: preparation.batch(columns) for part, (columns, _) in tables.items()}
    network.steady(SEED)
    sizes = tuple(len(values) for values in preparation.places)
    held = (batches["validation"], tables["validation"][1])
    network.export(network.fit((batches["train"], tables["train"][1]), held, sizes, network.SETTINGS[setting]), folder / "saved_model")

    def logits(columns: dict[str, np.ndarray]) -> np.ndarray:
        return network.logits(folder / "saved_model", preparation.batch(columns))

    calibrator = calibration.fit("isotonic", logits(tables["validation"][0]), tables["validation"][1])
    before = logits(tables["test"][0]), tables["test"][1]
    reference = calibration.scores(calibrator, before[0])
    found = []
    for month, columns, y in months(folder / "live.parquet"):
        values = logits(columns)
        p = calibration.scores(calibrator, values)
        anew = calibration.scores(calibration.fit("isotonic", *before), values)
        moved = {name: calibration.psi(tables["train"][0][name], columns[name]) for name in NAMES}
        worst = max(moved, key=lambda name: moved[name])
        found.append({
            "month": month, "flights": len(y), "late": float(y.mean()), "said": float(p.mean()), **calibration.figures(y, p),
            "ece_recalibrated": calibration.ece(y, anew), "moved": worst, "psi": moved[worst], "psi_score": calibration.psi(reference, p),
        })  # fmt: skip
        before = values, y
    return found


def months(path: Path) -> list[tuple[str, dict[str, np.ndarray], np.ndarray]]:
    """The live flights by month of departure."""
    columns, y = read(path)
    with duckdb.connect(config={"threads": 1}) as connection:
        of = connection.execute("SELECT strftime(scheduled, '%Y-%m') AS of FROM read_parquet(?)", [str(path)]).fetchnumpy()["of"]
    of = np.asarray(of, dtype=object)
    return [(month, {name: values[of == month] for name, values in columns.items()}, y[of == month]) for month in sorted(set(of))]


if __name__ == "__main__":
    main()
