"""The steps of a certification: what each of them trains, on which rows, and what is measured of it.

Every step trains on a copy of the project (`training_copy.py`), and what it measured is measured here, on the bytes that the training
wrote: nothing that a training says of itself counts. The project's own files are never written.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from gonogo.base import catalogue
from gonogo.base.canonical import digest
from gonogo.base.clock import stamp
from gonogo.candidate.folds import Fold, expanding_folds, shuffled
from gonogo.errors import DataError, UsageError
from gonogo.evidence.held_out import METRICS, measures
from gonogo.evidence.inputs import Scores
from gonogo.operations.inputs import ProjectInputs
from gonogo.operations.progress import silent
from gonogo.operations.training_copy import Trained, TrainingCopy, says, seconds_of_rows, training_copy
from gonogo.operations.workspace import Workspace
from gonogo.release.bundle import Bundle

LATENCY = {"samples": 200, "batch": 1}


class Steps:
    """`inputs` are those of the project, `own` is the run record of its model, `work` the folder for the copies."""

    def __init__(self, workspace: Workspace, inputs: ProjectInputs, own: Mapping[str, Any], work: Path) -> None:
        self.workspace = workspace
        self.project = workspace.project
        self.declared = workspace.project.certify
        self.inputs = inputs
        self.own = own
        self.work = work

    def of_model(self) -> dict[str, Any]:
        """The model as it lies there: `measured` (when), `says`, `metrics`."""
        measured = stamp(self.workspace.clock.now())
        with ProjectInputs(self.workspace, build=True, progress=silent) as inputs:  # of its own: its server ends with the step
            scores: Scores = inputs.get("scores_test").usable()
            metrics = measures(scores, self.declared.metric) | {"p95_ms": _latency(inputs)}
        return {"measured": measured, "says": says(scores), "metrics": metrics}

    def again(self) -> dict[str, Any]:
        """The model's own training once more, with its seed and its data: `model` and `says` (digests), and `difference`, the largest one
        between a score of it and the model's for the same row of the test table. That is what ties the model to `code.train`."""
        with training_copy(self.project, self.work) as copy:
            trained = self._trained(copy, self.own["seed"])
            scores = copy.scores(self.bundle.schema, self.workspace.sandbox())
        own: Scores = self.inputs.get("scores_test").usable()
        apart = float(np.abs(scores.scores - own.scores).max())
        return {"model": trained.model, "says": says(scores), "difference": apart, "seconds": round(trained.seconds, 1)}

    def retrain(self, seed: int) -> dict[str, Any]:
        """One full training with another seed, and what it is worth: a service is started on what it wrote."""
        with training_copy(self.project, self.work) as copy:
            trained = self._trained(copy, seed)
            scores = copy.scores(self.bundle.schema, self.workspace.sandbox())
            with ProjectInputs(Workspace(copy.project, self.workspace.clock), build=True, progress=silent) as inputs:
                waited = _latency(inputs)
                if inputs.get("bundle").schema != self.bundle.schema:
                    raise DataError("its model takes or gives something else than the model itself.", hint="Compare the two graphs.")
        metrics = measures(scores, self.declared.metric) | {"p95_ms": waited}
        return {
            "seed": seed, "train": self.train_digest, "model": trained.model, "says": says(scores), "metrics": metrics,
            "seconds": round(trained.seconds, 1),
        }  # fmt: skip

    def by_chance(self, number: int) -> dict[str, Any]:
        """A training on labels that mean nothing, scored on true ones."""
        with training_copy(self.project, self.work) as copy:
            for offset, table in enumerate(("train", "validation")):
                if getattr(self.project.data, table) is not None:
                    rows = len(seconds_of_rows(getattr(self.project.data, table), None))
                    copy.replace(table, np.arange(rows), labels_of=shuffled(rows, 2 * number + offset))
            return {"score": self._score(copy, number)}

    def fold(self, seed: int, fold: Fold) -> dict[str, Any]:
        """A training on the past of a fold, scored on what came after."""
        with training_copy(self.project, self.work) as copy:
            copy.replace("train", fold.train)
            if len(fold.validation):
                copy.replace("validation", fold.validation, source="train")
            copy.replace("test", fold.test, source="train")
            score = self._score(copy, seed)
        ends = {key: getattr(fold, key) for key in ("train_start", "train_end", "test_start", "test_end")}
        return {**ends, "score": score, "train_rows": len(fold.train), "test_rows": len(fold.test)}

    @property
    def bundle(self) -> Bundle:
        found: Bundle = self.inputs.get("bundle")
        return found

    @cached_property
    def train_digest(self) -> str:
        return str(self.inputs.digest("train"))

    @cached_property
    def folds(self) -> tuple[Fold, ...]:
        """The folds of the training table. Raises DataError when its rows do not do for them."""
        data = self.project.data
        train: Path = self.inputs.get("train_file")
        held_back = 0.0
        if data.validation is not None:
            behind, before = len(seconds_of_rows(data.validation, None)), len(seconds_of_rows(train, None))
            held_back = behind / (behind + before)
        groups = None if data.group is None else np.asarray([str(one) for one in self.inputs.get("train").column(data.group)])
        if data.embargo and data.time is None:
            raise UsageError("data.embargo is a time, and no column says when a row is.", hint="Add `data: {time: COLUMN}`.")
        try:
            return expanding_folds(
                seconds_of_rows(train, data.time), self.declared.folds, embargo=data.embargo or 0.0, held_back=held_back, groups=groups
            )
        except ValueError as error:
            raise DataError(f"the training table gives no {self.declared.folds} folds: {error}.", hint="See `certify.folds`.") from error

    def _trained(self, copy: TrainingCopy, seed: int) -> Trained:
        """A training on all rows. Raises DataError for one of another recipe."""
        trained = copy.train(seed, self.workspace.sandbox())
        if digest(trained.record["params"]) != digest(self.own["params"]):
            raise DataError(
                f"it recorded other parameters than the model: {_otherwise(self.own['params'], trained.record['params'])}.",
                hint="Certify what `code.train` makes; the seed is no parameter.",
            )
        return trained

    def _score(self, copy: TrainingCopy, seed: int) -> float:
        copy.train(seed, self.workspace.sandbox())
        return METRICS[self.declared.metric](copy.scores(self.bundle.schema, self.workspace.sandbox()))


def _latency(inputs: ProjectInputs) -> float:
    """P95 of a single client, ms, as the gate's own check measures it."""
    measured = catalogue.load("checks", "latency")(LATENCY).measure(endpoint=inputs.get("endpoint"), bundle=inputs.get("bundle"))
    return round(float(measured.facts["p95"].value), 3)


def _otherwise(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    names = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    return ", ".join(f"{name} is {other.get(name)!r}, not {one.get(name)!r}" for name in names[:3])
