"""`model` of gonogo.yaml: the model that would ship."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from gonogo.checklist.declarations.file import ProjectFile
from gonogo.checklist.declarations.tensors import TENSORS, read_tensor
from gonogo.checklist.schema_words import number, place, section, text
from gonogo.model.schema import INPUTS, DeclaredTensor


@dataclass(frozen=True)
class ModelDeclaration:
    """The model. `reference` is a table of the training framework's own scores: columns row (from 0) and score. `options` has what is
    declared for the runtime, and nothing else: inputs, output, also, device, trusted, callable. `tensors` are the inputs that are windows
    or images. `pipeline` is the document of pre- and post-processing; `explainer` names how the service explains an answer when asked, if
    it does."""

    path: Path
    task: Literal["binary-classification", "multiclass-classification"]
    features: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None
    positive: str | None = None
    threshold: float = 0.5
    reference: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    pipeline: Path | None = None
    explainer: Literal["shapley"] | None = None
    tensors: Mapping[str, DeclaredTensor] = field(default_factory=dict)


_INPUT = section(
    "one input, a matrix or a tensor",
    {
        "name": text("the input's name", examples=["x"]),
        "dtype": {
            "type": "string",
            "enum": [*INPUTS],
            "description": "type of its values",
            "examples": ["float32"],
        },
        "width": {"type": "integer", "minimum": 1, "description": "its columns, when it is a matrix", "examples": [30]},
        "shape": {
            "type": "array",
            "items": {"type": "integer", "minimum": 1},
            "minItems": 1,
            "description": "the shape of one row, when it is a tensor",
            "examples": ["[105, 11]"],
        },
    },
    ("name", "dtype"),
)

#: What the file of a model may not say itself.
_RUNTIME: dict[str, Any] = {
    "inputs": {
        "type": "array",
        "items": _INPUT,
        "minItems": 1,
        "description": "what the model takes, in its order; needed for TorchScript, torch.export and a callable",
    },
    "output": text("the output that holds the scores, when the model does not say so", examples=["probabilities"]),
    "also": {
        "type": "array",
        "items": text("an output's name"),
        "minItems": 1,
        "uniqueItems": True,
        "description": "outputs of numbers that are answered beside the scores, such as pointers into a window",
        "examples": ["[start, end]"],
    },
    "device": {
        "type": "string",
        "enum": ["cpu", "cuda", "auto"],
        "description": "where it computes: cpu (the default), cuda (an error where there is none), or cuda where there is one",
        "examples": ["cpu"],
    },
    "trusted": {
        "type": "array",
        "items": text("module.Class"),
        "minItems": 1,
        "uniqueItems": True,
        "description": "types that a skops file may build beyond scikit-learn's own",
    },
    "callable": text(
        "the function in the sources that computes the scores",
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$",
        examples=["scoring:predict"],
    ),
}

MODEL = section(
    "the model that would ship",
    {
        "path": place(
            "the model: ONNX, skops, LightGBM, XGBoost, TorchScript or torch.export file, SavedModel folder, sources of a callable",
            "models/forest.onnx",
        ),
        "task": {
            "type": "string",
            "enum": ["binary-classification", "multiclass-classification"],
            "description": "what it predicts",
        },
        "features": {
            "type": "array",
            "items": text("a column's name"),
            "minItems": 1,
            "uniqueItems": True,
            "description": "the columns in the order of the model, when neither the model nor the table says so",
        },
        "classes": {
            "type": "array",
            "items": {"anyOf": [{"type": "string", "minLength": 1}, {"type": "integer"}]},
            "minItems": 2,
            "uniqueItems": True,
            "description": "the labels in the order of the score columns, when the model does not say it; default: sorted",
            "examples": ["[square, disc, cross]"],
        },
        "positive": {
            "anyOf": [{"type": "string", "minLength": 1}, {"type": "integer"}],
            "description": "the class whose probability is the score of a binary task; default: the last one",
            "examples": ["1"],
        },
        "threshold": number(
            "score at which a binary task says positive", ModelDeclaration.threshold, exclusiveMinimum=0, exclusiveMaximum=1
        ),
        "reference": place(
            "scores of the training framework for rows of the test table: columns row (from 0) and score", "models/reference.csv"
        ),
        **_RUNTIME,
        "tensors": TENSORS,
        "pipeline": place("pre- and post-processing, sealed with the model: docs/formats/pipeline.md", "models/pipeline.json"),
        "explainer": {
            "type": "string",
            "enum": ["shapley"],
            "description": "how the service explains an answer when it is asked to; without it, it does not",
            "examples": ["shapley"],
        },
    },
    ("path", "task"),
)


def read_model(file: ProjectFile) -> ModelDeclaration:
    """Raises ProjectFileError for inputs without a name or a size of their own, and for what belongs to a binary task only."""
    said = file.section("model")
    _check_inputs(file, said.get("inputs", ()))
    for key in ("positive", "threshold"):
        if key in said and said["task"] != "binary-classification":
            raise file.error(("model", key), f"model.{key} is for binary tasks only.", "Remove it.")
    features, classes, positive = said.get("features"), said.get("classes"), said.get("positive")
    return ModelDeclaration(
        path=file.root / said["path"],
        task=said["task"],
        features=tuple(features) if features else None,
        classes=tuple(str(name) for name in classes) if classes else None,
        positive=None if positive is None else str(positive),
        threshold=float(said.get("threshold", ModelDeclaration.threshold)),
        reference=file.path(said, "reference"),
        options={key: said[key] for key in _RUNTIME if key in said},
        pipeline=file.path(said, "pipeline"),
        explainer=said.get("explainer"),
        tensors={name: read_tensor(file, name, entry) for name, entry in said.get("tensors", {}).items()},
    )


def _check_inputs(file: ProjectFile, inputs: list[Mapping[str, Any]]) -> None:
    names = [item["name"] for item in inputs]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise file.error(("model", "inputs", index), f"two inputs are called {name!r}.", "Give each input a name of its own.")
    for index, item in enumerate(inputs):
        if ("width" in item) == ("shape" in item):
            has = "both a width and a shape" if "width" in item else "neither a width nor a shape"
            problem = f"the input {item['name']!r} has {has}."
            raise file.error(("model", "inputs", index), problem, "A matrix has `width: 30`, a tensor `shape: [105, 11]`.")
