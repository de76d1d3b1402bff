"""What one look at the data plane means for a rollout: pure, between the observation and the machine.

Rules it keeps:
* Counters are booked under the epoch whose table assigned the requests, and under the life of the data plane that counted them. Within
  one life they only grow; counters that fall are not believed.
* Time counts only from look to look within one process: the smaller of what the wall clock and the steady clock say, and never more
  than `LONGEST_MS` at once. A jump of the clock, a suspended machine and a dead controller make a stage longer, never shorter.
* A release that is gone, or is not the bytes that it should be, is a reason to go back at once; a table that is not ours as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gonogo.rollout.journal import Rollout, Segment
from gonogo.rollout.judge import Analysis
from gonogo.rollout.machine import BEFORE_TRAFFIC, GOING_BACK, Happened, Phase, What
from gonogo.rollout.plan import WHOLE, Plan
from gonogo.rollout.target import ArmCounts, Observation

LONGEST_MS = 5_000  #: what lies between two looks that are further apart was not seen
DEGRADED_MS = 10_000  #: going back for this long is worth an alarm


@dataclass(frozen=True)
class Look:
    """What the controller saw and made of it, for people. `at` is RFC 3339; `analysis` is there in a judged stage, `problem` when the
    data plane could not be seen."""

    at: str
    rollout: Rollout
    observation: Observation | None = None
    analysis: Analysis | None = None
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        rollout, state = self.rollout, self.rollout.state
        return {
            "at": self.at,
            "rollout": rollout.id,
            **state.to_json(),
            "old": rollout.plan.old,
            "new": rollout.plan.new,
            "weights": dict(self.observation.weights) if self.observation else rollout.weights,
            "observed_seconds": rollout.observed_ms / 1000,
            "stages": list(rollout.plan.stages),
            "analysis": self.analysis.to_json() if self.analysis else None,
            "problem": self.problem,
        }


@dataclass(frozen=True)
class Elapsed:
    """Milliseconds since the last look of this process, by both clocks."""

    wall_ms: int = 0
    steady_ms: int = 0

    @property
    def seen_ms(self) -> int:
        return max(0, min(self.wall_ms, self.steady_ms, LONGEST_MS))


def book(rollout: Rollout, observation: Observation) -> tuple[Rollout, bool, str]:
    """Take the counters of the judged stages over. Gives the rollout, whether a counter has moved, and what is wrong with them."""
    plan, segments = rollout.plan, list(rollout.segments)
    moved = False
    for epoch, stage in _stage_epochs(rollout).items():
        canary, stable = observation.arm(epoch, plan.new), observation.arm(epoch, plan.old)
        known = [segment for segment in segments if (segment.boot_id, segment.epoch) == (observation.boot_id, epoch)]
        before = known[0] if known else Segment(observation.boot_id, epoch, stage)
        after = replace(before, canary=canary, stable=stable)
        if _fell(before.canary, canary) or _fell(before.stable, stable):
            return rollout, False, f"the counters of epoch {epoch} went backwards"
        if after != before:
            segments = [*(segment for segment in segments if segment is not before), after]
            moved = True
    return replace(rollout, segments=tuple(segments)), moved, ""


def age(rollout: Rollout, elapsed: Elapsed, *, seen: bool, moved: bool) -> Rollout:
    """Let the phase's clocks run. `seen`: the data plane answered; a paused rollout does not come nearer to its deadline."""
    observed = elapsed.seen_ms if seen else 0
    return replace(
        rollout,
        observed_ms=rollout.observed_ms + observed,
        spent_ms=rollout.spent_ms + (0 if rollout.state.paused else max(0, elapsed.steady_ms)),
        quiet_ms=0 if moved else rollout.quiet_ms + observed,
    )


def late(rollout: Rollout, why: str) -> Happened | None:
    """The deadline of the present phase, when it has passed."""
    going_back = rollout.state.phase in GOING_BACK
    if rollout.state.ended or rollout.spent_ms < (DEGRADED_MS if going_back else rollout.plan.deadline_seconds * 1000):
        return None
    where = f"{rollout.state.phase} at {_percent(rollout)}" if rollout.state.phase is Phase.ANALYZING else str(rollout.state.phase)
    return Happened(What.DEADLINE, f"{where} was not through after {rollout.spent_ms / 1000:.0f} s{': ' if why else ''}{why}")


def guard(rollout: Rollout, seen: Observation) -> Happened | None:
    """What an observation says apart from the counters: an event, or None when all is as it should be."""
    phase = rollout.state.phase
    if rollout.state.ended:
        return None
    if phase in BEFORE_TRAFFIC:
        return _before_traffic(rollout.plan, phase, seen)
    overtaken = _overtaken(rollout, seen)
    if overtaken:
        return overtaken
    return _going_back(rollout, seen) if phase in GOING_BACK else _with_traffic(rollout, seen)


def _before_traffic(plan: Plan, phase: Phase, seen: Observation) -> Happened | None:
    if seen.weights != {plan.old: WHOLE}:
        return Happened(What.UNHEALTHY, f"the service does not serve {plan.old} alone but {_shares(seen.weights)}")
    if phase is Phase.PLANNED:
        return Happened(What.BEGUN, epoch=seen.epoch)
    if phase is not Phase.SMOKE:
        return None
    wanted = {plan.new: plan.new_digest} if plan.kind == "revert" else {plan.old: plan.old_digest, plan.new: plan.new_digest}
    for release, digest in wanted.items():
        if seen.release(release).digest not in ("", digest):
            return Happened(What.UNHEALTHY, f"{release} serves {seen.release(release).digest}, not {digest}")
    healthy = all(seen.release(release).healthy and seen.release(release).digest == digest for release, digest in wanted.items())
    return Happened(What.HEALTHY, "both releases are up", epoch=seen.epoch) if healthy else None


def _overtaken(rollout: Rollout, seen: Observation) -> Happened | None:
    """The data plane's table is not the one that this rollout asked for last."""
    state, plan = rollout.state, rollout.plan
    if seen.epoch > state.epoch:
        why = f"the data plane took {plan.new} off: {seen.tripped[plan.new]}" if plan.new in seen.tripped else "somebody else moved traffic"
        return Happened(What.OVERTAKEN, f"{why} (epoch {seen.epoch}: {_shares(seen.weights)})", epoch=seen.epoch)
    if rollout.open_ops:
        return None  # our own table may be on its way
    wanted = {release: weight for release, weight in rollout.weights.items() if weight}
    if seen.epoch < state.epoch or dict(seen.weights) != wanted:
        return Happened(What.OVERTAKEN, f"the table is {_shares(seen.weights)} (epoch {seen.epoch}), not {_shares(wanted)}")
    return None


def _with_traffic(rollout: Rollout, seen: Observation) -> Happened | None:
    plan, new = rollout.plan, seen.release(rollout.plan.new)
    if not new.alive:
        return Happened(What.UNHEALTHY, f"{plan.new} is not running any more")
    if new.digest not in ("", plan.new_digest):
        return Happened(What.UNHEALTHY, f"{plan.new} serves {new.digest}, not {plan.new_digest}")
    if rollout.state.phase is Phase.FINALIZING and new.healthy and new.digest == plan.new_digest and seen.stable == plan.new:
        return Happened(What.HEALTHY, f"{plan.new} answers everything")
    return None


def _going_back(rollout: Rollout, seen: Observation) -> Happened | None:
    plan, old = rollout.plan, seen.release(rollout.plan.old)
    back = rollout.state.phase is Phase.VERIFYING_ROLLBACK and seen.stable == plan.old
    if back and old.healthy and old.digest == plan.old_digest:
        return Happened(What.HEALTHY, f"{plan.old} answers everything")
    return None


def _stage_epochs(rollout: Rollout) -> Mapping[int, int]:
    """Epoch → number of the judged stage, for the tables that this rollout asked for."""
    stages = rollout.plan.stages
    routes = [record.op for record in rollout.ops if record.op.kind == "route" and record.op.stable == rollout.plan.old]
    weights = {op.epoch: (op.weights or {}).get(rollout.plan.new, 0) for op in routes}
    return {epoch: stages.index(weight) for epoch, weight in weights.items() if weight in stages}


def _fell(before: ArmCounts, after: ArmCounts) -> bool:
    return after.n < before.n or after.bad < before.bad


def _shares(weights: Mapping[str, int]) -> str:
    return ", ".join(f"{release} {weight / 100:g} %" for release, weight in weights.items() if weight) or "nothing"


def _percent(rollout: Rollout) -> str:
    return f"{rollout.weights.get(rollout.plan.new, 0) / 100:g} %"
