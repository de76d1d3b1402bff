"""`rollout` of gonogo.yaml: how traffic moves to a new release."""

from __future__ import annotations

from dataclasses import dataclass

from gonogo.base.catalogue import CATALOGUE, names
from gonogo.checklist.declarations.file import ProjectFile
from gonogo.checklist.demands import did_you_mean
from gonogo.checklist.schema_words import number, section, text


@dataclass(frozen=True)
class RolloutDeclaration:
    """How traffic moves. Steps in per cent; alpha, beta, margin and d as in `rollout/judge.py`."""

    target: str = "local"
    steps: tuple[int, ...] = (5, 25, 100)
    min_seconds: float = 10.0
    deadline_seconds: float = 600.0
    hold_back_percent: float = 0.0
    alpha: float = 0.01
    beta: float = 0.05
    margin: float = 0.01
    d: float = 0.001


ROLLOUT = section(
    "how traffic moves to a new release",
    {
        "target": text("where releases run: `local`, or a target of another package", default="local"),
        "steps": {
            "type": "array",
            "items": {"type": "integer", "minimum": 1, "maximum": 100},
            "minItems": 1,
            "description": "share of the new release after each step in per cent, growing, the last one 100",
            "default": [5, 25, 100],
            "examples": ["[5, 25, 100]"],
        },
        "min_seconds": number("shortest time of a step", 10, minimum=0),
        "deadline_seconds": number("longest time of a step; no decision by then rolls back", 600, exclusiveMinimum=0),
        "hold_back_percent": number("share that stays on the old release during the watch", 0, minimum=0, maximum=5),
        "alpha": number("chance of rolling back a release that is no worse", 0.01, exclusiveMinimum=0, maximum=0.5),
        "beta": number("chance of passing a release that is worse by the margin", 0.05, exclusiveMinimum=0, maximum=0.5),
        "margin": number("more share of errors than the old release that is too much", 0.01, exclusiveMinimum=0, exclusiveMaximum=1),
        "d": number("more share of errors than the old release that is tolerated", 0.001, minimum=0, exclusiveMaximum=1),
    },
)


def read_rollout(file: ProjectFile) -> RolloutDeclaration:
    """Raises ProjectFileError for steps that do not grow to 100, limits that cross each other, and a target that nobody knows."""
    said = file.section("rollout")
    target, steps = said.pop("target", RolloutDeclaration.target), tuple(said.pop("steps", RolloutDeclaration.steps))
    found = RolloutDeclaration(target, steps, **{key: float(value) for key, value in said.items()})
    if list(steps) != sorted(set(steps)) or steps[-1] != 100:
        raise file.error(("rollout", "steps"), f"steps {list(steps)} must grow and end with 100.", "For example: [5, 25, 100]")
    if found.deadline_seconds <= found.min_seconds:
        raise file.error(
            ("rollout", "deadline_seconds"),
            f"the deadline of a step ({found.deadline_seconds:g} s) must be longer than its shortest time ({found.min_seconds:g} s).",
            "Raise rollout.deadline_seconds.",
        )
    if found.d >= found.margin:
        raise file.error(("rollout", "d"), f"d ({found.d:g}) must be smaller than margin ({found.margin:g}).", "Lower rollout.d.")
    if target not in CATALOGUE["targets"] and target not in (known := names("targets")):  # third parties are asked last
        raise file.error(("rollout", "target"), f"no target is called {target!r}.", did_you_mean(target, known))
    return found
