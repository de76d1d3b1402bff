"""`candidates` of gonogo.yaml: which runs `gonogo candidates` compares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gonogo.checklist.declarations.file import ProjectFile
from gonogo.checklist.schema_words import section, text


@dataclass(frozen=True)
class CandidatesDeclaration:
    """Which runs are compared. `ledger` is a path of JSON lines, or `sqlite:///PATH` with `experiment`; "" is beside the run record.
    `expected` bounds metrics by the name or family of a candidate, before they are measured."""

    ledger: str = ""
    experiment: str = ""
    metric: str = ""
    expected: Mapping[str, Mapping[str, tuple[float, float]]] = field(default_factory=dict)


_BOUNDS = {"type": "array", "items": {"type": "number"}, "minItems": 2, "description": "from, to", "examples": ["[0.26, 0.28]"]}

CANDIDATES = section(
    "which runs `gonogo candidates` compares: docs/how-to-choose.md",
    {
        "ledger": text(
            "runs as JSON lines, or an MLflow tracking database; default: runs.jsonl beside the run record",
            examples=["sqlite:///mlruns.db"],
        ),
        "experiment": text("the experiment of an MLflow database", examples=["forest"]),
        "metric": text("what ranks candidates; default: the first that the pack's criteria ask to be high", examples=["f1_macro"]),
        "expected": {
            "type": "object",
            "description": "what was expected before it was measured, by name or family of a candidate, then by metric: from, to",
            "properties": {},
            "additionalProperties": {
                "type": "object",
                "description": "by metric",
                "properties": {},
                "additionalProperties": _BOUNDS,
            },
            "examples": ["{crf: {f1_macro: [0.26, 0.28]}}"],
        },
    },
)


def read_candidates(file: ProjectFile) -> CandidatesDeclaration:
    """Raises ProjectFileError for half an MLflow database, and for an expectation that nothing can meet."""
    said = file.section("candidates")
    if said.get("ledger", "").startswith("sqlite:") != ("experiment" in said):
        problem = "an MLflow database and the name of an experiment in it go together."
        raise file.error(("candidates",), problem, "`{ledger: sqlite:///mlruns.db, experiment: forest}`")
    expected: dict[str, dict[str, tuple[float, float]]] = {}
    for name, given in said.pop("expected", {}).items():
        for metric, bounds in given.items():
            if len(bounds) != 2 or bounds[0] > bounds[1]:
                at = ("candidates", "expected", name, metric)
                raise file.error(at, "an expectation is from and to.", "For example: [0.26, 0.28]")
            expected.setdefault(name, {})[metric] = (float(bounds[0]), float(bounds[1]))
    return CandidatesDeclaration(**said, expected=expected)
