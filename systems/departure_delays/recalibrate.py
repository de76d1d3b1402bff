"""Fit the calibrator anew under the same network: `python recalibrate.py [--calibrator isotonic|platt|none]`.

The network in `models/saved_model` and its preparation stay what they are, byte for byte; the calibrator is fitted on the validation table
as it is now. So a release with it is a patch: 1.0.1 after 1.0.0. This is the first thing to do when the calibration alarm rings; when the
ranking is worse as well, train anew.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

import calibration
from comparison import compared
from preparation import Preparation, read
from train import PARTS, finish, record, rounded, tables_json


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit the calibrator anew under the same network.")
    parser.add_argument("--calibrator", choices=calibration.METHODS, default="isotonic")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder with the tables")
    parser.add_argument("--out", type=Path, default=Path("models"), help="folder with the model")
    arguments = parser.parse_args()
    started = datetime.now(UTC)
    about = json.loads(tables_json(arguments.data))
    if not (arguments.out / "saved_model").is_dir():
        raise SystemExit(f"{arguments.out / 'saved_model'} is not there: run `python train.py` first")
    import network

    preparation = Preparation.from_steps(json.loads((arguments.out / "pipeline.json").read_text())["before"])
    before = json.loads((arguments.out / "run.json").read_text())["params"]
    tables = {part: read(arguments.data / f"{part}.parquet") for part in PARTS}
    said = {part: network.logits(arguments.out / "saved_model", preparation.batch(tables[part][0])) for part in ("validation", "test")}
    metrics = finish(arguments.out, arguments.calibrator, preparation, tables, said, about)
    (arguments.out / "comparison.md").write_text(compared(tables, preparation, metrics), encoding="utf-8")
    record(arguments, {**before, "calibrator": arguments.calibrator, "recalibrated": True}, metrics, started)
    print(json.dumps(rounded(metrics)))


if __name__ == "__main__":
    main()
