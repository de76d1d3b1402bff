"""The steps of a training: each a command of the project's in a child, journalled in the log, and done whole or not at all.

Rules:
1. Before the first step, what a training may write is kept aside (`before`). A step is done when its command has ended with 0, what it
   wrote is kept aside too, and the event that says so, with the digests of both, is in the log; in this order.
2. Its inputs are its command, what it reads (by default the project's sources), the lock of the packages, and every file that a training
   may write, as they are before it begins.
3. To resume, everything is put back as it was before; then steps are taken from what was kept of them, in their order, while their inputs
   are the same as they were; the first one of which that does not hold is run, and all after it.
4. A command that outlived its gonogo is ended before anything is resumed or put back.
5. A step that changes gonogo.yaml, the pack, the lock or the sources has failed, and they are put back (`retrain_guard.py`).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gonogo import settings
from gonogo.base.canonical import digest
from gonogo.base.tree import file_digest
from gonogo.candidate.kept import digests_of, is_whole, keep, put_back
from gonogo.candidate.run_record import LEDGER
from gonogo.checklist.declarations.retrain import RetrainStep
from gonogo.checklist.project import Project
from gonogo.errors import ChildError
from gonogo.evidence.commands import end_marked, run_command
from gonogo.evidence.digests import FileDigests
from gonogo.evidence.inputs import SourceTree
from gonogo.model.formats import shipped_digest
from gonogo.operations.retrain_guard import Guard, guarded, set_aside
from gonogo.operations.workspace import Workspace

KIND = "retrain_step"
LONGER = "Its `timeout` in gonogo.yaml, else GONOGO_RETRAIN_SECONDS, says how long it may take."
Told = Callable[[str, str], None]  #: which step, and what there is to say of it


def quiet(step: str, words: str) -> None:
    """Nothing is shown."""


@dataclass(frozen=True)
class Done:
    """A step that is whole: the digests of what it was made from and of what it wrote."""

    step: str
    inputs: Mapping[str, str]
    wrote: Mapping[str, str | None]
    seconds: float


def steps_of(project: Project) -> tuple[RetrainStep, ...]:
    """The declared steps; without any, the one command `code.train`; else none."""
    if project.retrain.steps or project.code.train is None:
        return project.retrain.steps
    return (RetrainStep("train", project.code.train),)


def written_by(project: Project) -> list[str]:
    """What a training may write, relative to the project: the model and what is declared beside it (its other exports, checkpoints and
    metadata are `files`), the tables, and `writes`."""
    model, data = project.model, project.data
    record = project.run_record or model.path.parent / "run.json"
    paths = [model.path, model.reference, model.pipeline, record, data.train, data.validation, data.test]
    paths += [path for step in steps_of(project) for path in step.writes]
    found = [path for path in paths if path is not None]
    sources = [path for path in project.code.paths if path != project.root / "."]
    for path in project.files.values():
        if path.is_relative_to(project.root) and path.suffix != ".py" and not any(path.is_relative_to(one) for one in [*found, *sources]):
            found.append(path)
    return list(dict.fromkeys(map(project.shown, found)))


def run_steps(workspace: Workspace, name: str, before: Mapping[str, str | None], *, told: Told = quiet) -> list[Done]:
    """Take what is whole, run the rest. `before` is what was kept first. Raises ChildError for a step that fails, hangs, or does not leave
    what it is declared to write."""
    journal = {one.step: one for one in done_steps(workspace, name)}
    found: list[Done] = []
    with guarded(workspace.project, list(before), folder_of(workspace, name)) as guard:
        for step in steps_of(workspace.project):
            earlier = journal.get(step.name)
            inputs = _inputs(workspace.project, step, list(before))
            kept = folder_of(workspace, name) / "steps" / step.name
            if earlier is not None and earlier.inputs == inputs and is_whole(kept, earlier.wrote):
                put_back(workspace.project.root, earlier.wrote, kept)
                told(step.name, "is whole already")
                found.append(earlier)
                continue
            journal = {}  # what follows a step that is run again is run again
            found.append(_run(workspace, name, step, inputs, list(before), guard, told))
    return found


def done_steps(workspace: Workspace, name: str) -> list[Done]:
    """The steps of a training that the log calls done, each as it was done last."""
    found: dict[str, Done] = {}
    for body in step_events(workspace, name):
        if body["state"] == "done":
            found[body["step"]] = Done(body["step"], body["inputs"], body["wrote"], body["seconds"])
        else:
            found.pop(body["step"], None)
    return list(found.values())


def step_events(workspace: Workspace, name: str) -> list[Mapping[str, Any]]:
    """What the log says of the steps of a training, in its order, each with its `time`."""
    events = workspace.store().events(kinds=[KIND])
    mine = (event for event in events if (event.body.get("system"), event.body.get("id")) == (workspace.project.system, name))
    return [{**event.body, "time": event.time} for event in mine]


def restore(workspace: Workspace, name: str, kept: Mapping[str, str | None]) -> list[str]:
    """End what may still run of a training, set aside what it wrote (`left-N`), and put back what lay there before. Names those files."""
    end_marked(mark_of(name))
    root, folder = workspace.project.root, folder_of(workspace, name)
    changed = [path for path, value in digests_of(root, list(kept)).items() if value != kept[path]]
    if changed:
        set_aside(root, changed, folder)
    return put_back(root, kept, folder / "before")


def present_model(workspace: Workspace) -> str | None:
    """The digest of the model that lies there now, as it would ship; None when there is none."""
    path = workspace.project.model.path
    return shipped_digest(path) if path.exists() else None


def folder_of(workspace: Workspace, name: str) -> Path:
    """Where everything about a training lies: what was kept, and what was printed."""
    return workspace.path / "retrain" / name


def mark_of(name: str) -> str:
    """What the commands of a training carry in their environment, to be found by."""
    return f"gonogo-{name}"


def _run(
    workspace: Workspace, name: str, step: RetrainStep, inputs: Mapping[str, str], paths: Sequence[str], guard: Guard, told: Told
) -> Done:
    project, folder = workspace.project, folder_of(workspace, name)
    number = sum(body["state"] == "started" and body["step"] == step.name for body in step_events(workspace, name)) + 1
    log = folder / (f"{step.name}.log" if number == 1 else f"{step.name}-{number}.log")
    _record(workspace, name, step.name, "started", {"command": list(step.run), "inputs": dict(inputs)})
    told(step.name, "begins")
    earlier = digests_of(project.root, paths)
    try:
        seconds = step.timeout or settings.number("retrain_seconds")
        with log.open("wb") as file:

            def said(data: bytes) -> None:
                file.write(data)
                file.flush()
                if lines := [line for line in data.decode("utf-8", "replace").split("\n") if line.strip()]:
                    told(step.name, lines[-1])

            try:
                ended = run_command(step.run, folder=project.root, seconds=seconds, mark=mark_of(name), said=said, longer=LONGER)
            except ChildError as error:
                raise ChildError(f"the step {step.name}: {error.message}", hint=f"{error.hint} See {log}.".strip()) from error
        if ended.exit_code:
            raise ChildError(f"the step {step.name} ended with {ended.exit_code}: {ended.complaint}", hint=f"See {log}.")
        if edited := guard.undo():
            hint = f"What it wrote there lies in {folder}. What a step shall write is named by its `writes`; gonogo.yaml can not be."
            raise ChildError(f"the step {step.name} changed {', '.join(edited)}, which was put back.", hint=hint)
        absent = [project.shown(path) for path in _owed(project, step) if not path.exists()]
        if absent:
            raise ChildError(f"the step {step.name} left nothing at {', '.join(absent)}.", hint=f"See {log}.")
        changed = [path for path, value in digests_of(project.root, paths).items() if value != earlier[path]]
        wrote = _kept(project.root, changed, folder / "steps" / step.name)
    except BaseException as error:
        if (edited := guard.undo()) and isinstance(error, ChildError):
            error.message += f" It had changed {', '.join(edited)}, which was put back."
        problem = error.message if isinstance(error, ChildError) else f"it was interrupted: {error!r}"
        _record(workspace, name, step.name, "failed", {"problem": problem})
        raise
    body = {"inputs": dict(inputs), "wrote": wrote, "seconds": round(ended.seconds, 1), "log": file_digest(log)}
    _record(workspace, name, step.name, "done", body)
    told(step.name, f"done in {ended.seconds:.1f} s")
    return Done(step.name, inputs, wrote, ended.seconds)


def _kept(root: Path, paths: Sequence[str], folder: Path) -> dict[str, str | None]:
    """Keep what a step wrote, in the place of what an earlier run of it that was not whole, or not the same, may have left."""
    shutil.rmtree(folder, ignore_errors=True)
    return keep(root, paths, folder)


def _owed(project: Project, step: RetrainStep) -> tuple[Path, ...]:
    """What the step must leave: its `writes`; of training and tuning the model, too."""
    return (*step.writes, *([project.model.path] if step.name in ("train", "tune") else []))


def _inputs(project: Project, step: RetrainStep, paths: Sequence[str]) -> dict[str, str]:
    found: dict[str, str | None] = {"command": digest(list(step.run))}
    if step.reads is not None:
        found |= digests_of(project.root, [project.shown(path) for path in step.reads])
    else:
        found["sources"] = _sources(project, paths)
    if project.environment is not None:
        found |= digests_of(project.root, [project.shown(project.environment)])
    found |= digests_of(project.root, paths)
    return {name: value or "missing" for name, value in found.items()}


def _sources(project: Project, paths: Sequence[str]) -> str:
    """The sources without what a training writes: otherwise every step would change what it was made from."""
    tree = SourceTree.read(project.root, project.code.paths)
    apart = [project.root / path for path in paths]
    files = tuple(file for file in tree.files if file.name != LEDGER and not any(file == one or file.is_relative_to(one) for one in apart))
    return SourceTree(tree.root, files, tree.links).digest(FileDigests())


def _record(workspace: Workspace, name: str, step: str, state: str, more: Mapping[str, Any]) -> None:
    body = {"system": workspace.project.system, "id": name, "step": step, "state": state, **more}
    with workspace.store().transaction() as tx:
        tx.append(KIND, body, settings.actor())
