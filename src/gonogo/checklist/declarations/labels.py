"""`monitor.labels` of gonogo.yaml: how labels come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gonogo.checklist.declarations.file import ProjectFile
from gonogo.checklist.quantities import DURATION, duration
from gonogo.checklist.schema_words import number, section
from gonogo.model.slices import MOST


@dataclass(frozen=True)
class LabelsDeclaration:
    """How labels come. The predictions of an hour are judged from `mature_after` seconds after it began on, when at least the share
    `least_coverage` of them has a label. `slices` (see `model/slices.py`) are told apart. `expected`: they are declared to come, so that
    none is something to tell."""

    mature_after: float = 86_400.0
    least_coverage: float = 0.5
    slices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    expected: bool = False


LABELS = section(
    "how labels come: with this section, that none comes is something to tell; needs `prediction_log`",
    {
        "mature_after": {
            **DURATION,
            "description": "when the predictions of an hour are judged, counted from the beginning of that hour",
            "default": "24 h",
            "examples": ["24 h"],
        },
        "least_coverage": number(
            "share of the predictions of the time that must have a label", LabelsDeclaration.least_coverage, minimum=0, maximum=1
        ),
        "slices": {
            "type": "object",
            "description": "values of features, for the rows of which figures are told as well; at most 60 in all",
            "properties": {},
            "additionalProperties": {
                "type": "array",
                "items": {"anyOf": [{"type": "string", "minLength": 1}, {"type": "integer"}]},
                "minItems": 1,
                "uniqueItems": True,
            },
            "examples": ["{purpose: [car, house]}"],
        },
    },
)


def read_labels(file: ProjectFile, said: Mapping[str, Any]) -> LabelsDeclaration:
    """Raises ProjectFileError for too many slices, for a slice of what is redacted, and where nothing is kept that a label could be of."""
    slices = {name: tuple(str(value) for value in values) for name, values in said.get("slices", {}).items()}
    count = sum(map(len, slices.values()))
    if count > MOST:
        raise file.error(("monitor", "labels", "slices"), f"{count} slices are more than {MOST}.", "Declare those that matter.")
    for name in slices:
        if name in file.section("prediction_log").get("redact", {}):
            message = f"{name!r} is redacted in the prediction log, and a slice would keep what it was."
            raise file.error(("monitor", "labels", "slices", name), message, "Take it out of one of the two.")
    if "prediction_log" not in file.data:
        message = "labels are declared to come, and no prediction is kept that one could be of."
        raise file.error(("monitor", "labels"), message, "Add `prediction_log: {}` to gonogo.yaml.")
    return LabelsDeclaration(
        mature_after=duration(said.get("mature_after", LabelsDeclaration.mature_after)),
        least_coverage=float(said.get("least_coverage", LabelsDeclaration.least_coverage)),
        slices=slices,
        expected=True,
    )
