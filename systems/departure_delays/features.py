"""What the model may know before a flight leaves: `configs/feature_list.csv` is the list, in the model's order, and says how each enters.

    step                what is done before the network
    standardize         a missing value becomes the median of the training rows; then (x - mean) / standard deviation
    log1p               the same, after log(1 + x)
    embed N             the value's place among those of the training rows; the network gives each place N numbers

Nothing that happens at departure or later is on the list: no departure delay, no air time, no arrival. The weather is that of the
scheduled hour; it is what the airport reports while passengers still wait.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CONFIGS = Path(__file__).resolve().parent / "configs"
TARGET = "late"
TIME = "scheduled"


@dataclass(frozen=True)
class Feature:
    """`kind` is float, int or string; `width` is the size of its embedding, 0 for a number."""

    name: str
    kind: str
    step: str
    width: int = 0


def read_list(path: Path = CONFIGS / "feature_list.csv") -> tuple[Feature, ...]:
    found = []
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            step, _, width = row["step"].partition(" ")
            if step not in ("standardize", "log1p", "embed") or row["type"] not in ("float", "int", "string"):
                raise SystemExit(f"{path.name}: {row['name']} has the step {row['step']!r} or the type {row['type']!r}, which is none here")
            found.append(Feature(row["name"], row["type"], step, int(width) if width else 0))
    return tuple(found)


FEATURES = read_list()
NAMES = tuple(feature.name for feature in FEATURES)
NUMBERS = tuple(feature for feature in FEATURES if not feature.width)
CATEGORIES = tuple(feature for feature in FEATURES if feature.width)


def read_schema(path: Path = CONFIGS / "schema.yaml") -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))
