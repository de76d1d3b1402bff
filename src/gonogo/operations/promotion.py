"""What becomes of the model that a training left: refused, or waiting for people, or released and staged, or rolled out.

The order of `operations/retrain.py`, from its comparison on. Every end is an event of the training, with the reason in words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gonogo.base.files import write_atomic
from gonogo.errors import ConflictError, GonogoError
from gonogo.operations.certify import certify, wants_certificate
from gonogo.operations.check import Checked, check
from gonogo.operations.policy import AUTHORISED
from gonogo.operations.progress import Progress, silent
from gonogo.operations.release import release
from gonogo.operations.retrain_steps import Told, done_steps, folder_of, present_model, quiet, restore
from gonogo.operations.rollout import Seen, start
from gonogo.operations.sign import open_items
from gonogo.operations.staging import stage
from gonogo.operations.trainings import record
from gonogo.operations.workspace import Workspace
from gonogo.reports.html import render_html
from gonogo.verdict.outcome import GOOD, Decision, Outcome

FINAL = frozenset({"unchanged", "rejected", "staging", "production"})
REFUSED = "mend it, then gonogo retrain --resume; or gonogo retrain --put-back"  #: what to type then
ACCEPTED: Mapping[str, frozenset[str | None]] = {
    "better": frozenset({"better", None}),
    "no worse": frozenset({"better", "as good", None}),
}  #: by `retrain.accept`: how the challenger may stand; None: the champion could not be measured


@dataclass(frozen=True)
class Retrained:
    """A training that ended, and what became of its model: `outcome` is unchanged, rejected, refused, waiting, staging or production.
    `words` say why, `next` what to type now. `arrived`: it is where `retrain.then` wants it."""

    id: str
    seconds: float
    model: str
    changed: bool
    outcome: str
    words: tuple[str, ...]
    next: str
    version: str | None
    comparison: Mapping[str, Any] | None
    folder: Path
    arrived: bool


@dataclass(frozen=True)
class Doors:
    """Whom to tell how far it is: of the steps, of the gate, of a rollout."""

    told: Told = quiet
    progress: Progress = silent
    look: Callable[[Seen], None] = lambda seen: None


def settle(workspace: Workspace, made: Mapping[str, Any], doors: Doors) -> Retrained:
    """Take a training that is done as far as it goes; it may have been taken so far before.

    Raises ConflictError when another model lies there by now; else what checking and sealing raise.
    """
    name, compared = str(made["id"]), made.get("comparison")
    if not made["changed"]:
        restore(workspace, name, made["kept"])
        return _end(workspace, made, "unchanged", ["the model is byte for byte the one before"], "")
    words = [compared["words"]] if compared else ["nothing is in production that it could be compared with"]
    if compared and compared["standing"] not in ACCEPTED[workspace.project.retrain.accept]:
        restore(workspace, name, made["kept"])
        words.append(f"it is not what `retrain.accept: {workspace.project.retrain.accept}` asks for; the files are as before")
        return _end(workspace, made, "rejected", words, f"look at what it wrote: {folder_of(workspace, name)}")
    if present_model(workspace) != made["model"]:
        raise ConflictError(f"the model that lies there is not the one of {name}.", hint="Begin anew: gonogo retrain")
    if wants_certificate(workspace):
        found = certify(workspace, progress=doors.progress)
        if not found.green:
            return _end(workspace, made, "refused", [*words, *(f"not certified: {why}" for why in found.reasons)], REFUSED)
        words.append("it is certified")
    checked = check(workspace, progress=doors.progress)
    write_atomic(folder_of(workspace, name) / "report.html", render_html(checked.report).encode())
    if checked.verdict.decision is not Decision.GO:
        return _stopped(workspace, made, checked, words)
    return _promoted(workspace, made, checked, words, doors)


def _stopped(workspace: Workspace, made: Mapping[str, Any], checked: Checked, words: list[str]) -> Retrained:
    """A NO-GO: something that was measured, or only signatures."""
    verdict, checklist = checked.verdict, checked.checklist
    failed = list(open_items(checked))
    roles = {role: None for one in verdict.items if one.outcome not in GOOD and (role := checklist.item(one.item).sign_off)}
    rejected = [one.item for one in verdict.items if one.outcome is Outcome.FAIL and one.item not in failed]
    if not failed and not rejected and roles and (checked.policy.log.pinned is None or not verdict.blocked):
        said = f"the candidate waits for signatures: {', '.join(roles)}"
        then = "; ".join([*(f"gonogo sign {role}" for role in roles), "gonogo retrain --resume"])
        return _end(workspace, made, "waiting", [*words, said], then)
    reasons = [f"{one.item}: {one.outcome}: {one.reason}" for one in verdict.items if one.item in (*failed, *rejected)]
    reasons += verdict.blocked
    undecided = [item for item in failed if checklist.item(item).check == "selection"]
    then = "gonogo select, with a reason; gonogo retrain --resume" if undecided == failed and failed else REFUSED
    return _end(workspace, made, "refused", [*words, *reasons], then)


def _promoted(workspace: Workspace, made: Mapping[str, Any], checked: Checked, words: list[str], doors: Doors) -> Retrained:
    """A GO: sealed, staged, and no further unless the policy in force says so."""
    sealed = release(workspace).release
    system = workspace.project.system
    entry = stage(workspace, f"{system}@{sealed.version}", reason=f"trained again: {made['reason']}")
    words = [*words, f"GO: {entry.ref} is sealed and stands at {system}@staging"]
    further = f"gonogo rollout start {entry.ref}"
    if workspace.project.retrain.then == "staging":
        return _end(workspace, made, "staging", words, further, version=str(entry.version))
    if refused := _not_authorised(workspace, made, checked):
        return _end(workspace, made, "staging", [*words, f"it goes no further by itself: {refused}"], further, version=str(entry.version))
    try:
        rolled = start(workspace, entry.ref, look=doors.look)
    except GonogoError as error:
        return _end(workspace, made, "staging", [*words, f"it was not rolled out: {error}"], further, version=str(entry.version))
    words.append(f"rollout {rolled.state}: {rolled.reason}")
    outcome, then = ("production", "") if rolled.completed else ("staging", "gonogo rollout status")
    return _end(workspace, made, outcome, words, then, version=str(entry.version))


def _not_authorised(workspace: Workspace, made: Mapping[str, Any], checked: Checked) -> str:
    """Why nobody has agreed beforehand that this very release goes on; "" when they have."""
    pinned, compared = checked.policy.log.pinned, made.get("comparison")
    if pinned is None or pinned.policy.settings.get(AUTHORISED) != "production":
        return "no signed policy says so"
    if compared is None or compared["standing"] != "better":
        return "it has beaten no champion"
    test = workspace.project.shown(workspace.project.data.test)
    wrote = [one.step for one in done_steps(workspace, str(made["id"])) if test in one.wrote and one.step != "data"]
    if wrote:
        return f"the step {wrote[0]} wrote the test table that it was judged by"
    waived = [one.item for one in checked.verdict.items if one.outcome is Outcome.WAIVED]
    return f"waived: {', '.join(waived)}" if waived else ""


def _end(workspace: Workspace, made: Mapping[str, Any], outcome: str, words: list[str], then: str, version: str | None = None) -> Retrained:
    name = str(made["id"])
    record(workspace, name, "judged", {"outcome": outcome, "words": words, **({"version": version} if version else {})})
    return Retrained(
        name, float(made["seconds"]), str(made["model"]), bool(made["changed"]), outcome, tuple(words), then, version,
        made.get("comparison"), folder_of(workspace, name), arrived=outcome == workspace.project.retrain.then,
    )  # fmt: skip
