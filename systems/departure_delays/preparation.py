"""From a table to what the network takes: fitted on the training rows, written into the model's pipeline, and read back from there.

The numbers of a fitted preparation are the steps of `models/pipeline.json` and nothing else, so the service computes from the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from features import CATEGORIES, NAMES, NUMBERS, TARGET

Columns = Mapping[str, np.ndarray]
UNKNOWN = -1.0  #: the place of a value that the training rows did not have


def read(path: Path) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The features of a table (float64 with NaN, or text), and the labels 0 or 1."""
    if not path.is_file():
        raise SystemExit(f"{path} is not there: run `python prepare.py` first")
    with duckdb.connect(config={"threads": 1}) as connection:
        found = connection.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchnumpy()
    texts = {feature.name for feature in CATEGORIES if feature.kind == "string"}
    columns = {
        name: np.asarray(found[name], dtype=object) if name in texts else np.ma.filled(found[name].astype(np.float64), np.nan)
        for name in NAMES
    }
    return columns, np.asarray(found[TARGET], dtype=np.int64)


@dataclass(frozen=True)
class Preparation:
    """`medians`, `means` and `scales` are of the numbers in the order of the list; `places` has the known values of each category."""

    medians: tuple[float, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    places: tuple[tuple[Any, ...], ...]

    @classmethod
    def fit(cls, columns: Columns) -> Preparation:
        medians = tuple(float(np.nanmedian(columns[feature.name])) for feature in NUMBERS)
        filled = _filled(columns, medians)
        places = tuple(tuple(np.unique(columns[feature.name]).tolist()) for feature in CATEGORIES)
        return cls(medians, tuple(filled.mean(axis=0).tolist()), tuple(filled.std(axis=0).tolist()), places)

    def numbers(self, columns: Columns) -> np.ndarray:
        """float32 [rows, numbers]."""
        return ((_filled(columns, self.medians) - np.array(self.means)) / np.array(self.scales)).astype(np.float32)

    def codes(self, columns: Columns) -> np.ndarray:
        """int64 [rows, categories]: places from 0, and -1 for what the training rows did not have."""
        found = []
        for feature, values in zip(CATEGORIES, self.places, strict=True):
            place = {value: number for number, value in enumerate(values)}
            found.append([place.get(value, int(UNKNOWN)) for value in columns[feature.name].tolist()])
        return np.array(found, dtype=np.int64).T

    def batch(self, columns: Columns) -> dict[str, np.ndarray]:
        return {"numbers": self.numbers(columns), "codes": self.codes(columns)}

    def steps(self) -> list[dict[str, Any]]:
        """The same as steps of a pipeline."""
        names = [feature.name for feature in NUMBERS]
        return [
            {"step": "impute", "values": dict(zip(names, self.medians, strict=True))},
            {"step": "log1p", "features": [feature.name for feature in NUMBERS if feature.step == "log1p"]},
            {"step": "standardize", "features": names, "mean": list(self.means), "scale": list(self.scales)},
            *(
                {"step": "ordinal", "features": [feature.name], "categories": [list(values)], "unknown": "other", "other": UNKNOWN}
                for feature, values in zip(CATEGORIES, self.places, strict=True)
            ),
        ]

    @classmethod
    def from_steps(cls, steps: Sequence[Mapping[str, Any]]) -> Preparation:
        """The inverse of `steps`: the preparation of a model that is already there."""
        impute, _, standardize, *ordinals = steps
        medians = tuple(impute["values"][feature.name] for feature in NUMBERS)
        places = tuple(tuple(float(one) if isinstance(one, int) else one for one in step["categories"][0]) for step in ordinals)
        return cls(medians, tuple(standardize["mean"]), tuple(standardize["scale"]), places)


def entering() -> dict[str, list[str]]:
    """The columns of each of the network's inputs, by the names that a pipeline gives them."""
    return {"numbers": [feature.name for feature in NUMBERS], "codes": [f"{feature.name}#" for feature in CATEGORIES]}


def _filled(columns: Columns, medians: Sequence[float]) -> np.ndarray:
    """float64 [rows, numbers] without missing values, after the logarithm where there is one."""
    found = []
    for feature, median in zip(NUMBERS, medians, strict=True):
        values = np.where(np.isnan(columns[feature.name]), median, columns[feature.name])
        found.append(np.log1p(values) if feature.step == "log1p" else values)
    return np.stack(found, axis=1)
