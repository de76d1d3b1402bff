"""Plans say everything beforehand, and nothing that makes no sense."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gonogo.errors import UsageError
from gonogo.rollout.plan import Plan

PLAN = Plan("shop", "shop@1.1.0", "sha256:b", "shop@1.0.0", "sha256:a")


def test_a_plan_survives_json_and_keeps_its_digest() -> None:
    again = Plan.from_json(PLAN.to_json())
    assert again == PLAN
    assert again.digest == PLAN.digest
    assert replace(PLAN, margin=0.02).digest != PLAN.digest


def test_the_last_step_is_not_judged_because_nothing_is_left_to_compare_with() -> None:
    assert PLAN.stages == (500, 2500)


def test_a_hold_back_is_one_more_judged_stage() -> None:
    assert replace(PLAN, hold_back_bp=200).stages == (500, 2500, 9800)


def test_a_revert_is_not_judged_again() -> None:
    assert replace(PLAN, kind="revert").stages == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"steps": ()}, "end with 100"),
        ({"steps": (5, 25)}, "end with 100"),
        ({"steps": (25, 5, 100)}, "rise"),
        ({"steps": (0, 100)}, "rise"),
        ({"steps": (5, 5, 100)}, "rise"),
        ({"steps": (100,)}, "at least one judged step"),
        ({"new": "shop@1.0.0"}, "in service already"),
        ({"new": "shop@production"}, "not a release of shop"),
        ({"new": "other@1.1.0"}, "not a release of shop"),
        ({"new_digest": ""}, "digest"),
        ({"old_digest": ""}, "digest"),
        ({"min_seconds": 700.0}, "below deadline"),
        ({"deadline_seconds": float("inf")}, "below deadline"),
        ({"deadline_seconds": float("nan")}, "below deadline"),
        ({"alpha": 0.0}, "alpha"),
        ({"beta": float("nan")}, "beta"),
        ({"d": 0.0}, "margin"),
        ({"margin": 0.0005}, "margin"),
        ({"hold_back_bp": 600}, "hold-back"),
        ({"min_requests": 0}, "no data is not a pass"),
        ({"kind": "leap"}, "no kind"),
    ],
    ids=str,
)
def test_a_plan_that_makes_no_sense_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        replace(PLAN, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [{"format": "gonogo-rollout-plan/2"}, {"extra": 1}])
def test_a_stored_plan_of_another_format_is_not_guessed_at(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"gonogo-rollout-plan|unexpected keys"):
        Plan.from_json({**PLAN.to_json(), **change})
