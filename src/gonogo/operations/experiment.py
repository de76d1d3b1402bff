"""`gonogo experiment`: a share of the traffic for another release without a judge (A/B), or copies of requests for one (shadow).

Production stays what it is: only a rollout moves that. During a rollout there is no experiment, since chance alone must assign what a
judge counts; and a rollout is refused while an experiment holds a share.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gonogo.base.names import Ref
from gonogo.errors import ConflictError, NotFoundError, UsageError
from gonogo.operations.rollback import before
from gonogo.operations.workspace import Workspace
from gonogo.rollout import journal
from gonogo.service.control import ControlClient
from gonogo.service.counters import by_release
from gonogo.service.routing import WHOLE, Arm, RoutingTable, Shadow


def split(workspace: Workspace, reference: str, *, share_percent: float, sticky: str = "") -> dict[str, Any]:
    """Give a release this share of the traffic; with `sticky`, by the value of that request header, so that a caller keeps his release.

    The share may change while it runs: callers are taken over, and none is given back while it grows. Raises ConflictError during a
    rollout, and for the release that is in production.
    """
    release = _other(workspace, reference)
    share = round(share_percent * 100)

    def changed(table: RoutingTable) -> RoutingTable:
        arms = (Arm(table.stable, WHOLE - share), Arm(release, share))
        shadow = table.shadow if table.shadow and table.shadow.release != release else None
        return replace(table, arms=arms, sticky=sticky.lower(), shadow=shadow)

    return _change(workspace, release, changed)


def shadow(workspace: Workspace, reference: str, *, share_percent: float) -> dict[str, Any]:
    """Ask a release for a copy of this share of the requests, and compare. Raises ConflictError during a rollout."""
    release = _other(workspace, reference)
    cast = Shadow(release, round(share_percent * 100))
    return _change(workspace, release, lambda table: replace(table, shadow=cast))


def end(workspace: Workspace) -> dict[str, Any]:
    """All traffic to the release in production, and no shadow."""
    return _change(workspace, "", lambda table: replace(table, arms=(Arm(table.stable, WHOLE),), sticky="", shadow=None))


def show(workspace: Workspace) -> dict[str, Any]:
    """Shares, what was counted under the present table, and what the shadow came to."""
    return _shown(ControlClient.of_store(workspace.path).observe())


def _other(workspace: Workspace, reference: str) -> str:
    registry = workspace.registry()
    entry = registry.resolve(Ref.parse(reference))
    if entry.version == registry.state().pointers.get((entry.system, "production")):
        raise ConflictError(f"{entry.ref} is in production; an experiment takes another release.")
    return str(entry.ref)


def _change(workspace: Workspace, release: str, changed: Callable[[RoutingTable], RoutingTable]) -> dict[str, Any]:
    if journal.active(workspace.store(), workspace.project.system):
        raise ConflictError(
            "a rollout is under way, and it alone moves the traffic.", hint="See `gonogo rollout status`; wait, or abort it."
        )
    client = ControlClient.of_store(workspace.path)
    if release:
        client.start(release)
    seen = client.observe()
    table = RoutingTable.from_json(seen["table"])
    try:
        wanted = replace(changed(table), epoch=table.epoch + 1, token=seen["token"], tripped=())
        wanted = replace(wanted, arms=(*wanted.arms, *_warm(workspace, wanted, seen)))
    except ValueError as error:
        raise UsageError(f"{error}.") from error
    client.route(wanted.to_json(), f"experiment:{os.urandom(8).hex()}", wanted.token)
    client.prune()
    return _shown(client.observe())


def _warm(workspace: Workspace, table: RoutingTable, seen: dict[str, Any]) -> tuple[Arm, ...]:
    """The release before, as an arm without a share where it runs: a rollback goes to one that is warm, after an experiment too."""
    try:
        release = before(workspace)
    except NotFoundError:
        return ()
    return (Arm(release, 0),) if release in seen["releases"] and release not in [arm.release for arm in table.arms] else ()


def _shown(seen: dict[str, Any]) -> dict[str, Any]:
    table = RoutingTable.from_json(seen["table"])
    counts = by_release({"": seen["counters"].get(str(table.epoch), {})})
    return {
        "epoch": table.epoch,
        "stable": table.stable,
        "sticky": table.sticky or None,
        "arms": [{"release": arm.release, "percent": arm.weight_bp / 100, **_count(counts, arm.release)} for arm in table.arms],
        "shadow": None
        if table.shadow is None
        else {"release": table.shadow.release, "percent": table.shadow.share_bp / 100, **seen["shadow"].get(table.shadow.release, {})},
    }


def _count(counts: dict[str, dict[str, int]], release: str) -> dict[str, int]:
    row = counts.get(release, {})
    return {"n": row.get("n", 0), "bad": row.get("bad", 0)}
