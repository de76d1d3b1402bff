"""The feature schema: what a model takes and gives, as the bundle carries it and the service enforces it.

A model has one or more graph inputs, each a matrix (rows × width) of one type. Every feature is one column of one input; together the
features cover every column of every input exactly once. Shapes: an input is float32, int64 or text [rows, width]; scores are float64
[rows, classes].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

FeatureType = Literal["float", "int", "bool", "string"]
Task = Literal["binary-classification", "multiclass-classification"]
FORMAT = "gonogo-schema/1"


@dataclass(frozen=True)
class GraphInput:
    """One input of the model's graph. `dtype` is float32, float64, int64 or string; `width` is the number of columns."""

    name: str
    dtype: str
    width: int


@dataclass(frozen=True)
class Feature:
    """One feature, in the order of the model. `input` and `column` say where it enters the graph."""

    name: str
    type: FeatureType
    nullable: bool
    input: str
    column: int


@dataclass(frozen=True)
class Schema:
    """What the model takes and gives.

    `classes` are the labels in the order of the score columns, as text (the value in the target column, whole numbers without a
    point: "0", "1"). `threshold` turns the score of the last class of a binary task into a label. `score_output` names the graph's
    output that holds the scores; a single-column score output of a binary task is the probability of the last class.
    """

    task: Task
    inputs: tuple[GraphInput, ...]
    features: tuple[Feature, ...]
    classes: tuple[str, ...]
    score_output: str
    threshold: float = 0.5

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Schema:
        """Inverse of `to_json`. Raises ValueError when the format is another one."""
        if data.get("format") != FORMAT:
            raise ValueError(f"not a {FORMAT} document")
        return cls(
            task=data["task"],
            inputs=tuple(GraphInput(**item) for item in data["inputs"]),
            features=tuple(Feature(**item) for item in data["features"]),
            classes=tuple(data["classes"]),
            score_output=data["score_output"],
            threshold=float(data["threshold"]),
        )

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    def accepts_what(self, other: Schema) -> bool:
        """True when every request that `other` accepts is accepted here too: same task and classes, no feature more, none stricter."""
        mine = {feature.name: feature for feature in self.features}
        theirs = {feature.name: feature for feature in other.features}
        return (
            self.task == other.task
            and self.classes == other.classes
            and mine.keys() == theirs.keys()
            and all(mine[n].type == theirs[n].type and (mine[n].nullable or not theirs[n].nullable) for n in mine)
        )
