"""`gonogo certify`: is the model good again and again? Trains again, measures, and signs what came of it.

The steps (`certification_steps.py`): the model itself is measured, and trained once more with its own seed and data, which must give it
again; then one full retrain for each seed; then trainings on shuffled labels, which say what chance alone would reach; then the folds of a
cross-validation that goes forward in time, for each seed.

A step that ended is kept in the store, sealed, and not made again by the same plan; one that did not end has left nothing. So a
certification that was killed goes on where it was. The plan is everything that decides what comes out: model, sources, tables, seeds.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

from gonogo.base.canonical import digest
from gonogo.base.clock import parse_stamp, stamp
from gonogo.base.files import exclusive, storage
from gonogo.candidate.certificate import seal_certificate
from gonogo.candidate.folds import permutation_p
from gonogo.candidate.run_record import read_run
from gonogo.checklist.items import Checklist
from gonogo.checklist.load import load_pack
from gonogo.checklist.project import Project
from gonogo.errors import ConflictError, GonogoError, NotFoundError, RefusedError, UsageError, VerificationError
from gonogo.evidence.checks.certification import Certification
from gonogo.evidence.collect import collect, current_inputs
from gonogo.evidence.digests import FileDigests
from gonogo.evidence.inputs import SourceTree
from gonogo.evidence.retrains import different, not_again, shortfalls
from gonogo.evidence.sealed import SealedFolder
from gonogo.model.formats import shipped_digest
from gonogo.operations.certificates import attempts, bound_to, record_attempt, record_certificate, standing
from gonogo.operations.certification_steps import Steps
from gonogo.operations.inputs import ProjectInputs
from gonogo.operations.progress import Progress, silent
from gonogo.operations.workspace import Workspace
from gonogo.release.bundle import Bundle
from gonogo.verdict.judge import Answer, judge
from gonogo.verdict.outcome import GOOD

CONDITIONS = ("information_drop", "synthetic")  #: checks whose items are part of a certification, beside the retrains


@dataclass(frozen=True)
class Certified:
    """What came of it. `reasons` are what keeps it from being certified, () when it is; `said` is what the certificate says, or would."""

    system: str
    model: str
    reasons: tuple[str, ...]
    said: Mapping[str, Any]
    envelope: bytes | None

    @property
    def green(self) -> bool:
        return not self.reasons

    def to_json(self) -> dict[str, Any]:
        return {
            "format": "gonogo-certification/1", "system": self.system, "model": self.model, "certified": self.green,
            "reasons": list(self.reasons), **self.said,
        }  # fmt: skip


def wants_certificate(workspace: Workspace) -> bool:
    """Whether the project's pack asks for one."""
    return bool(_requirements(load_pack(workspace.project.pack, workspace.project).gate))


def certify(workspace: Workspace, *, progress: Progress = silent) -> Certified:
    """Certify the model as it lies there, or say why not. Goes on where an earlier call with the same plan ended.

    Raises NotFoundError (no training, no run record, no training table), UsageError (a pack that asks for no certificate, a seed that is
    the model's own), ConflictError (another certification runs; the project changed meanwhile), RefusedError (a seed that changes
    nothing), and what a training does wrong: ChildError, DataError, ModelError. Then nothing is signed, and the log says why.
    """
    lock = exclusive(
        workspace.path / "certify" / "lock", "a certification of this project runs already.", hint="`gonogo log` says since when."
    )
    with lock, ProjectInputs(workspace, build=True, progress=progress) as inputs:
        work = _Certification(workspace, inputs, progress)
        work.record("started", {})
        try:
            found = work.run()
        except GonogoError as error:
            work.record("failed", {"problem": error.message})
            raise
        except BaseException as error:
            work.record("failed", {"problem": f"it was interrupted: {error!r}"})
            raise
        work.record("certified" if found.green else "not certified", {"reasons": list(found.reasons)})
        return found


def holding(workspace: Workspace) -> dict[str, Any]:
    """The newest certificate as it stands today: what it says, and `voided`, why it does not hold. Raises NotFoundError without one."""
    with ProjectInputs(workspace, build=True, progress=silent) as inputs:
        found = standing(workspace, inputs.get("bundle"))
    about = {"system": found.certificate.system, "model": found.certificate.model, "voided": list(found.voided)}
    return {"format": "gonogo-certification/1", **about, **found.certificate.said}


class _Certification:
    """One certification as it goes."""

    def __init__(self, workspace: Workspace, inputs: ProjectInputs, progress: Progress) -> None:
        self.workspace = workspace
        self.project: Project = workspace.project
        self.declared = self.project.certify
        self.inputs = inputs
        self.progress = progress
        self.checklist = load_pack(self.project.pack, self.project).gate
        self.green = _requirements(self.checklist)
        if not self.green:
            raise UsageError(
                f"the pack {self.project.pack} asks for no certificate.",
                hint="Take `pack: certified-model`, or one of your own with an item of the check `certification`.",
            )
        if self.project.run_record is None:
            raise NotFoundError("the project declares no run record.", hint="Call gonogo.record_run at the end of the training script.")
        self.own = read_run(self.project.run_record)
        if self.own["seed"] is None:
            raise UsageError(
                "the run record names no seed, so nobody can train the model again.",
                hint="Take it from GONOGO_SEED, hand it to record_run, and train.",
            )
        if self.own["seed"] in self.declared.seeds:
            raise UsageError(
                f"{self.own['seed']} is the seed of the model itself: a retrain with the same seed and data is a copy.",
                hint="Name other seeds: `certify: {seeds: [1, 2, 3]}`.",
            )
        self.same_within = min(float(options["same_within"]) for options in _asked(self.checklist))
        self.bundle: Bundle = inputs.get("bundle")
        self.model = shipped_digest(self.project.model.path)
        self.bound = bound_to(workspace, self.bundle.schema)
        self.plan = self.planned()
        self.folder = workspace.path / "certify"
        self.work = self.folder / "work"
        self.kept = self.folder / self.plan.removeprefix("sha256:")
        self.journal = SealedFolder(self.kept)
        self.steps = Steps(workspace, inputs, self.own, self.work)
        self.again: Mapping[str, Any] | None = None  #: the model's own training once more; None before it was made
        seeds, folds = len(self.declared.seeds), self.declared.folds
        self.total = 2 + seeds + self.declared.permutations + seeds * folds
        self.done = 0

    def planned(self) -> str:
        """The digest of everything that decides what comes out, as it lies there now."""
        files = FileDigests()
        return digest(
            {
                "format": "gonogo-certification-plan/3",
                "gonogo": version("gonogo"),
                "system": self.project.system,
                "model": shipped_digest(self.project.model.path),
                "bound": bound_to(self.workspace, self.bundle.schema),
                "train": list(self.project.code.train or ()),
                "sources": SourceTree.read(self.project.root, self.project.code.paths).digest(files),
                "declared": self.project.digest("certify"),
                "green": list(self.green),
                "same_within": self.same_within,
            }
        )

    def record(self, state: str, more: Mapping[str, Any]) -> None:
        record_attempt(self.workspace, state, {"plan": self.plan, "model": self.model, **more})

    # -- the steps -------------------------------------------------------------------------------------------------------------------

    def run(self) -> Certified:
        """All steps, until one shows that there will be no certificate: more trainings would not make it one."""
        with storage(self.work, "clear"):
            shutil.rmtree(self.work, ignore_errors=True)
        conditions = self.conditions()
        of_model = self.step("model", "the model itself", self.steps.of_model)
        if self.ends(of_model) <= self.workspace.clock.now():  # what is too old for a certificate is measured anew, all of it
            with storage(self.kept, "clear"):
                shutil.rmtree(self.kept)
            self.done = 0
            of_model = self.step("model", "the model itself", self.steps.of_model)
        self.until = self.ends(of_model)
        own = {"seed": self.own["seed"], "train": self.steps.train_digest} | of_model
        series = [own]
        if self.short(series, conditions):
            return self.judged(series, [], conditions)
        self.again = self.step("again", f"the model again, seed {own['seed']}", self.steps.again)
        for number, seed in enumerate(self.declared.seeds, 1):
            if self.short(series, conditions):
                return self.judged(series, [], conditions)
            run = self.step(f"run-{number}", f"retrain {number}, seed {seed}", partial(self.steps.retrain, seed))
            self.must_differ(series, run)
            series.append(run)
        if self.short(series, conditions):
            return self.judged(series, [], conditions)
        by_chance = [
            self.step(f"chance-{number}", f"shuffled labels {number}", partial(self.steps.by_chance, number))["score"]
            for number in range(1, self.declared.permutations + 1)
        ]
        for run in series:
            run["metrics"]["permutation_p"] = permutation_p(run["metrics"]["score"], by_chance)
        if self.short(series, conditions):
            return self.judged(series, by_chance, conditions)
        for number, run in enumerate(series[1:], 1):
            run["folds"] = [
                self.step(f"run-{number}-fold-{index}", f"retrain {number}, fold {index}", partial(self.steps.fold, run["seed"], fold))
                for index, fold in enumerate(self.steps.folds, 1)
            ]
            scores = [one["score"] for one in run["folds"]]
            run["metrics"] |= {"cv_mean": float(np.mean(scores)), "cv_std": float(np.std(scores, ddof=1)), "cv_last": scores[-1]}
        return self.judged(series, by_chance, conditions)

    def step(self, name: str, what: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """A step's result: kept from before, or made now and kept. Raises with what it was in front."""
        self.progress(what, self.done, self.total)
        self.done += 1
        mine = {"plan": self.plan, "step": name}  # sealed with it: a result counts for the step that made it, and for no other
        try:
            kept = self.journal.read(f"{name}.json")
            if kept is not None and {key: kept.pop(key, None) for key in mine} != mine:
                raise ValueError("it is another step's")
        except (OSError, ValueError) as error:
            raise VerificationError(
                f"the result {name} of an earlier certification is not believed: {error}.",
                hint=f"Remove {self.project.shown(self.folder)}; its steps will be made again.",
            ) from error
        if kept is not None:
            return dict(kept)
        try:
            made = make()
        except GonogoError as error:
            error.message = f"{what}: {error.message}"
            raise
        if self.planned() != self.plan:  # a step of two states is a step of none
            raise ConflictError("the project changed while it was certified.", hint="Run `gonogo certify` again; it begins anew.")
        self.journal.write(f"{name}.json", made | mine)
        return made

    def ends(self, of_model: Mapping[str, Any]) -> datetime:
        """Until when a certificate holds that begins with this step: its time runs from what was measured first, not from the signature."""
        return parse_stamp(of_model["measured"]) + timedelta(seconds=self.declared.valid)

    def must_differ(self, before: Sequence[Mapping[str, Any]], run: Mapping[str, Any]) -> None:
        if different([*before, run])[1] > different(before)[1]:
            same = next(one["seed"] for one in before if one["says"] == run["says"])
            raise RefusedError(
                f"the retrain with seed {run['seed']} says the same as that with seed {same}: the seed changes nothing.",
                hint="Let the training use GONOGO_SEED. What has no chance in it is as good as it is once; only newer data make a retrain.",
            )

    # -- what follows ----------------------------------------------------------------------------------------------------------------

    def short(self, series: Sequence[Mapping[str, Any]], conditions: Sequence[Mapping[str, Any]]) -> list[str]:
        """What stands against a certificate, in words, as far as it is measured."""
        good = {str(outcome) for outcome in GOOD}
        reasons = [f"{one['item']}: {one['reason']}" for one in conditions if one["outcome"] not in good]
        for number, run in enumerate(series):
            title = f"retrain {number} (seed {run['seed']})" if number else "the model"
            reasons += [f"{title}: {short}" for short in shortfalls(run["metrics"], self.green, known_only=True)]
        if self.again is not None:
            reasons += [f"the model: {short}" for short in not_again(self.again, self.same_within)]
        return reasons

    def judged(self, series: Sequence[Mapping[str, Any]], by_chance: Sequence[float], conditions: Sequence[Mapping[str, Any]]) -> Certified:
        """The certificate, or what stands against it. The model itself comes first in the series."""
        own, *runs = series
        reasons = self.short(series, conditions)
        if not reasons:  # then all steps were made, and a metric that is missing still is a reason
            missing = [(number, short) for number, run in enumerate(runs, 1) for short in shortfalls(run["metrics"], self.green)]
            reasons = [f"retrain {number}: {short}" for number, short in missing]
        said = {
            "bound": self.bound,
            "plan": self.plan,
            "issued": stamp(self.workspace.clock.now()),
            "valid_until": stamp(self.until),
            "seed": own["seed"],
            "metrics": own["metrics"],
            "again": self.again,
            "runs": runs,
            "by_chance": list(by_chance),
            "conditions": list(conditions),
            "attempts": attempts(self.workspace, self.model),
            "gonogo": version("gonogo"),
        }
        envelope = None
        if not reasons:
            envelope = seal_certificate(self.project.system, self.model, said, self.workspace.signer())
            record_certificate(self.workspace, self.model, envelope)
        self.progress("", self.total, self.total)
        return Certified(self.project.system, self.model, tuple(reasons), said, envelope)

    def conditions(self) -> list[dict[str, Any]]:
        """The pack's items on feature selection and synthetic rows, measured and judged as at the gate."""
        asked = tuple(item for item in self.checklist.items if item.check in CONDITIONS)
        if not asked:
            return []
        checklist = replace(self.checklist, items=asked)
        evidence = collect(checklist, self.inputs, clock=self.workspace.clock, previous={})
        overrides = self.project.items.items()
        verdict = judge(
            checklist,
            system=self.project.system,
            subject=self.bundle.digest,
            evidence=evidence,
            current_inputs=current_inputs(checklist, self.inputs),
            sign_offs=[],
            answers={item: Answer(one.applies, one.reason) for item, one in overrides if one.applies is not None},
            now=self.workspace.clock.now(),
        )
        return [{"item": one.item, "outcome": str(one.outcome), "reason": one.reason} for one in verdict.items]


def _asked(checklist: Checklist) -> list[Mapping[str, Any]]:
    """The options of the items that ask for certification, with what they leave to the check."""
    return [{**Certification.options, **item.options} for item in checklist.items if item.check == "certification"]


def _requirements(checklist: Checklist) -> tuple[str, ...]:
    """What a green run must meet: the option `green` of the items."""
    return tuple(dict.fromkeys(text for options in _asked(checklist) for text in options["green"]))
