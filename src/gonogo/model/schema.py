"""The feature schema: what a model takes and gives, as the bundle carries it and the service enforces it.

A model has one or more graph inputs, each a matrix (rows × width) of one type. Every feature is one column of one input, or, when it is
a tensor (an image, a window of a series), one whole input; together the features cover every column of every input exactly once. Shapes:
an input is numbers of one type (float32, uint8, …), booleans or text, [rows, width]; scores are float64 [rows, classes]. A graph that takes
[rows, 105, 11] has an input of width 1155 with that shape: everybody keeps [rows, width], and only its runtime gives it the shape
(row-major).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

FeatureType = Literal["float", "int", "bool", "string"]
Task = Literal["binary-classification", "multiclass-classification"]
Summary = Literal["mean", "spread", "low", "high", "missing"]
FLOATS = ("float16", "float32", "float64")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")
INPUTS = (*FLOATS, *INTEGERS, "bool", "string")  #: what an input of a graph may be
FORMAT, WITH_TENSORS = "gonogo-schema/1", "gonogo-schema/2"


@dataclass(frozen=True)
class GraphInput:
    """One input of the model's graph. `dtype` is one of `INPUTS`; `width` is the number of columns.

    `shape` is that of one row where the graph takes no matrix, and () where it does; its sizes multiply to `width`.
    """

    name: str
    dtype: str
    width: int
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Tensor:
    """What a value of a feature is that is no single one: an image [1, 8, 8], say, or a window of bars [105, 11].

    `axis` is where its channels lie in `shape`, and `channels` are their names; None and () when it has none. `summaries` are what is
    counted of it, channel by channel, where a single value would be counted itself.
    """

    shape: tuple[int, ...]
    axis: int | None = None
    channels: tuple[str, ...] = ()
    summaries: tuple[Summary, ...] = ("mean", "spread")

    def __post_init__(self) -> None:
        if not self.shape or min(self.shape) < 1:
            raise ValueError(f"a tensor has no shape {list(self.shape)}")
        expected = 0 if self.axis is None else self.shape[self.axis] if 0 <= self.axis < len(self.shape) else -1
        if len(self.channels) != expected or len(set(self.channels)) != expected:
            raise ValueError(
                f"a tensor of shape {list(self.shape)} cannot have the channels {', '.join(self.channels)} on axis {self.axis}"
            )
        if not self.summaries or len(set(self.summaries)) != len(self.summaries):
            raise ValueError("a tensor has summaries, each once")


@dataclass(frozen=True)
class DeclaredTensor:
    """What a project says of one tensor. `shape` is () where the model or the table tell it; the rest as in `Tensor`."""

    shape: tuple[int, ...] = ()
    axis: int | None = None
    channels: tuple[str, ...] = ()
    summaries: tuple[Summary, ...] = ("mean", "spread")


@dataclass(frozen=True)
class Feature:
    """One feature, in the order of the model. `input` and `column` say where it enters the graph.

    A feature with a `tensor` is a whole input, from column 0 on; `type` is that of its elements, and `nullable` says that they may be
    missing (NaN inside).
    """

    name: str
    type: FeatureType
    nullable: bool
    input: str
    column: int
    tensor: Tensor | None = None

    @property
    def kind(self) -> str:
        """What its values are, in words: `float`, or `float [105, 11], by channel (open_r, close_r) mean and spread are watched`."""
        if self.tensor is None:
            return self.type
        channels = f"by channel ({', '.join(self.tensor.channels)}) " if self.tensor.channels else ""
        return f"{self.type} {list(self.tensor.shape)}, {channels}{' and '.join(self.tensor.summaries)} are watched"


@dataclass(frozen=True)
class Measured:
    """One column that is counted, binned and compared: a feature, or one summary of a channel of a tensor.

    `feature` is the feature it comes from, `channel` the channel's number (0 where there are none), `summary` "" for the feature itself.
    """

    name: str
    type: FeatureType
    nullable: bool
    feature: Feature
    channel: int = 0
    summary: Summary | Literal[""] = ""


@dataclass(frozen=True)
class Schema:
    """What the model takes and gives.

    `classes` are the labels in the order of the score columns, as text (the value in the target column, whole numbers without a
    point: "0", "1"). `threshold` turns the score of the last class of a binary task into a label. `score_output` names the graph's
    output that holds the scores; a single-column score output of a binary task is the probability of the last class. `also` names outputs
    that are answered beside the scores, for each row what the graph gives for it: pointers into a window, say.
    """

    task: Task
    inputs: tuple[GraphInput, ...]
    features: tuple[Feature, ...]
    classes: tuple[str, ...]
    score_output: str
    threshold: float = 0.5
    also: tuple[str, ...] = ()
    rows_at_once: int = 0  #: rows that the graph takes in one call, no more and no fewer; 0 is any number (see `rows_at_once.py`)

    def to_json(self) -> dict[str, Any]:
        document = {"format": WITH_TENSORS if self.has_tensors or self.also else FORMAT, **asdict(self)}
        for name in ("also", "rows_at_once"):
            if not document[name]:
                del document[name]
        for item in document["inputs"]:
            if not item["shape"]:
                del item["shape"]
        for feature in document["features"]:
            if feature["tensor"] is None:
                del feature["tensor"]
        return document

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Schema:
        """Inverse of `to_json`. Raises ValueError when the format is another one, or a tensor's declaration contradicts itself."""
        if data.get("format") not in (FORMAT, WITH_TENSORS):
            raise ValueError(f"not a {FORMAT} or {WITH_TENSORS} document")
        return cls(
            task=data["task"],
            inputs=tuple(GraphInput(**{**item, "shape": tuple(item.get("shape", ()))}) for item in data["inputs"]),
            features=tuple(Feature(**{**item, "tensor": _tensor(item.get("tensor"))}) for item in data["features"]),
            classes=tuple(data["classes"]),
            score_output=data["score_output"],
            threshold=float(data["threshold"]),
            also=tuple(data.get("also", ())),
            rows_at_once=int(data.get("rows_at_once", 0)),
        )

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    @property
    def has_tensors(self) -> bool:
        return any(feature.tensor is not None for feature in self.features)

    @property
    def width(self) -> int:
        """The numbers (or texts) of one row: one a feature, and all elements of a tensor."""
        return sum(item.width for item in self.inputs)

    @property
    def measured(self) -> tuple[Measured, ...]:
        """What is counted of the inputs, in the order of the features: `window.close.mean` for a channel, `bytes.mean` without any."""
        found: list[Measured] = []
        for feature in self.features:
            if feature.tensor is None:
                found.append(Measured(feature.name, feature.type, feature.nullable, feature))
                continue
            for number, channel in enumerate(feature.tensor.channels or ("",)):
                stem = f"{feature.name}.{channel}" if channel else feature.name
                found += [
                    Measured(f"{stem}.{summary}", "float", feature.nullable, feature, number, summary)
                    for summary in feature.tensor.summaries
                ]
        return tuple(found)

    def accepts_what(self, other: Schema) -> bool:
        """True when every request that `other` accepts is accepted here too, and whatever it answers: same task, classes and extra outputs,
        no feature more, none stricter."""
        mine = {feature.name: feature for feature in self.features}
        theirs = {feature.name: feature for feature in other.features}
        return (
            self.task == other.task
            and self.classes == other.classes
            and set(self.also) >= set(other.also)
            and mine.keys() == theirs.keys()
            and all(mine[n].type == theirs[n].type and (mine[n].nullable or not theirs[n].nullable) for n in mine)
            and all(_shape(mine[n]) == _shape(theirs[n]) for n in mine)
        )


def _shape(feature: Feature) -> tuple[int, ...]:
    return feature.tensor.shape if feature.tensor is not None else ()


def _tensor(data: Mapping[str, Any] | None) -> Tensor | None:
    if data is None:
        return None
    return Tensor(tuple(data["shape"]), data["axis"], tuple(data["channels"]), tuple(data["summaries"]))
