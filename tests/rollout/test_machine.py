"""The machine, one claim at a time; its laws are in tests/properties/test_rollout_machine.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gonogo.errors import ConflictError
from gonogo.rollout.machine import BEFORE_TRAFFIC, ENDS, GOING_BACK, Happened, Op, Phase, State, What, transition
from gonogo.rollout.plan import Plan

OLD, NEW = "shop@1.0.0", "shop@1.1.0"
PLAN = Plan("shop", NEW, "sha256:b", OLD, "sha256:a")
LIVE = [phase for phase in Phase if phase not in ENDS]


def walk(plan: Plan, *events: What, state: State | None = None) -> tuple[State, list[Op]]:
    state, sent = state or State(), []
    for what in events:
        state, ops = transition(plan, state, Happened(what, epoch=7 if what is What.BEGUN else 0))
        sent += ops
    return state, sent


def test_a_good_release_goes_through_every_step() -> None:
    state, sent = walk(PLAN, What.BEGUN, What.DONE, What.HEALTHY, What.DONE, What.PASSED, What.DONE, What.PASSED, What.DONE, What.HEALTHY)
    assert state.phase is Phase.COMPLETED
    assert [(op.kind, op.release) for op in sent[:4]] == [("prepare", OLD), ("start", OLD), ("prepare", NEW), ("start", NEW)]
    assert [(op.epoch, op.stable, op.weights) for op in sent if op.kind == "route"] == [
        (8, OLD, {OLD: 9500, NEW: 500}),
        (9, OLD, {OLD: 7500, NEW: 2500}),
        (10, NEW, {NEW: 10_000, OLD: 0}),
    ]
    assert sent[-1].kind == "prune"


def test_a_revert_moves_everything_in_one_step_and_asks_nothing_of_the_release_it_leaves() -> None:
    state, sent = walk(replace(PLAN, kind="revert"), What.BEGUN, What.DONE, What.HEALTHY, What.DONE, What.HEALTHY)
    assert state.phase is Phase.COMPLETED
    assert {op.release for op in sent if op.kind in ("prepare", "start")} == {NEW}
    assert [op.weights for op in sent if op.kind == "route"] == [{NEW: 10_000, OLD: 0}]


@pytest.mark.parametrize("phase", LIVE)
def test_abort_is_accepted_in_every_state_that_is_no_end(phase: Phase) -> None:
    state, ops = transition(PLAN, State(phase=phase, epoch=3, paused="lunch"), Happened(What.ABORT, "enough"))
    if phase in BEFORE_TRAFFIC:
        assert state.phase is Phase.CANCELLED
        assert not [op for op in ops if op.kind == "route"]
    else:
        assert state.phase in GOING_BACK
    if phase not in GOING_BACK and phase not in BEFORE_TRAFFIC:
        assert ops == (Op("route", epoch=4, stable=OLD, weights={OLD: 10_000, NEW: 0}),)
        assert (state.reason, state.paused) == ("enough", "")


@pytest.mark.parametrize("phase", sorted(ENDS))
@pytest.mark.parametrize("verb", [What.ABORT, What.PAUSE, What.RESUME, What.PROMOTE])
def test_an_ended_rollout_obeys_nobody(phase: Phase, verb: What) -> None:
    with pytest.raises(ConflictError, match="ended"):
        transition(PLAN, State(phase=phase), Happened(verb))


@pytest.mark.parametrize("verb", [What.PAUSE, What.RESUME, What.PROMOTE])
@pytest.mark.parametrize("phase", sorted(GOING_BACK))
def test_nothing_stops_a_rollback(phase: Phase, verb: What) -> None:
    with pytest.raises(ConflictError, match="going back"):
        transition(PLAN, State(phase=phase), Happened(verb))


@pytest.mark.parametrize("what", [What.FAILED, What.UNHEALTHY, What.OVERTAKEN, What.ABORT, What.DEADLINE])
def test_a_pause_does_not_stop_what_protects(what: What) -> None:
    state, ops = transition(PLAN, State(phase=Phase.ANALYZING, paused="lunch", epoch=5), Happened(what))
    assert state.phase is Phase.ROLLING_BACK
    assert ops[0].kind == "route"


def test_a_pause_stops_progress_and_resuming_lets_it_go_on() -> None:
    paused, _ = transition(PLAN, State(phase=Phase.ANALYZING), Happened(What.PAUSE, "lunch"))
    assert transition(PLAN, paused, Happened(What.PASSED)) == (paused, ())
    resumed, _ = transition(PLAN, paused, Happened(What.RESUME))
    assert transition(PLAN, resumed, Happened(What.PASSED))[0].phase is Phase.SHIFTING


def test_counters_that_are_not_believed_hold_the_rollout() -> None:
    held, ops = transition(PLAN, State(phase=Phase.ANALYZING), Happened(What.UNTRUSTED, "split"))
    assert (held.phase, held.paused, ops) == (Phase.ANALYZING, "split", ())


def test_at_the_deadline_a_rollout_goes_back_unless_its_plan_says_hold() -> None:
    state = State(phase=Phase.ANALYZING)
    assert transition(PLAN, state, Happened(What.DEADLINE))[0].phase is Phase.ROLLING_BACK
    held, _ = transition(replace(PLAN, at_deadline="hold"), state, Happened(What.DEADLINE, "late"))
    assert (held.phase, held.paused) == (Phase.ANALYZING, "late")


@pytest.mark.parametrize("stage", range(len(PLAN.stages)))
@pytest.mark.parametrize("hold_back_bp", [0, 500])
def test_a_promotion_by_hand_goes_from_any_stage_to_all_traffic(stage: int, hold_back_bp: int) -> None:
    plan = replace(PLAN, hold_back_bp=hold_back_bp)
    state, ops = transition(plan, State(phase=Phase.ANALYZING, stage=stage, paused="hold", epoch=3), Happened(What.PROMOTE, "ana knows"))
    assert (state.phase, state.stage, state.paused, state.reason) == (Phase.PROMOTING, len(plan.stages), "", "ana knows")
    assert ops == (Op("route", epoch=4, stable=NEW, weights={NEW: 10_000, OLD: 0}),)


def test_what_a_person_promoted_ends_with_their_reason_and_what_the_judge_passed_does_not() -> None:
    promoted, _ = transition(PLAN, State(phase=Phase.ANALYZING), Happened(What.PROMOTE, "promoted by hand by ana: seen enough"))
    judged, _ = transition(PLAN, State(phase=Phase.ANALYZING, stage=1), Happened(What.PASSED, "not worse"))
    for state, reason in ((promoted, "promoted by hand by ana: seen enough; it answers"), (judged, "it answers")):
        at_end, _ = walk(PLAN, What.DONE, state=state)
        ended, _ = transition(PLAN, at_end, Happened(What.HEALTHY, "it answers"))
        assert (ended.phase, ended.reason) == (Phase.COMPLETED, reason)


def test_a_promotion_by_hand_needs_a_stage_under_analysis() -> None:
    with pytest.raises(ConflictError, match="under analysis"):
        transition(PLAN, State(phase=Phase.SMOKE), Happened(What.PROMOTE))


def test_an_overtaken_rollback_is_sent_again_above_the_epoch_that_overtook_it() -> None:
    state, ops = transition(PLAN, State(phase=Phase.ROLLING_BACK, epoch=4, reason="bad"), Happened(What.OVERTAKEN, "else", epoch=9))
    assert (state.phase, state.epoch, state.degraded, state.reason) == (Phase.ROLLING_BACK, 10, True, "bad")
    assert ops[0].epoch == 10


def test_a_cancelled_revert_leaves_the_warm_release_running() -> None:
    _, ops = transition(replace(PLAN, kind="revert"), State(phase=Phase.SMOKE), Happened(What.ABORT))
    assert ops == ()


def test_a_state_and_an_operation_survive_json() -> None:
    state = State(phase=Phase.ANALYZING, stage=1, paused="p", reason="r", epoch=5, version=9, degraded=True, promoted="q")
    assert State.from_json(state.to_json()) == state
    before = {name: value for name, value in state.to_json().items() if name != "promoted"}
    assert State.from_json(before) == replace(state, promoted=""), "a rollout that began before there was this"
    op = Op("route", epoch=3, stable=OLD, weights={OLD: 1, NEW: 9999})
    assert Op.from_json(op.to_json()) == op
