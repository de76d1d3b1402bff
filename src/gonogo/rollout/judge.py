"""The judge of a rollout: counters in, a decision out. Pure; asked as often as one likes.

What it decides from is one e-process on the error rate in two directions (`gonogo.stats.eprocess`, after Waudby-Smith, Karampatziakis,
Mineiro and Ramdas), which is valid at every look, under traffic and incidents that both arms share:

* FAIL as soon as the evidence that the new release's error rate is above the old one's by more than `d` reaches 1/alpha. The chance
  that this ever happens to a release that is not worse is at most alpha, over the whole rollout and any number of looks.
* PASS only on evidence of at least 1/beta that the new release is not worse by `margin`, gathered over all stages so far, and only
  when this stage has its own requests, its own data do not speak against it, the minimum time has passed and the counters are fresh.
* HOLD when the split of requests between the arms cannot come from the weights the router was given (evidence of 10,000 and more).
* CONTINUE otherwise. No data is CONTINUE, never a pass.

Harm may begin late. The evidence of harm is therefore a mixture over the stage in which it began: half of the capital is bet on the
first stage, the rest is kept for the others. A mixture of e-processes is an e-process, so alpha stays what it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from gonogo.rollout.plan import WHOLE, Plan
from gonogo.rollout.target import ArmCounts
from gonogo.stats.eprocess import StageCounts, log_e_harm, log_e_safe, srm_log_e

SPLIT_LIMIT = math.log(1e4)  #: log evidence at which the router's split is not believed
QUIET_SECONDS = 10.0  #: counters that have not moved for this long are not fresh


class Decision(StrEnum):
    CONTINUE = "CONTINUE"
    PASS = "PASS"  # noqa: S105 - a decision, not a password
    FAIL = "FAIL"
    HOLD = "HOLD"


@dataclass(frozen=True)
class Booked:
    """What one stage has counted so far."""

    weight_bp: int
    canary: ArmCounts = field(default_factory=ArmCounts)
    stable: ArmCounts = field(default_factory=ArmCounts)

    def plus(self, canary: ArmCounts, stable: ArmCounts) -> Booked:
        return Booked(self.weight_bp, _sum(self.canary, canary), _sum(self.stable, stable))

    @property
    def counts(self) -> StageCounts:
        return StageCounts(self.canary.n + self.stable.n, self.canary.bad, self.stable.bad, self.weight_bp)


@dataclass(frozen=True)
class Analysis:
    """One look. The counts are this stage's; the e-values are natural logarithms; FAIL at `fail_at`, PASS at `pass_at`."""

    decision: Decision
    reason: str
    canary: ArmCounts
    stable: ArmCounts
    log_e_harm: float
    log_e_safe: float
    log_e_split: float
    fail_at: float
    pass_at: float

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "decision": str(self.decision)}


def judge(plan: Plan, stages: Sequence[Booked], *, observed_seconds: float, quiet_seconds: float) -> Analysis:
    """Judge the last of `stages`, with everything the stages before it have counted.

    `observed_seconds` is how long the stage has been seen to run, `quiet_seconds` how long its counters have not moved.
    """
    now = stages[-1]
    harm = _harm([stage.counts for stage in stages], len(plan.stages), plan.d)
    safe = log_e_safe([stage.counts for stage in stages], d_prime=plan.margin)
    split = max((_split(stage) for stage in stages), default=0.0)
    fail_at, pass_at = -math.log(plan.alpha), -math.log(plan.beta)
    decision, reason = Decision.CONTINUE, ""
    if harm >= fail_at:
        decision, reason = Decision.FAIL, f"the new release fails more often: {_rates(stages)}"
    elif split >= SPLIT_LIMIT + math.log(len(plan.stages)):
        share = f"{now.canary.n} of {now.canary.n + now.stable.n} requests at {now.weight_bp / 100:g} %"
        decision, reason = Decision.HOLD, f"the router does not split as told ({share}), so its counters are not believed"
    else:
        reason = _waiting(plan, now, safe, observed_seconds, quiet_seconds)
        if not reason:
            decision, reason = Decision.PASS, f"not worse by {plan.margin * 100:g} pp or more: {_rates(stages)}"
    return Analysis(decision, reason, now.canary, now.stable, harm, safe, split, fail_at, pass_at)


def requests_to_pass(plan: Plan, stage: int = 0) -> int:
    """Requests in all, on both arms, that a stage needs for a PASS when nothing goes wrong: the plan's price, told before it starts.

    Counts only this stage; earlier stages make it cheaper.
    """
    weight = plan.stages[stage]

    def enough(n: int) -> bool:
        return log_e_safe([StageCounts(n, 0, 0, weight)], d_prime=plan.margin) >= -math.log(plan.beta)

    high = 1
    while not enough(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return max(high, math.ceil(plan.min_requests * WHOLE / weight))


def _harm(counts: Sequence[StageCounts], planned: int, d: float) -> float:
    """Mixture over the stage in which harm begins; a stage that has not begun has evidence 1."""
    terms = []
    for start in range(planned):
        weight = 1.0 if planned == 1 else 0.5 if start == 0 else 0.5 / (planned - 1)
        terms.append(math.log(weight) + (log_e_harm(counts[start:], d=d) if start < len(counts) else 0.0))
    top = max(terms)
    return top + math.log(sum(math.exp(term - top) for term in terms))


def _split(stage: Booked) -> float:
    n = stage.canary.n + stage.stable.n
    return srm_log_e(stage.canary.n, n, stage.weight_bp / WHOLE) if n else 0.0


def _waiting(plan: Plan, now: Booked, safe: float, observed_seconds: float, quiet_seconds: float) -> str:
    """Why this is no PASS yet; empty when it is one."""
    if now.canary.n == 0 or now.stable.n == 0:
        return f"no requests yet on the {'new' if now.canary.n == 0 else 'old'} release: no data is not a pass"
    if now.canary.n < plan.min_requests:
        return f"{now.canary.n} requests on the new release in this stage, {plan.min_requests} are the least"
    if quiet_seconds > max(QUIET_SECONDS, plan.min_seconds):
        return f"no new requests for {quiet_seconds:.0f} s"
    if not (safe >= -math.log(plan.beta) and log_e_safe([now.counts], d_prime=plan.margin) >= 0):  # also when one is NaN
        return f"not enough evidence yet that it is not worse by {plan.margin * 100:g} pp: {_rates([now])}"
    if observed_seconds < plan.min_seconds:
        return f"seen for {observed_seconds:.0f} s of at least {plan.min_seconds:g} s"
    return ""


def _rates(stages: Sequence[Booked]) -> str:
    canary, stable = ArmCounts(), ArmCounts()
    for stage in stages:
        canary, stable = _sum(canary, stage.canary), _sum(stable, stage.stable)
    return f"{canary.bad} bad of {canary.n} on the new release, {stable.bad} of {stable.n} on the old one"


def _sum(one: ArmCounts, other: ArmCounts) -> ArmCounts:
    return ArmCounts(one.n + other.n, one.bad + other.bad)
