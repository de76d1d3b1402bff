"""The rollout's state machine: pure, total, and drawn here.

    PLANNED ─begun→ PREPARING ─done→ SMOKE ─healthy→ SHIFTING ─done→ ANALYZING ─passed→ SHIFTING (next stage) …
                        │              │                 │               │  └─passed, last stage→ PROMOTING
                        │              │                 │               │                           │done
                        │              │                 │               │                       FINALIZING ─healthy→ COMPLETED
                        └── CANCELLED ─┘                 └─── abort, failed, unhealthy, refused, overtaken, deadline ──┐
                                                                                                                       ↓
                                                          ROLLED_BACK ←healthy─ VERIFYING_ROLLBACK ←done─ ROLLING_BACK (retries for ever)

Rules it keeps:
* **Abort is accepted in every state that is not an end, and wins**: before traffic has moved it leads to CANCELLED, afterwards to
  ROLLING_BACK, and nothing leads out of ROLLING_BACK but ROLLED_BACK.
* A pause stops progress only. Whatever protects (abort, a failed analysis, a tripped guard) acts in a paused rollout as well.
* ROLLING_BACK has no "give up": a refused or overtaken route is sent again under a higher epoch, and the rollout is marked degraded.
* An event that does not fit a state changes nothing. A person's command that does not fit is refused, with the reason.
* A `revert` goes from SMOKE straight to PROMOTING, and so does a stage under analysis that a person promotes: they take the judge's place
  for all the stages that are left, and the rollout's reason says who, and why.
* After COMPLETED both releases stay arms of the table, the old one with no share, so that it is kept warm for the way back.

`transition` returns the operations to send; the controller stores them with the new state in one transaction and sends them after.
Operations of an end state are for cleaning up: their failure is recorded and changes nothing. Operations still open stay open while
the phase stays and no new ones come (a pause, say), and are dropped otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Literal

from gonogo.errors import ConflictError
from gonogo.rollout.plan import WHOLE, Plan


class Phase(StrEnum):
    PLANNED = "PLANNED"
    PREPARING = "PREPARING"
    SMOKE = "SMOKE"
    SHIFTING = "SHIFTING"
    ANALYZING = "ANALYZING"
    PROMOTING = "PROMOTING"
    FINALIZING = "FINALIZING"
    COMPLETED = "COMPLETED"
    ROLLING_BACK = "ROLLING_BACK"
    VERIFYING_ROLLBACK = "VERIFYING_ROLLBACK"
    ROLLED_BACK = "ROLLED_BACK"
    CANCELLED = "CANCELLED"


ENDS = frozenset({Phase.COMPLETED, Phase.ROLLED_BACK, Phase.CANCELLED})
BEFORE_TRAFFIC = frozenset({Phase.PLANNED, Phase.PREPARING, Phase.SMOKE})  #: the data plane's table has not been touched
GOING_BACK = frozenset({Phase.ROLLING_BACK, Phase.VERIFYING_ROLLBACK})


class What(StrEnum):
    """What can happen to a rollout."""

    BEGUN = "begun"  #: the controller has observed the data plane and starts
    DONE = "done"  #: every operation of this state took effect
    REFUSED = "refused"  #: the data plane said no to an operation
    OVERTAKEN = "overtaken"  #: the data plane's table is newer than ours, and not ours
    HEALTHY = "healthy"  #: what this state waits to see is seen
    UNHEALTHY = "unhealthy"  #: a guard tripped, a release is gone or is not the one it should be
    PASSED = "passed"  #: the judge: evidence that the new release is not worse
    FAILED = "failed"  #: the judge: evidence that it is worse
    UNTRUSTED = "untrusted"  #: the judge: the counters cannot be what the router was told to do
    DEADLINE = "deadline"
    ABORT = "abort"
    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"


COMMANDS = frozenset({What.ABORT, What.PAUSE, What.RESUME, What.PROMOTE})


@dataclass(frozen=True)
class Happened:
    """An event. `epoch` is the data plane's, where the event knows it."""

    what: What
    reason: str = ""
    epoch: int = 0


@dataclass(frozen=True)
class State:
    """Where a rollout stands. `version` counts transitions: it is what an operator saw. `epoch` is the last one we asked for."""

    phase: Phase = Phase.PLANNED
    stage: int = 0
    paused: str = ""  #: why, when it is
    reason: str = ""  #: why it is where it is
    epoch: int = 0
    version: int = 0
    degraded: bool = False  #: going back, and the data plane does not obey
    promoted: str = ""  #: who took the judge's place, and why, when somebody has

    @property
    def ended(self) -> bool:
        return self.phase in ENDS

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "phase": str(self.phase)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> State:
        return cls(**{**data, "phase": Phase(data["phase"])})


OpKind = Literal["prepare", "start", "route", "stop", "prune"]


@dataclass(frozen=True)
class Op:
    """One thing to ask of the data plane. `weights` are basis points by release."""

    kind: OpKind
    release: str = ""
    epoch: int = 0
    stable: str = ""
    weights: Mapping[str, int] | None = None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "weights": None if self.weights is None else dict(self.weights)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Op:
        return cls(**data)


Step = tuple[State, tuple[Op, ...]]


def transition(plan: Plan, state: State, event: Happened) -> Step:
    """The next state and what to ask of the data plane. Raises ConflictError for a command that does not fit the state."""
    if event.what in COMMANDS:
        return _command(plan, state, event)
    if state.ended:
        return state, ()
    if event.epoch > state.epoch:
        state = replace(state, epoch=event.epoch)
    if state.phase in GOING_BACK:
        return _going_back(plan, state, event)
    if state.phase in BEFORE_TRAFFIC:
        return _before_traffic(plan, state, event)
    return _with_traffic(plan, state, event)


def _command(plan: Plan, state: State, event: Happened) -> Step:
    phase = state.phase
    if state.ended:
        raise ConflictError(
            f"the rollout has ended ({phase}); {event.what} does nothing.", hint="Start a new one, or use `gonogo rollback`."
        )
    if event.what is What.ABORT:
        if phase in GOING_BACK:
            return state, ()
        if phase in BEFORE_TRAFFIC:
            return _cancel(plan, state, event.reason or "aborted")
        return _roll_back(plan, state, event.reason or "aborted")
    if phase in GOING_BACK:
        raise ConflictError(f"the rollout is going back ({phase}); {event.what} cannot stop that.")
    if event.what is What.PAUSE:
        return _moved(state, paused=event.reason or "paused"), ()
    if event.what is What.RESUME:
        if not state.paused:
            raise ConflictError("the rollout is not paused.")
        return _moved(state, paused=""), ()
    if phase is not Phase.ANALYZING:
        raise ConflictError(f"only a stage under analysis can be promoted by hand; the rollout is at {phase}.")
    by_hand = replace(state, paused="", promoted=event.reason or "promoted by hand")
    return _shift(plan, by_hand, len(plan.stages), by_hand.promoted)


def _before_traffic(plan: Plan, state: State, event: Happened) -> Step:
    what = event.what
    if what in (What.REFUSED, What.UNHEALTHY, What.DEADLINE):
        return _cancel(plan, state, event.reason or str(what))
    if state.paused:
        return state, ()
    if state.phase is Phase.PLANNED and what is What.BEGUN:
        # What a revert leaves may be hanging: nothing is asked of it.
        releases = (plan.new,) if plan.kind == "revert" else (plan.old, plan.new)
        ops = [op for release in releases for op in (Op("prepare", release), Op("start", release))]
        return _moved(state, phase=Phase.PREPARING, reason=event.reason), tuple(ops)
    if state.phase is Phase.PREPARING and what is What.DONE:
        return _moved(state, phase=Phase.SMOKE, reason=event.reason), ()
    if state.phase is Phase.SMOKE and what is What.HEALTHY:
        return _shift(plan, state, 0, event.reason)
    return state, ()


def _with_traffic(plan: Plan, state: State, event: Happened) -> Step:
    what, phase = event.what, state.phase
    if (what is What.DEADLINE and plan.at_deadline == "hold" and phase is Phase.ANALYZING) or what is What.UNTRUSTED:
        return (state, ()) if state.paused else (_moved(state, paused=event.reason or str(what)), ())
    if what in (What.REFUSED, What.OVERTAKEN, What.UNHEALTHY, What.FAILED, What.DEADLINE):
        return _roll_back(plan, state, event.reason or str(what))
    if what is What.DONE and phase in (Phase.SHIFTING, Phase.PROMOTING):
        following = Phase.ANALYZING if phase is Phase.SHIFTING else Phase.FINALIZING
        return _moved(state, phase=following, reason=event.reason), ()
    if what is What.PASSED and phase is Phase.ANALYZING and not state.paused:
        return _shift(plan, state, state.stage + 1, event.reason)
    if what is What.HEALTHY and phase is Phase.FINALIZING and not state.paused:
        reason = "; ".join(words for words in (state.promoted, event.reason) if words)
        return _moved(state, phase=Phase.COMPLETED, reason=reason), (Op("prune"),)
    return state, ()


def _going_back(plan: Plan, state: State, event: Happened) -> Step:
    what, phase = event.what, state.phase
    if phase is Phase.ROLLING_BACK and what is What.DONE:
        return _moved(state, phase=Phase.VERIFYING_ROLLBACK), ()
    if phase is Phase.VERIFYING_ROLLBACK and what is What.HEALTHY:
        ops = (Op("stop", plan.new),) if plan.kind != "revert" else ()
        return _moved(state, phase=Phase.ROLLED_BACK, degraded=False), ops
    if what in (What.REFUSED, What.OVERTAKEN):
        return _roll_back(plan, replace(state, degraded=True), state.reason)
    if what is What.DEADLINE and not state.degraded:
        return _moved(state, degraded=True), ()
    return state, ()


def _shift(plan: Plan, state: State, stage: int, reason: str) -> Step:
    """To the judged stage with this number, or past the last one to all traffic."""
    epoch = state.epoch + 1
    if stage < len(plan.stages):
        weight = plan.stages[stage]
        weights = {plan.old: WHOLE - weight, plan.new: weight}
        route = Op("route", epoch=epoch, stable=plan.old, weights=weights)
        return _moved(state, phase=Phase.SHIFTING, stage=stage, epoch=epoch, reason=reason), (route,)
    route = Op("route", epoch=epoch, stable=plan.new, weights={plan.new: WHOLE, plan.old: 0})
    return _moved(state, phase=Phase.PROMOTING, stage=len(plan.stages), epoch=epoch, reason=reason), (route,)


def _cancel(plan: Plan, state: State, reason: str) -> Step:
    # A revert goes to a release that is kept warm on purpose; stopping it would take away the next chance to go back.
    started = state.phase is not Phase.PLANNED and plan.kind != "revert"
    return _moved(state, phase=Phase.CANCELLED, paused="", reason=reason), (Op("stop", plan.new),) if started else ()


def _roll_back(plan: Plan, state: State, reason: str) -> Step:
    epoch = state.epoch + 1
    return _moved(state, phase=Phase.ROLLING_BACK, paused="", reason=reason, epoch=epoch), _back(plan, epoch)


def _back(plan: Plan, epoch: int) -> tuple[Op, ...]:
    return (Op("route", epoch=epoch, stable=plan.old, weights={plan.old: WHOLE, plan.new: 0}),)


def _moved(state: State, **changes: Any) -> State:
    return replace(state, version=state.version + 1, **changes)
