"""The seam to where releases run: six verbs, all idempotent, each carrying an operation id and a fencing token.

What every target promises (`tests/contracts/test_target_contract.py` holds every implementation to it):
1. The same operation id twice has the effect of once, and succeeds twice.
2. A token below the highest one seen, and a route whose epoch is not above the current one, are refused: FencedError.
3. `route` returns only when every process that routes has taken the table over; from then on no request is assigned by an older one.
4. `observe` tells what is, not what was asked for; counters are cumulative under the `boot_id` it names, and are booked under the epoch
   and the release that a request was **assigned** to.
5. Errors: FencedError, ConflictError or another RefusedError (asked, and the answer is no), UsageError (asked wrongly),
   UnreachableError (no answer: it may or may not have happened; observe, and ask again with the same operation id).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from gonogo.errors import FaultError


@dataclass(frozen=True)
class Route:
    """A table to install: who gets which share of the traffic, in basis points, under which epoch; `stable` answers for a failing arm."""

    epoch: int
    stable: str
    weights: Mapping[str, int]


@dataclass(frozen=True)
class ReleaseState:
    """How one release does. `healthy`: its processes answer; `digest`: the root digest of the bundle they loaded."""

    alive: bool
    healthy: bool
    digest: str = ""


@dataclass(frozen=True)
class ArmCounts:
    """Requests assigned to an arm, and those of them that went bad (5xx, deadline, invalid scores), whoever answered in the end."""

    n: int = 0
    bad: int = 0


@dataclass(frozen=True)
class Observation:
    """What a target says of itself. `weights` has the releases with a share; `tripped` are the arms that the data plane took off under
    the present table, with why; `counters` is by epoch, then by release. `raw` is everything it said, for the monitor."""

    boot_id: str
    epoch: int
    token: int
    stable: str
    weights: Mapping[str, int]
    tripped: Mapping[str, str]
    releases: Mapping[str, ReleaseState]
    counters: Mapping[int, Mapping[str, ArmCounts]]
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def release(self, reference: str) -> ReleaseState:
        """A release that the target does not know is not alive."""
        return self.releases.get(reference, ReleaseState(alive=False, healthy=False))

    def arm(self, epoch: int, reference: str) -> ArmCounts:
        return self.counters.get(epoch, {}).get(reference, ArmCounts())


class Target(Protocol):
    """Where releases run. Made of the folder of the system's store: `LocalTarget(store)`."""

    def prepare(self, release: str, *, op_id: str, token: int) -> None:
        """Make the release's files ready, verified."""

    def start(self, release: str, *, op_id: str, token: int) -> None:
        """Start the release's processes. They get no traffic before a route says so."""

    def observe(self) -> Observation: ...

    def route(self, route: Route, *, op_id: str, token: int) -> None: ...

    def stop(self, release: str, *, op_id: str, token: int) -> None:
        """Let the release finish what it has in hand, and end it. Refused for a release with a share of the traffic."""

    def prune(self, *, op_id: str, token: int) -> None:
        """End every release that is no arm of the table. An arm without a share stays, and stays warm."""


def read_observation(data: Mapping[str, Any]) -> Observation:
    """An observation from its JSON form (the control API's `/observe`). Raises FaultError when it is not one: what cannot be read is
    not taken for health."""
    try:
        table = data.get("table") or {}
        counters = {
            int(epoch): {str(release): _counts(arm) for release, arm in arms.items()}
            for epoch, arms in (data.get("counters") or {}).items()
        }
        return Observation(
            boot_id=str(data["boot_id"]),
            epoch=int(data["epoch"]),
            token=int(data["token"]),
            stable=str(table.get("stable", "")),
            weights={str(arm["release"]): int(arm["weight_bp"]) for arm in table.get("arms", ()) if arm["weight_bp"]},
            tripped={str(release): _why(data, str(release)) for release in table.get("tripped", ())},
            releases={str(name): _release(state) for name, state in data["releases"].items()},
            counters=counters,
            raw=data,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FaultError(f"the target's observation cannot be read: {error!r}.", hint="Is it of this version of gonogo?") from error


def _why(data: Mapping[str, Any], release: str) -> str:
    """The newest reason that the data plane gave for taking an arm off."""
    reasons = [str(trip["reason"]) for trip in data.get("tripped") or () if trip["release"] == release]
    return reasons[-1] if reasons else "no reason was given"


def _release(state: Mapping[str, Any]) -> ReleaseState:
    return ReleaseState(alive=state["alive"] is True, healthy=state["healthy"] is True, digest=str(state.get("digest") or ""))


def _counts(arm: Mapping[str, Any]) -> ArmCounts:
    n, bad = int(arm["n"]), int(arm["bad"])
    if not 0 <= bad <= n:
        raise ValueError(f"{bad} bad of {n} requests")
    return ArmCounts(n, bad)
