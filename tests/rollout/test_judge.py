"""The judge, from counters alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gonogo.rollout.judge import Booked, Decision, judge, requests_to_pass
from gonogo.rollout.plan import Plan
from gonogo.rollout.target import ArmCounts

PLAN = Plan("shop", "shop@1.1.0", "sha256:b", "shop@1.0.0", "sha256:a", min_seconds=10.0)


def stage(weight_bp: int, n: int, bad_canary: int = 0, bad_stable: int = 0, canary: int | None = None) -> Booked:
    new = n * weight_bp // 10_000 if canary is None else canary
    return Booked(weight_bp, ArmCounts(new, bad_canary), ArmCounts(n - new, bad_stable))


def decide(*stages: Booked, seconds: float = 60.0, quiet: float = 0.0, plan: Plan = PLAN) -> tuple[Decision, str]:
    analysis = judge(plan, stages, observed_seconds=seconds, quiet_seconds=quiet)
    return analysis.decision, analysis.reason


@pytest.mark.parametrize(
    ("stages", "seconds", "quiet", "decision", "said"),
    [
        ([stage(500, 0)], 60, 0, Decision.CONTINUE, "no data is not a pass"),
        ([stage(500, 30, canary=0)], 60, 0, Decision.CONTINUE, "no requests yet on the new release"),
        ([Booked(500, ArmCounts(5, 0), ArmCounts(0, 0))], 60, 0, Decision.CONTINUE, "no requests yet on the old release"),
        ([stage(500, 200)], 60, 0, Decision.CONTINUE, "20 are the least"),
        ([stage(500, 2000)], 60, 0, Decision.CONTINUE, "not enough evidence"),
        ([stage(500, 40_000)], 60, 0, Decision.PASS, "not worse by 1 pp"),
        ([stage(500, 40_000)], 9, 0, Decision.CONTINUE, "seen for 9 s of at least 10 s"),
        ([stage(500, 40_000)], 60, 11, Decision.CONTINUE, "no new requests for 11 s"),
        ([stage(500, 4000, bad_canary=60, bad_stable=4)], 60, 0, Decision.FAIL, "60 bad of 200 on the new release, 4 of 3800 on the old"),
        ([stage(500, 40_000, bad_canary=100, bad_stable=1900)], 60, 0, Decision.CONTINUE, "not enough evidence"),
        ([stage(500, 10_000, canary=2500)], 60, 0, Decision.HOLD, "does not split as told"),
        ([stage(500, 10_000, canary=2500, bad_canary=2000)], 60, 0, Decision.FAIL, "fails more often"),
        ([stage(500, 40_000), stage(2500, 0)], 60, 0, Decision.CONTINUE, "no data is not a pass"),
        ([stage(500, 40_000), stage(2500, 400)], 60, 0, Decision.PASS, "not worse"),
        ([stage(500, 40_000), stage(2500, 400, bad_canary=3)], 60, 0, Decision.CONTINUE, "not enough evidence"),
        ([stage(500, 40_000), stage(2500, 4000, bad_canary=100)], 60, 0, Decision.FAIL, "fails more often"),
    ],
)  # fmt: skip
def test_the_judge_decides_from_counters(stages: list[Booked], seconds: float, quiet: float, decision: Decision, said: str) -> None:
    found, reason = decide(*stages, seconds=seconds, quiet=quiet)
    assert (found, said in reason) == (decision, True), reason


def test_a_fault_that_begins_in_the_second_stage_costs_about_as_much_as_one_that_begins_in_the_first() -> None:
    def needed(*before: Booked) -> int:
        bad = 1
        while decide(*before, stage(2500, 40 * bad, bad_canary=bad))[0] is not Decision.FAIL:
            bad += 1
        return bad

    fresh, spent = needed(), needed(stage(500, 100_000))
    assert spent <= fresh + 2


@pytest.mark.parametrize("weight", [500, 2500])
def test_a_faultless_release_passes_at_the_price_the_plan_was_told(weight: int) -> None:
    number = PLAN.stages.index(weight)
    n = requests_to_pass(PLAN, number)
    plan = replace(PLAN, steps=(weight // 100, 100))
    assert decide(stage(weight, n + 10_000 // weight), plan=plan)[0] is Decision.PASS
    assert decide(stage(weight, int(n * 0.9)), plan=plan)[0] is Decision.CONTINUE


def test_a_release_that_is_not_worse_is_rolled_back_no_more_often_than_alpha() -> None:
    plan = replace(PLAN, alpha=0.05, d=0.0005)
    random, rolled_back, runs = np.random.default_rng(5), 0, 300
    for _ in range(runs):
        first, second = Booked(500), Booked(2500)
        for look in range(60):
            weight = 500 if look < 30 else 2500
            canary = int(random.binomial(400, weight / 10_000))
            seen = ArmCounts(canary, int(random.binomial(canary, 0.02))), ArmCounts(400 - canary, int(random.binomial(400 - canary, 0.02)))
            first, second = (first.plus(*seen), second) if look < 30 else (first, second.plus(*seen))
            if decide(*((first,) if look < 30 else (first, second)), plan=plan)[0] is Decision.FAIL:
                rolled_back += 1
                break
    # Three standard deviations above alpha; a judge that peeks with a fixed threshold is at several times alpha.
    assert rolled_back / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5
