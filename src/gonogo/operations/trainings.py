"""The trainings on record: what the signed log says of them, which runs now, and what asks for another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

from gonogo import settings
from gonogo.base.clock import parse_stamp, stamp
from gonogo.base.files import exclusive
from gonogo.errors import ConflictError, NotFoundError
from gonogo.monitor.retraining import Reason, reasons
from gonogo.operations.challenge import in_production
from gonogo.operations.health import watched
from gonogo.operations.last_watch import last_watch
from gonogo.operations.live import live_release
from gonogo.operations.retrain_steps import present_model, step_events
from gonogo.operations.workspace import Workspace

KIND = "retrain"
LOST = "it ended without a word"
SAID = ("problem", "changed", "model", "seconds", "comparison", "outcome", "words", "version")  #: what later events add to a training


def trainings(workspace: Workspace, *, locked: bool = False) -> list[Mapping[str, Any]]:
    """Every training on record, oldest first: `id`, `reason`, `started`, `state` (started, done, failed), `ended`, and as far as there
    are such `problem`, `model` and `changed`, `comparison` with the release in production, `outcome` with `words` and `version`, `before`
    (the model before it), `kept` (what was kept aside, by path), `put_back`. It has failed when it is `started` and its process is
    gone; the caller that has `locked` knows that none runs."""
    found: dict[str, dict[str, Any]] = {}
    for event in workspace.store().events(kinds=[KIND]) if workspace.has_log() else ():
        body = event.body
        if body.get("system") != workspace.project.system:
            continue
        name, state = body["id"], body["state"]
        if state == "started":
            before = {"kept": body.get("kept"), "before": body.get("model")}
            found[name] = {"id": name, "reason": body["reason"], "started": event.time, "state": state, "ended": None, **before}
            continue
        one = found.setdefault(name, {"id": name, "reason": "", "started": event.time, "kept": None, "before": None})
        if state == "resumed":
            one.pop("problem", None)
            one |= {"state": "started", "ended": None, "put_back": False}
        elif state in ("done", "failed"):
            one |= {"state": state, "ended": event.time}
        elif state == "put back":
            one |= {"put_back": True}
        one |= {key: body[key] for key in SAID if key in body}
    last = list(found.values())[-1:]
    for one in found.values():
        if one["state"] == "started" and (locked or one not in last or not is_running(workspace)):
            one |= {"state": "failed", "problem": LOST}
    return list(found.values())


def retraining(workspace: Workspace, now: datetime) -> dict[str, Any]:
    """What asks for a training now, and what was trained: `reasons` [{cause, words}], `days` since the last training, when that was
    (`trained`), and all `trainings`, each with its `steps`. `days` and `trained` are None when nothing was ever trained or put live."""
    made = trainings(workspace)
    record = watched(last_watch(workspace), now)
    since = _trained(workspace, made)
    every = workspace.project.retrain.every
    asked = [] if since is None else reasons(record["alarms"], trained=since, every_seconds=every, now=now)
    return {
        "reasons": [{"cause": one.cause, "words": one.words} for one in asked],
        "days": None if since is None else (now - since).total_seconds() / 86400,
        "trained": None if since is None else stamp(since),
        "trainings": [{**one, "steps": _steps(workspace, one["id"])} for one in made],
    }


def asked_for(workspace: Workspace, now: datetime) -> list[Reason]:
    """The reasons that start a training by themselves now: those that the project declares, when the last one is long enough ago and
    its model is not waiting."""
    declared, made = workspace.project.retrain, trainings(workspace)
    if not declared.when or (made and (now - parse_stamp(made[-1]["started"])).total_seconds() < declared.at_most_every):
        return []
    record, since = watched(last_watch(workspace), now), _trained(workspace, made)
    if since is None:
        return []
    found = reasons(record["alarms"], trained=since, every_seconds=declared.every, now=now)
    asking = [one for one in found if one.cause in declared.when]
    return asking if asking and not waiting(workspace, made) else []


def training(workspace: Workspace, name: str) -> Mapping[str, Any]:
    """One training, as `trainings` has it."""
    return next(one for one in trainings(workspace) if one["id"] == name)


def waiting(workspace: Workspace, made: list[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The last training when its model lies there still and people have to do something about it: refused by the gate, or not signed for.
    None when another model lies there by now, or this one is in production."""
    last = made[-1] if made else None
    if last is None or last["state"] != "done" or last.get("outcome") not in ("waiting", "refused") or last.get("put_back"):
        return None
    if present_model(workspace) != last["model"]:
        return None
    live = in_production(workspace)
    return last if live is None or live[1].model_digest != last["model"] else None


def put_away_models(workspace: Workspace) -> dict[str, str]:
    """By its digest, every model that a training left and that was rejected, with the reason."""
    return {str(one["model"]): "; ".join(one["words"]) for one in trainings(workspace) if one.get("outcome") == "rejected"}


def was_cut_off(workspace: Workspace) -> bool:
    """Whether the last training was ended by something from outside (a kill, a power cut), and the project lets it go on by itself."""
    made = trainings(workspace) if workspace.project.retrain.when else []
    return bool(made) and made[-1].get("problem") == LOST and bool(made[-1]["kept"])


def record(workspace: Workspace, name: str, state: str, more: Mapping[str, Any] | None = None) -> None:
    """An event of a training."""
    body = {"system": workspace.project.system, "id": name, "state": state, **(more or {})}
    with workspace.store().transaction() as tx:
        tx.append(KIND, body, settings.actor())


@contextmanager
def alone(workspace: Workspace) -> Iterator[None]:
    """Holds the lock of trainings; it ends with the process, however that ends. Raises ConflictError when another one holds it."""
    busy = "a training of this project runs already."
    with exclusive(workspace.path / "retrain" / "lock", busy, hint="`gonogo retrain --status` says how far it is."):
        yield


def is_running(workspace: Workspace) -> bool:
    """Whether a process holds the lock of trainings."""
    if not (workspace.path / "retrain" / "lock").is_file():
        return False
    try:
        with alone(workspace):
            return False
    except ConflictError:
        return True


def _trained(workspace: Workspace, made: list[Mapping[str, Any]]) -> datetime | None:
    """When there was a training last: one on record, else when the release in production was sealed."""
    found = [parse_stamp(one["ended"]) for one in made if one["state"] == "done"]
    with suppress(NotFoundError):  # nothing is in production yet
        live = live_release(workspace)
        found.append(parse_stamp(next(one for one in workspace.registry().state().releases.values() if one.ref == live.release).sealed_at))
    return max(found, default=None)


def _steps(workspace: Workspace, name: str) -> list[dict[str, Any]]:
    """The steps of a training as they stand: `step`, `state` (started, done, failed), `time`, and `seconds` or `problem`."""
    found: dict[str, dict[str, Any]] = {}
    for body in step_events(workspace, name):
        more = {key: body[key] for key in ("seconds", "problem", "wrote") if key in body}
        found[body["step"]] = {"step": body["step"], "state": body["state"], "time": body["time"], **more}
    return list(found.values())
