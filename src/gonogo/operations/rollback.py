"""`gonogo rollback`: take the traffic back, by hand, at once."""

from __future__ import annotations

from gonogo import settings
from gonogo.base.names import Ref
from gonogo.errors import NotFoundError
from gonogo.operations.rollout import Rolled, controller, plan, rolled
from gonogo.operations.workspace import Workspace
from gonogo.rollout.plan import Plan
from gonogo.rollout.rollback import roll_back


def rollback(workspace: Workspace, *, to: str | None = None, reason: str = "") -> Rolled:
    """Abort the rollout under way; or, when there is none, go to `to`, by default the release that was in production before.

    `figures` holds the time from the command to the moment when the release being left was assigned no request any more.
    """
    project = workspace.project

    def revert() -> Plan:
        return plan(workspace, to or _before(workspace), kind="revert")

    went = roll_back(
        controller(workspace), workspace.store(), project.system, revert, actor=settings.actor(), reason=reason, clock=workspace.clock
    )
    done = rolled(went.rollout)
    seconds = f"{went.seconds * 1000:.0f} ms from the command to the last request assigned to the release being left"
    what = "the rollout under way was aborted" if went.aborted else "a routing flip to a release that was still running"
    return Rolled(done.id, done.state, done.old, done.new, done.reason, went.succeeded, (seconds, what))


def _before(workspace: Workspace) -> str:
    """The release that production stood at before the present one."""
    system = workspace.project.system
    state = workspace.registry().state()
    moves = [move for move in state.history if move.system == system and move.pointer == "production"]
    if not moves or moves[-1].origin is None:
        raise NotFoundError(f"there is nothing to go back to: no other release of {system} has been in production.")
    return str(Ref(system, str(moves[-1].origin)))
