"""`prediction_log` of gonogo.yaml: what is kept of what was predicted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gonogo.checklist.declarations.file import ProjectFile
from gonogo.checklist.schema_words import number, section


@dataclass(frozen=True)
class PredictionLogDeclaration:
    """The log of served predictions. `sample` is a share of the requests; `redact` maps features to "drop" or "hash"."""

    sample: float = 1.0
    redact: Mapping[str, Literal["drop", "hash"]] = field(default_factory=dict)
    keep_days: float = 30.0


PREDICTION_LOG = section(
    "log what is predicted, with the requests' values, as Parquet; without this section nothing is logged",
    {
        "sample": number("share of the requests that are logged", 1, minimum=0, maximum=1),
        "redact": {
            "type": "object",
            "description": "features whose values are not written: `drop` leaves them out, `hash` writes a keyed digest",
            "properties": {},
            "additionalProperties": {"type": "string", "enum": ["drop", "hash"]},
            "examples": ["{income: drop, postcode: hash}"],
        },
        "keep_days": number("after how many days a segment is removed", 30, exclusiveMinimum=0),
    },
)


def read_prediction_log(file: ProjectFile) -> PredictionLogDeclaration | None:
    return PredictionLogDeclaration(**file.section("prediction_log")) if "prediction_log" in file.data else None
