"""`certify` of gonogo.yaml: how `gonogo certify` trains again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gonogo.checklist.declarations.file import ProjectFile
from gonogo.checklist.quantities import DURATION, duration
from gonogo.checklist.schema_words import number, section


@dataclass(frozen=True)
class CertifyDeclaration:
    """How the model is certified: a retrain for each seed, folds of a cross-validation, trainings on shuffled labels, the metric that both
    are scored by, and for how many seconds a certificate holds."""

    seeds: tuple[int, ...] = (1, 2, 3)
    folds: int = 5
    permutations: int = 20
    metric: Literal["accuracy", "balanced_accuracy", "macro_f1", "roc_auc"] = "accuracy"
    valid: float = 90 * 86_400.0


CERTIFY = section(
    "how `gonogo certify` trains again: docs/how-to-certify.md",
    {
        "seeds": {
            "type": "array",
            "items": {"type": "integer", "minimum": 0},
            "minItems": 1,
            "uniqueItems": True,
            "description": "a full retrain for each, handed to `code.train` as GONOGO_SEED; not that of the model itself",
            "default": [1, 2, 3],
            "examples": ["[1, 2, 3]"],
        },
        "folds": number("folds of the cross-validation that goes forward in time, for each retrain", 5, "integer", minimum=2, maximum=50),
        "permutations": number("trainings on shuffled labels; with fewer than 20, p is never below 0.05", 20, "integer", minimum=1),
        "metric": {
            "type": "string",
            "enum": ["accuracy", "balanced_accuracy", "macro_f1", "roc_auc"],
            "description": "what folds and shuffled trainings are scored by",
            "default": "accuracy",
        },
        "valid": {**DURATION, "description": "how long a certificate holds", "default": "90 d", "examples": ["90 d"]},
    },
)


def read_certify(file: ProjectFile) -> CertifyDeclaration:
    said = file.section("certify")
    if "seeds" in said:
        said["seeds"] = tuple(said["seeds"])
    if "valid" in said:
        said["valid"] = duration(said["valid"])
    return CertifyDeclaration(**said)
