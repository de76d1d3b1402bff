"""`gonogo status`: one record that says what is live, who put it there, how the traffic is shared, and whether it is well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gonogo.base.clock import stamp
from gonogo.errors import GonogoError
from gonogo.operations.audit_log import Log, audit_log
from gonogo.operations.health import health, watched
from gonogo.operations.last_watch import last_watch
from gonogo.operations.releases import releases
from gonogo.operations.rollout import view
from gonogo.operations.workspace import Workspace
from gonogo.service.control import ControlClient
from gonogo.stats.latency import LatencyHistogram


def status(workspace: Workspace, *, log: Log | None = None) -> dict[str, Any]:
    """The document behind `status`, `watch`, `alarms` and the dashboard. What cannot be seen is said, never guessed. `log` is the audit
    log as it was verified a moment ago, for who asks often."""
    log = log or audit_log(workspace, verify=True, last=1)
    listed = releases(workspace)
    now = workspace.clock.now()
    rollout = view(workspace)  # before production: of one that is told as COMPLETED the release is live in the same document
    document = {
        "system": workspace.project.system,
        "time": stamp(now),
        "production": _production(workspace),
        "service": _service(workspace),
        "rollout": rollout,
        **watched(last_watch(workspace), now),
        "releases": listed.to_json()["releases"],
        "events": log.total,
        "chain": "broken: " + "; ".join(log.problems) if log.problems else "intact",
    }
    return {**document, "health": health(document)}


def _production(workspace: Workspace) -> dict[str, Any] | None:
    system = workspace.project.system
    state = workspace.registry().state()
    version = state.pointers.get((system, "production"))
    if version is None:
        return None
    entry = state.releases[(system, version)]
    move = next(move for move in reversed(state.history) if (move.system, move.pointer) == (system, "production"))
    return {
        "release": entry.ref,
        "version": str(version),
        "digest": entry.digest,
        "verdict": entry.verdict_digest,
        "since": move.time,
        "by": move.actor,
        "reason": move.reason,
    }


def _service(workspace: Workspace) -> dict[str, Any]:
    try:
        seen = ControlClient.of_store(workspace.path).observe()
    except GonogoError as error:
        return {"alive": False, "url": None, "problem": error.message, "arms": []}
    arms = [_arm(name, release, seen) for name, release in seen["releases"].items()]
    return {"alive": True, "url": seen["url"], "problem": seen.get("unsaved", ""), "epoch": seen["epoch"], "arms": arms}


def _arm(name: str, release: Mapping[str, Any], seen: Mapping[str, Any]) -> dict[str, Any]:
    """One release that runs: its share, and what was counted for it since the service started."""
    counts = [arms[name] for arms in seen["counters"].values() if name in arms]
    latency = seen.get("latency", {}).get(name)
    histogram = LatencyHistogram.from_json(latency) if latency else None
    quantiles = {f"p{p}_ms": round(histogram.quantile(p / 100) / 1000, 2) if histogram and histogram.count else None for p in (50, 95, 99)}
    return {
        "release": name,
        "weight_bp": release["weight_bp"],
        "alive": release["alive"],
        "healthy": release["healthy"],
        "pids": list(release.get("pids", ())),
        "n": sum(int(count["n"]) for count in counts),
        "bad": sum(int(count["bad"]) for count in counts),
        **quantiles,
    }
