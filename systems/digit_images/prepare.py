"""Make the tables: `python prepare.py [--forms 8]`.

Reads the 1,797 handwritten digits inside the installed package scikit-learn (BSD; the test part of UCI's "Optical Recognition of
Handwritten Digits", CC BY 4.0). The package is not imported: its file is found and read.

An image is [1, 8, 8]: one channel, eight rows of eight pixels. A pixel counts the ink in a field of 4 × 4 dots, 0 to 16. Tables hold it as
nested lists, as it is; scaling belongs to the model.

Rules:
  1. The images lie in the order in which they were scanned. Everybody had filled in the same printed form of 130 digits, so the order of
     the labels shows where a new form begins (`FORM_STARTS`): 0 to 9 three times, then always the same hundred digits. A few are missing.
  2. A form goes into one table only, whole. The nearest neighbour of most images lies on the same form, so a split image by image would
     let the test ask for what training has seen: the hand, the pen, the slant.
  3. Forms are taken as they come: the first eight train, the next two validate, the next three test, the last one is live traffic. Nobody
     chose them. Who wrote which form is not recorded; UCI counts 13 people for these 14 forms, so one person may have filled in two.
  4. No image of one table is nearer to one of another than `NEAREST`. Should a copy slip in, preparation stops.
  5. `--forms 4` leaves the later forms of the training out, as if they had not come in yet: the state before a retraining.
  6. The same file gives the same tables, byte for byte.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SIZE = 8
LARGEST = 16  #: ink of a pixel that is all black
IMAGES = 1797
#: The image with which each form begins, and at the end how many images there are.
FORM_STARTS = (0, 130, 256, 386, 516, 646, 776, 906, 1029, 1157, 1287, 1415, 1545, 1667, IMAGES)
PARTS = {"train": range(0, 8), "validation": range(8, 10), "test": range(10, 13), "live": range(13, 14)}
NEAREST = 7.0  #: least distance (root of the summed squares, in ink) between images of two tables; within a form there are 5.3
IMAGE = pa.list_(pa.list_(pa.list_(pa.float32())))


def package_file() -> Path:
    """The file of the digits inside the installed scikit-learn, found without importing it."""
    spec = importlib.util.find_spec("sklearn")
    path = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz" if spec and spec.origin else None
    if path is None or not path.is_file():
        raise SystemExit("scikit-learn with its digits is not installed: pip install -r requirements.lock")
    return path


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images float32 [n, 1, 8, 8] and labels int64 [n]. Stops when the file holds anything else."""
    rows = np.loadtxt(path, delimiter=",", ndmin=2)
    if rows.shape != (IMAGES, SIZE * SIZE + 1):
        raise SystemExit(f"{path.name} holds {rows.shape[0]} rows of {rows.shape[1]} values, not {IMAGES} of {SIZE * SIZE + 1}")
    images, labels = rows[:, :-1].astype(np.float32).reshape(-1, 1, SIZE, SIZE), rows[:, -1].astype(np.int64)
    if not np.isfinite(rows).all() or images.min() < 0 or images.max() > LARGEST or set(labels) != set(range(10)):
        raise SystemExit(f"{path.name} is not the digits that this preparation knows")
    return images, labels


def forms(images: int) -> np.ndarray:
    """The number of the form that each image lies on, from 0: int64 [images]."""
    return np.searchsorted(FORM_STARTS[:-1], np.arange(images), side="right") - 1


def nearest_between(images: np.ndarray, parts: np.ndarray) -> float:
    """The least distance between two images of different parts; `parts` has the part of each image."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    squares = (flat**2).sum(axis=1)
    distances = squares[:, None] + squares[None, :] - 2 * flat @ flat.T
    apart = parts[:, None] != parts[None, :]
    return float(np.sqrt(max(distances[apart].min(), 0.0))) if apart.any() else float("inf")


def table(images: np.ndarray, labels: np.ndarray, form: np.ndarray, chosen: np.ndarray) -> pa.Table:
    """The rows of one part: the image, its digit, the form it lies on, and its place in the file of the package."""
    return pa.table(
        {
            "image": pa.array(images[chosen].tolist(), type=IMAGE),
            "digit": pa.array(labels[chosen], type=pa.int8()),
            "form": pa.array(form[chosen], type=pa.int16()),
            "place": pa.array(np.flatnonzero(chosen), type=pa.int16()),
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the tables from the digits inside the installed scikit-learn.")
    parser.add_argument("--out", type=Path, default=Path("data"), help="folder for the tables (default: data)")
    parser.add_argument("--forms", type=int, default=8, choices=range(1, 9), help="train on so many forms only (default: all eight)")
    arguments = parser.parse_args()
    out = arguments.out
    images, labels = read(package_file())
    form = forms(len(images))
    part_of = np.searchsorted([chosen.start for chosen in PARTS.values()], form, side="right") - 1
    nearest = nearest_between(images, part_of)
    if nearest < NEAREST:
        raise SystemExit(f"two images of different tables are only {nearest:.2f} apart, which is a copy; {NEAREST} is the least")
    out.mkdir(parents=True, exist_ok=True)
    facts: dict[str, dict[str, object]] = {}
    for name, chosen in (PARTS | {"train": range(arguments.forms)}).items():
        rows = np.isin(form, list(chosen))
        pq.write_table(table(images, labels, form, rows), out / f"{name}.parquet", compression="zstd")
        facts[name] = {"forms": list(chosen), "images": int(rows.sum()), "of_each_digit": np.bincount(labels[rows], minlength=10).tolist()}
    (out / "tables.json").write_text(json.dumps({"nearest_between_tables": round(nearest, 3), "parts": facts}, indent=2) + "\n")
    print(json.dumps({name: part["images"] for name, part in facts.items()} | {"nearest_between_tables": round(nearest, 3)}))


if __name__ == "__main__":
    main()
