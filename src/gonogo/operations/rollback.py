"""`gonogo rollback`: take the traffic back, by hand, at once."""

from __future__ import annotations

from collections.abc import Sequence

from gonogo import settings
from gonogo.base.names import Ref, Version
from gonogo.errors import ConflictError, NotFoundError, RefusedError
from gonogo.operations.rollout import Rolled, controller, experiment, plan, rolled
from gonogo.operations.workspace import Workspace
from gonogo.registry.fold import PointerMove
from gonogo.rollout.machine import Phase
from gonogo.rollout.plan import Plan
from gonogo.rollout.rollback import WentBack, roll_back
from gonogo.service.control import ControlClient

ENDING = "gonogo experiment end, which gives all of it to the release in production at once; is that one bad, too: gonogo rollback."


def rollback(workspace: Workspace, *, to: str | None = None, reason: str = "") -> Rolled:
    """Abort the rollout under way; or, when there is none, go to `to`, by default the release before on the way here.

    A rollback that is under way already is joined. `figures` holds the time from the command to the moment when the release being left was
    assigned no request any more; they are empty when nothing was gone back to. Raises RefusedError for a `to` that was never in production,
    ConflictError during an experiment: which of its releases is the bad one, only a person knows.
    """
    target = None if to is None else _been_live(workspace, to)

    def revert() -> Plan:
        goal = target or before(workspace)
        if shared := experiment(ControlClient.of_store(workspace.path).observe()):
            raise ConflictError(f"{shared}.", hint=ENDING)
        return plan(workspace, goal, kind="revert")

    def go() -> WentBack:
        driver, store = controller(workspace), workspace.store()
        return roll_back(driver, store, workspace.project.system, revert, actor=settings.actor(), reason=reason, clock=workspace.clock)

    went = go()
    if target is not None and went.succeeded and target != _landed(went):
        went = go()  # the rollout under way came from another release than the one that was asked for
    done = rolled(went.rollout)
    return Rolled(done.id, done.state, done.old, done.new, done.reason, went.succeeded, figures(went))


def figures(went: WentBack) -> tuple[str, ...]:
    """What a rollback that succeeded came to; of one that did not, its reason says all."""
    if not went.succeeded:
        return ()
    if went.rollout.state.phase is Phase.CANCELLED:
        return ("the rollout under way was aborted before any traffic had moved",)
    seconds = f"{went.seconds * 1000:.0f} ms from the command to the last request assigned to the release being left"
    return seconds, "the rollout under way was aborted" if went.aborted else "a routing flip to a release that was still running"


def _landed(went: WentBack) -> str:
    return went.rollout.plan.old if went.aborted else went.rollout.plan.new


def moves(workspace: Workspace) -> list[PointerMove]:
    """How production came to where it stands, the oldest move first."""
    system = workspace.project.system
    return [move for move in workspace.registry().state().history if move.system == system and move.pointer == "production"]


def before(workspace: Workspace) -> str:
    """The release that production stood at before the present one was rolled out. One that was gone back from is not on the way: who rolls
    back twice goes two steps back, and never forth again to what he has just left. Raises NotFoundError."""
    system, made = workspace.project.system, moves(workspace)
    way = way_here(made)
    if len(way) > 1:
        return str(Ref(system, str(way[-2])))
    left = made[-1].origin if made else None
    if left is None:
        raise NotFoundError(
            f"there is nothing to go back to: no other release of {system} has been in production.",
            hint=f"Move the traffic to another release, judged: gonogo rollout start {system}@VERSION.",
        )
    raise NotFoundError(
        f"there is nothing to go further back to: {system}@{left} was left for {system}@{way[-1]}, the first in production.",
        hint=f"To give the one that was left the traffic again: gonogo rollback --to {system}@{left}.",
    )


def way_here(made: Sequence[PointerMove]) -> list[Version]:
    """The versions that led to the present one, the first one first, without those that were gone back from."""
    way: list[Version] = []
    for move in made:
        if move.reason.startswith("revert:") and move.version in way:
            del way[way.index(move.version) + 1 :]
        else:
            way.append(move.version)
    return way


def _been_live(workspace: Workspace, reference: str) -> str:
    """The release, if it has been in production before: going back is not judged, so what was never judged cannot be gone back to."""
    entry = workspace.registry().resolve(Ref.parse(reference))
    if entry.version not in {move.version for move in moves(workspace)}:
        raise RefusedError(
            f"{entry.ref} has never been in production, so it cannot be gone back to.",
            hint=f"Let it be judged: gonogo rollout start {entry.ref}.",
        )
    return entry.ref
