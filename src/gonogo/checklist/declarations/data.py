"""`data` of gonogo.yaml: the labelled tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gonogo.checklist.declarations.file import ProjectFile
from gonogo.checklist.quantities import DURATION, duration
from gonogo.checklist.schema_words import place, section, text


@dataclass(frozen=True)
class DataDeclaration:
    """The labelled tables. `ignore` are columns that are no features; rows of one `group` belong into one table; `embargo` is the least
    time between tables in seconds."""

    test: Path
    target: str
    train: Path | None = None
    validation: Path | None = None
    time: str | None = None
    ignore: tuple[str, ...] = ()
    group: str | None = None
    embargo: float | None = None


DATA = section(
    "the labelled tables (.csv or .parquet) that the gate measures on",
    {
        "train": place("what the model was trained on; baseline and leakage checks need it", "data/train.parquet"),
        "validation": place("what it was tuned on", "data/validation.parquet"),
        "test": place("what neither training nor tuning has seen", "data/test.parquet"),
        "target": text("the column that holds the class", examples=["default"]),
        "time": text("the column that orders the rows in time", examples=["issue_date"]),
        "ignore": {
            "type": "array",
            "items": text("a column's name"),
            "uniqueItems": True,
            "description": "columns that are no features",
        },
        "group": text("the column whose equal values belong into one table only", examples=["customer"]),
        "embargo": {**DURATION, "description": "the least time between the tables"},
    },
    ("test", "target"),
)


def read_data(file: ProjectFile) -> DataDeclaration:
    """Raises ProjectFileError for a column that is two things at once: target, feature, ignored."""
    said, model = file.section("data"), file.section("model")
    target, ignore = said["target"], tuple(said.get("ignore", ()))
    features: dict[str, tuple[str, ...]] = dict.fromkeys(model.get("features", ()), ("model", "features"))
    features |= {name: ("model", "tensors", name) for name in model.get("tensors", ())}
    if target in ignore:
        raise file.error(("data", "ignore"), f"the target {target!r} cannot be ignored.", "Remove it from data.ignore.")
    for name, at in features.items():
        if name == target:
            raise file.error(at, f"the target {name!r} cannot be a feature.", f"Remove it from {'.'.join(at[:2])}.")
        if name in ignore:
            raise file.error(("data", "ignore"), f"{name!r} is a feature and ignored at once.", "Remove it from one of them.")
    return DataDeclaration(
        test=file.root / said["test"],
        target=target,
        train=file.path(said, "train"),
        validation=file.path(said, "validation"),
        time=said.get("time"),
        ignore=ignore,
        group=said.get("group"),
        embargo=duration(said["embargo"]) if "embargo" in said else None,
    )
