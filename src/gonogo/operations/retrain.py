"""`gonogo retrain`: the project's training, step by step, on the record; then what becomes of the model that it left.

How far a new model goes, and where it stops:

    steps done ─▶ is it a model, of the same shape? ─▶ better than the one in production? ─▶ the gate ─▶ signed? ─▶ release, `staging`
       │ failed            │ failed: put back             │ rejected: put back             │ refused   │ waiting      └▶ `production`
       └ put back

1. What a training may write is kept aside before it begins. A training that fails, or whose model is not better, changes no file of the
   project: what it wrote is set aside (`left-N`), and what was there before is put back. Nothing is registered then.
2. A model that the gate refuses, or that waits for signatures, stays where it is: people have to look at it, and sign for it.
3. No machine signs for a person. What is pre-authorised is the way after a GO: to `staging` always, to `production` only when the policy
   in force says so (`retrain.then`), the champion could be compared and was beaten, and no item is waived.
4. One training at a time runs for a store, and none begins while the model of the last one waits or was refused: one step back is
   always the champion. A kill at any moment leaves one that `resume` goes on with, or the next one clears away.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from typing import Any

from gonogo.candidate.kept import keep
from gonogo.errors import ChildError, ConflictError, GonogoError, NotFoundError
from gonogo.operations.challenge import challenge, in_production
from gonogo.operations.promotion import FINAL, Doors, Retrained, settle
from gonogo.operations.retrain_steps import folder_of, present_model, restore, run_steps, steps_of, written_by
from gonogo.operations.trainings import LOST, alone, record, training, trainings, waiting
from gonogo.operations.workspace import Workspace

KEPT = 5  #: so many trainings keep what they wrote; of older ones only the logs stay


def retrain(workspace: Workspace, *, reason: str = "by hand", doors: Doors | None = None) -> Retrained:
    """Train from the beginning, and take what comes of it as far as it goes.

    Raises NotFoundError when nothing is declared that trains, ConflictError while another training runs or its model waits, ChildError,
    ModelError and DataError when the training fails or leaves no model that could ship: that is in the log as well, and the files are as
    before.
    """
    _asked(workspace)
    now = workspace.clock.now()
    name = f"retrain-{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"  # two can begin within one second
    with alone(workspace):
        _clear(workspace)
        if (other := waiting(workspace, trainings(workspace, locked=True))) is not None:
            raise ConflictError(
                f"{other['id']} has left a model that is {other['outcome']}: another one would hide the champion behind it.",
                hint="Take it further: gonogo retrain --resume; or drop it: gonogo retrain --put-back; then train again.",
            )
        kept = keep(workspace.project.root, written_by(workspace.project), folder_of(workspace, name) / "before")
        steps = {step.name: list(step.run) for step in steps_of(workspace.project)}
        record(workspace, name, "started", {"reason": reason, "steps": steps, "model": present_model(workspace), "kept": kept})
        return _train(workspace, name, kept, doors or Doors())


def resume(workspace: Workspace, *, doors: Doors | None = None) -> Retrained:
    """Go on with the last training: after the last step that is whole, or, when it waited for people, at the gate.

    Raises NotFoundError when there is nothing to go on with, ConflictError when another model or other declarations lie there now; else
    as `retrain`.
    """
    _asked(workspace)
    with alone(workspace):
        last = next(reversed(trainings(workspace, locked=True)), None)
        if last is None or last.get("outcome") in FINAL or not last["kept"] or (last.get("put_back") and last["state"] == "done"):
            raise NotFoundError("there is no training to go on with.", hint="Begin one: gonogo retrain")
        name, kept = str(last["id"]), last["kept"]
        if last["state"] == "done":
            return settle(workspace, _compared_again(workspace, last), doors or Doors())
        if kept.keys() != set(written_by(workspace.project)):
            raise ConflictError(f"gonogo.yaml declares other files than when {name} began.", hint="Begin anew: gonogo retrain")
        restore(workspace, name, kept)
        record(workspace, name, "resumed")
        return _train(workspace, name, kept, doors or Doors())


def take_back(workspace: Workspace) -> tuple[str, list[str]]:
    """Put back what lay there before the last training, and give its name and the files that were otherwise; what it wrote is set aside.

    Raises NotFoundError when there is nothing to put back, ConflictError while it runs.
    """
    with alone(workspace):
        last = next(reversed(trainings(workspace, locked=True)), None)
        if last is None or not last["kept"] or last.get("outcome") in FINAL or last.get("put_back"):
            raise NotFoundError("no training has left anything that could be put back.", hint="`gonogo retrain --status` lists them.")
        name = str(last["id"])
        changed = restore(workspace, name, last["kept"])
        if last.get("problem") == LOST:
            record(workspace, name, "failed", {"problem": "it was cut off, and what lay there before was put back"})
        record(workspace, name, "put back")
        return name, changed


def _train(workspace: Workspace, name: str, kept: Mapping[str, str | None], doors: Doors) -> Retrained:
    """Steps, model, comparison; anything that fails puts the files back."""
    try:
        done = run_steps(workspace, name, kept, told=doors.told)
        model = present_model(workspace)
        if model is None:
            shown = workspace.project.shown(workspace.project.model.path)
            raise ChildError(f"the training left no model at {shown}.", hint=f"See the logs in {folder_of(workspace, name)}.")
        changed = model != training(workspace, name)["before"]
        compared = challenge(workspace) if changed else None
    except BaseException as error:
        restore(workspace, name, kept)
        problem = error.message if isinstance(error, GonogoError) else f"it was interrupted: {error!r}"
        record(workspace, name, "failed", {"problem": problem})
        raise
    body = {"model": model, "changed": changed, "seconds": round(sum(one.seconds for one in done), 1)}
    record(workspace, name, "done", body | ({"comparison": compared.to_json()} if compared else {}))
    return settle(workspace, training(workspace, name), doors)


def _compared_again(workspace: Workspace, made: Mapping[str, Any]) -> Mapping[str, Any]:
    """A training that is done, compared with what is in production now: while it waited, that may have become another release. One that
    is in production itself by now stays compared with what was there before it."""
    if not made["changed"] or present_model(workspace) != made["model"]:
        return made  # nothing to compare, or not this one: that is said where it is settled
    live = in_production(workspace)
    if live is not None and live[1].model_digest == made["model"]:
        return made
    compared = challenge(workspace)
    found = compared.to_json() if compared else None
    if found != made.get("comparison"):
        record(workspace, str(made["id"]), "compared", {"comparison": found})
    return {**made, "comparison": found}


def _asked(workspace: Workspace) -> None:
    if not steps_of(workspace.project):
        raise NotFoundError("nothing is declared that trains.", hint="Add `code: {train: python train.py}` to gonogo.yaml.")


def _clear(workspace: Workspace) -> None:
    """What a training that was cut off left is set aside, and of old trainings only the logs are kept."""
    made = trainings(workspace, locked=True)
    if made and made[-1]["kept"] and (made[-1].get("problem") == LOST or (made[-1]["state"] == "done" and not made[-1].get("outcome"))):
        restore(workspace, str(made[-1]["id"]), made[-1]["kept"])
        record(workspace, str(made[-1]["id"]), "failed", {"problem": "it was cut off, and another one was begun"})
    for one in made[: -KEPT + 1]:
        for folder in folder_of(workspace, str(one["id"])).glob("*"):
            if folder.is_dir():
                shutil.rmtree(folder, ignore_errors=True)
