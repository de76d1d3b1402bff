"""`model.tensors` of gonogo.yaml: the inputs that are windows, images or other tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gonogo.checklist.declarations.file import ProjectFile
from gonogo.checklist.schema_words import section, text
from gonogo.model.schema import DeclaredTensor, Tensor

_TENSOR = section(
    "what its values are",
    {
        "shape": {
            "type": "array",
            "items": {"type": "integer", "minimum": 1},
            "minItems": 1,
            "examples": ["[105, 11]"],
            "description": "the shape of one value, where the model does not say it",
        },
        "axis": {"type": "integer", "minimum": 0, "description": "where its channels lie in the shape, from 0", "examples": [1]},
        "channels": {
            "type": "array",
            "items": text("a channel's name"),
            "minItems": 1,
            "uniqueItems": True,
            "description": "their names, in order; without them all elements are one",
            "examples": ["[open, high, low, close]"],
        },
        "summaries": {
            "type": "array",
            "items": {"type": "string", "enum": ["mean", "spread", "low", "high", "missing"]},
            "minItems": 1,
            "uniqueItems": True,
            "description": "what is counted and watched of each channel",
            "default": ["mean", "spread"],
        },
    },
)

TENSORS: dict[str, Any] = {
    "type": "object",
    "description": "the inputs that are windows, images or other tensors, by their names, which are those of the tables' columns",
    "additionalProperties": _TENSOR,
}


def read_tensor(file: ProjectFile, name: str, entry: Mapping[str, Any]) -> DeclaredTensor:
    """What is declared of one tensor; what contradicts itself is refused here, what contradicts the model when that is looked at."""
    place = ("model", "tensors", name)
    said = DeclaredTensor(
        shape=tuple(entry.get("shape", ())),
        axis=entry.get("axis"),
        channels=tuple(entry.get("channels", ())),
        summaries=tuple(entry.get("summaries", DeclaredTensor.summaries)),
    )
    if (said.axis is None) != (not said.channels):
        raise file.error(place, f"the tensor {name!r} has {'no axis' if said.axis is None else 'no channels'}.", "Name both, or neither.")
    if said.shape:
        try:
            Tensor(said.shape, said.axis, said.channels, said.summaries)
        except ValueError as error:
            raise file.error(place, f"{error}.", "There is one name for each channel, and `axis` counts from 0.") from error
    return said
