"""`gonogo retrain`: run the project's training (`code.train`) once, on the record; and the findings that ask for it.

One training at a time runs for a store. It begins and ends with an event of the signed log that has the reason, and what it printed lies in
`retrain/` of the store. It leaves a candidate where `model.path` is, like any training: nothing is judged, released or promoted by it. A
training that fails, or that leaves the model as it was, is told as that.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gonogo import settings
from gonogo.base.canonical import digest
from gonogo.base.clock import parse_stamp, stamp
from gonogo.base.files import storage, write_atomic
from gonogo.errors import ChildError, ConflictError, GonogoError, NotFoundError
from gonogo.evidence.commands import run_command
from gonogo.model.formats import shipped_digest
from gonogo.monitor.retraining import Reason, reasons
from gonogo.operations.health import watched
from gonogo.operations.live import live_release
from gonogo.operations.watch import last_watch
from gonogo.operations.workspace import Workspace

KIND = "retrain"


@dataclass(frozen=True)
class Retrained:
    """A training that ended well. `model` is the digest of the candidate, `changed` whether it is another one than before."""

    id: str
    seconds: float
    model: str
    changed: bool
    log: Path


def retrain(workspace: Workspace, *, reason: str = "by hand") -> Retrained:
    """Train once. Raises NotFoundError when nothing is declared that trains, ConflictError while another training runs, ChildError when it
    fails or runs too long: that is in the log as well."""
    command = workspace.project.code.train
    if command is None:
        raise NotFoundError("nothing is declared that trains.", hint="Add `code: {train: python train.py}` to gonogo.yaml.")
    now = workspace.clock.now()
    name = f"retrain-{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"  # two can begin within one second
    log = _folder(workspace) / f"{name}.log"
    with _alone(workspace):
        before = _model(workspace)
        _record(workspace, name, "started", {"reason": reason, "command": list(command), "model": before})
        try:
            done = run_command(command, folder=workspace.project.root, seconds=settings.number("retrain_seconds"))
            write_atomic(log, f"{done.output}\n{done.errors}".encode())
            if done.exit_code:
                raise ChildError(f"the training ended with {done.exit_code}: {done.complaint}", hint=f"See {log}.")
            after = _model(workspace)
            if after is None:
                raise ChildError(
                    f"the training left no model at {workspace.project.shown(workspace.project.model.path)}.", hint=f"See {log}."
                )
        except GonogoError as error:
            _record(workspace, name, "failed", {"problem": error.message})
            raise
        except BaseException as error:
            _record(workspace, name, "failed", {"problem": f"it was interrupted: {error!r}"})
            raise
        _record(
            workspace,
            name,
            "done",
            {"model": after, "changed": after != before, "seconds": round(done.seconds, 1), "log": digest(done.output)},
        )
    return Retrained(name, done.seconds, after, after != before, log)


def trainings(workspace: Workspace) -> list[Mapping[str, Any]]:
    """Every training on record, oldest first: `id`, `reason`, `started`, `state` (started, done, failed), `ended`, `problem`, `changed`. It
    has failed when it is `started` and its process is gone."""
    found: dict[str, dict[str, Any]] = {}
    for event in workspace.store().events(kinds=[KIND]) if workspace.has_log() else ():
        body = event.body
        if body.get("system") != workspace.project.system:
            continue
        if body["state"] == "started":
            found[body["id"]] = {"id": body["id"], "reason": body["reason"], "started": event.time, "state": "started", "ended": None}
        else:
            more = {key: body[key] for key in ("problem", "changed") if key in body}
            found.setdefault(body["id"], {"id": body["id"]}).update({"state": body["state"], "ended": event.time, **more})
    running = _is_running(workspace)
    for one in found.values():
        if one["state"] == "started" and not (running and one is list(found.values())[-1]):
            one |= {"state": "failed", "problem": "it ended without a word"}
    return list(found.values())


def retraining(workspace: Workspace, now: datetime) -> dict[str, Any]:
    """What asks for a training now, and what was trained: `reasons` [{cause, words}], `days` since the last training, when that was
    (`trained`), and all `trainings`."""
    made = trainings(workspace)
    record = watched(last_watch(workspace), now)
    since = _trained(workspace, made)
    asked = reasons(record["alarms"], trained=since, every_seconds=workspace.project.retrain.every, now=now)
    return {
        "reasons": [{"cause": one.cause, "words": one.words} for one in asked],
        "days": (now - since).total_seconds() / 86400,
        "trained": stamp(since),
        "trainings": made,
    }


def asked_for(workspace: Workspace, now: datetime) -> list[Reason]:
    """The reasons that start a training by themselves now: those that the project declares, when the last one is long enough ago."""
    declared, made = workspace.project.retrain, trainings(workspace)
    if not declared.when or (made and (now - parse_stamp(made[-1]["started"])).total_seconds() < declared.at_most_every):
        return []
    record = watched(last_watch(workspace), now)
    found = reasons(record["alarms"], trained=_trained(workspace, made), every_seconds=declared.every, now=now)
    return [one for one in found if one.cause in declared.when]


def _trained(workspace: Workspace, made: list[Mapping[str, Any]]) -> datetime:
    """When there was a training last: one on record, else when the release in production was sealed."""
    done = [parse_stamp(one["ended"]) for one in made if one["state"] == "done"]
    live = live_release(workspace)
    version = next(entry for entry in workspace.registry().state().releases.values() if entry.ref == live.release)
    return max([*done, parse_stamp(version.sealed_at)])


def _record(workspace: Workspace, name: str, state: str, more: Mapping[str, Any]) -> None:
    body = {"system": workspace.project.system, "id": name, "state": state, **more}
    with workspace.store().transaction() as tx:
        tx.append(KIND, body, settings.actor())


def _model(workspace: Workspace) -> str | None:
    path = workspace.project.model.path
    return shipped_digest(path) if path.exists() else None


def _folder(workspace: Workspace) -> Path:
    return workspace.path / "retrain"


@contextmanager
def _alone(workspace: Workspace) -> Iterator[None]:
    """Holds the lock of trainings; it ends with the process, however that ends. Raises ConflictError when another one holds it."""
    path = _folder(workspace) / "lock"
    with storage(path, "lock"):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConflictError("a training of this project runs already.", hint="`gonogo log` says since when.") from None
        yield
    finally:
        os.close(handle)


def _is_running(workspace: Workspace) -> bool:
    if not (_folder(workspace) / "lock").is_file():
        return False
    try:
        with _alone(workspace):
            return False
    except ConflictError:
        return True
