"""`retrain` of gonogo.yaml: how and when the model is trained again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gonogo.checklist.declarations.file import Command, ProjectFile
from gonogo.checklist.quantities import DURATION, duration
from gonogo.checklist.schema_words import place, section, text


@dataclass(frozen=True)
class RetrainStep:
    """One command of a training. `timeout` in seconds (None: the setting `retrain_seconds`); `reads` is what its result follows from (None:
    the sources), `writes` what it leaves beside what is declared elsewhere."""

    name: str
    run: Command
    timeout: float | None = None
    reads: tuple[Path, ...] | None = None
    writes: tuple[Path, ...] = ()


@dataclass(frozen=True)
class RetrainDeclaration:
    """How and when the model is trained again. `when` are the kinds of findings that start it; times are in seconds. A new model is taken
    further when it is what `accept` says, and as far as `then` by itself."""

    when: tuple[Literal["schedule", "drift", "calibration"], ...] = ()
    every: float = 91 * 86_400.0
    at_most_every: float = 7 * 86_400.0
    steps: tuple[RetrainStep, ...] = ()
    accept: Literal["better", "no worse"] = "better"
    then: Literal["staging", "production"] = "staging"


def _step(what: str) -> dict[str, Any]:
    """One step of a training: a command, or a map with more."""
    paths: dict[str, Any] = {"type": "array", "items": place("a file or folder", "models"), "uniqueItems": True}
    more = {
        "run": text("the command; no shell", examples=["python train.py"]),
        "timeout": {**DURATION, "description": "longest it may take; default: the setting `GONOGO_RETRAIN_SECONDS`", "examples": ["2 h"]},
        "reads": {**paths, "description": "what its result follows from, instead of all sources", "examples": ["[prepare.py]"]},
        "writes": {**paths, "description": "what it leaves beside the tables, the model and its run record", "examples": ["[figures]"]},
    }
    return {"anyOf": [text("the command; no shell"), section("the step", more, ("run",))], "description": what}


_STEPS = {
    "data": _step("makes the tables"),
    "train": _step("trains and writes `model.path`"),
    "tune": _step("chooses parameters and writes `model.path`"),
    "evaluate": _step("measures and writes reports"),
    "register": _step("tells others of it"),
}

RETRAIN = section(
    "how and when the model is trained again, and how far a new one goes by itself",
    {
        "steps": section("the training, step by step, in the order in which they stand here; without it `code.train` is the one", _STEPS),
        "accept": {
            "type": "string",
            "enum": ["better", "no worse"],
            "description": "how a new model must stand against the one in production, on the same rows",
            "default": "better",
        },
        "then": {
            "type": "string",
            "enum": ["staging", "production"],
            "description": "how far a new release goes by itself after a GO; `production` is policy, and is signed like one",
            "default": "staging",
        },
        "when": {
            "type": "array",
            "items": {"type": "string", "enum": ["schedule", "drift", "calibration"]},
            "uniqueItems": True,
            "description": "which findings start it while the service runs; by hand it can always be started: `gonogo retrain`",
            "default": [],
            "examples": ["[drift, calibration]"],
        },
        "every": {
            **DURATION,
            "description": "of `schedule`: how long after the last training",
            "default": "91 d",
            "examples": ["91 d"],
        },
        "at_most_every": {
            **DURATION,
            "description": "the shortest time between two trainings that findings start",
            "default": "7 d",
            "examples": ["7 d"],
        },
    },
)


def read_retrain(file: ProjectFile) -> RetrainDeclaration:
    """Raises ProjectFileError where findings would start what nobody declared, and for a step that would write what is not its own."""
    said = file.section("retrain")
    steps = tuple(_read_step(file, name, entry) for name, entry in said.get("steps", {}).items())
    if said.get("when") and not steps and "train" not in file.section("code"):
        raise file.error(("retrain", "when"), "nothing is declared that trains.", "Add `code: {train: python train.py}`.")
    given: dict[str, Any] = {key: duration(said[key]) for key in ("every", "at_most_every") if key in said}
    given |= {key: said[key] for key in ("accept", "then") if key in said}
    return RetrainDeclaration(tuple(said.get("when", ())), steps=steps, **given)


def _read_step(file: ProjectFile, name: str, entry: str | Mapping[str, Any]) -> RetrainStep:
    said = {"run": entry} if isinstance(entry, str) else entry
    at = ("retrain", "steps", name)
    run = file.command(at if isinstance(entry, str) else (*at, "run"), said["run"])
    timeout = duration(said["timeout"]) if "timeout" in said else None
    reads = tuple(file.root / value for value in said["reads"]) if "reads" in said else None
    writes = tuple(file.root / value for value in said.get("writes", ()))
    store, itself = file.store.resolve(), file.file.resolve()
    for written in (one.resolve() for one in writes):
        if written.is_relative_to(store) or store.is_relative_to(written) or itself.is_relative_to(written):
            problem = "the store or gonogo.yaml would be put back with the files of a training."
            raise file.error((*at, "writes"), problem, "Name the files and folders that the step itself leaves.")
    return RetrainStep(name, run, timeout, reads, writes)
