"""The controller on the memory target: what a rollout does from its plan to its end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gonogo.errors import ConflictError, FencedError, NotFoundError, RefusedError
from gonogo.registry.store import Transaction
from gonogo.rollout import journal
from gonogo.rollout.journal import Rollout
from gonogo.rollout.look import Look
from gonogo.rollout.machine import Phase
from gonogo.rollout.plan import Plan
from gonogo.rollout.run import Controller

from .conftest import NEW, OLD, PLAN, Stand


def run(stand: Stand, plan: Plan = PLAN) -> Rollout:
    controller = stand.controller()
    controller.start(plan)
    return controller.drive(stand.progress)


def test_a_release_as_good_as_the_old_one_goes_through_every_step_and_gets_the_pointer(stand: Stand) -> None:
    rollout = run(stand)
    assert rollout.state.phase is Phase.COMPLETED
    assert stand.pointers == [NEW]
    assert [effect for effect in stand.target.effects if effect.startswith("route")] == [
        f"route 2 {OLD}=9500 {NEW}=500", f"route 3 {OLD}=7500 {NEW}=2500", f"route 4 {OLD}=0 {NEW}=10000",
    ]  # fmt: skip
    assert stand.path(rollout)[-4:] == ["ANALYZING 1", "PROMOTING 2", "FINALIZING 2", "COMPLETED 2"]
    assert stand.store.verify_chain(None).intact


def test_a_worse_release_is_taken_back_and_the_pointer_never_moves(stand: Stand) -> None:
    stand.target.errors[NEW] = 0.2
    rollout = run(stand)
    assert rollout.state.phase is Phase.ROLLED_BACK
    assert "fails more often" in rollout.state.reason
    assert stand.pointers == []
    assert stand.target.observe().weights == {OLD: 10_000}
    assert stand.target.effects[-1] == f"stop {NEW}"


def test_errors_that_both_releases_have_are_no_reason_to_go_back(stand: Stand) -> None:
    stand.target.errors.update({OLD: 0.2, NEW: 0.2})
    assert run(stand, replace(PLAN, margin=0.1)).state.phase is Phase.COMPLETED


def test_a_fault_that_begins_in_a_later_stage_is_caught_there(stand: Stand) -> None:
    def break_it(look: Look) -> None:
        if look.rollout.state.stage == 1:
            stand.target.errors[NEW] = 0.1

    stand.at_look = break_it
    rollout = run(stand, replace(PLAN, min_seconds=20.0))
    assert rollout.state.phase is Phase.ROLLED_BACK
    assert rollout.state.stage == 1


def test_no_traffic_is_not_a_pass(stand: Stand) -> None:
    stand.target.requests = 0
    rollout = run(stand)
    assert rollout.state.phase is Phase.ROLLED_BACK
    assert "no data is not a pass" in rollout.state.reason


def test_traffic_that_ends_early_is_not_a_pass(stand: Stand) -> None:
    def dry_up(look: Look) -> None:
        if look.rollout.state.phase is Phase.ANALYZING and look.rollout.observed_ms > 600:
            stand.target.requests = 0

    stand.at_look = dry_up
    assert run(stand, replace(PLAN, min_seconds=30.0, deadline_seconds=90.0)).state.phase is Phase.ROLLED_BACK


def test_a_release_that_never_gets_healthy_gets_no_traffic(stand: Stand) -> None:
    stand.target.broken.add(NEW)
    rollout = run(stand)
    assert rollout.state.phase is Phase.CANCELLED
    assert not [effect for effect in stand.target.effects if effect.startswith("route")]


def test_a_bad_stable_release_stops_the_rollout_before_it_starts(stand: Stand) -> None:
    stand.target.broken.add(OLD)
    assert run(stand).state.phase is Phase.CANCELLED


def test_a_release_with_other_bytes_than_the_plan_names_gets_no_traffic(stand: Stand) -> None:
    rollout = run(stand, replace(PLAN, new_digest="sha256:other"))
    assert rollout.state.phase is Phase.CANCELLED
    assert "not sha256:other" in rollout.state.reason


def test_a_plan_that_names_another_release_than_the_one_in_service_is_cancelled(stand: Stand) -> None:
    rollout = run(stand, replace(PLAN, old="shop@0.9.0", old_digest="sha256:x"))
    assert rollout.state.phase is Phase.CANCELLED
    assert "does not serve shop@0.9.0" in rollout.state.reason


def test_when_the_data_plane_takes_the_new_release_off_the_rollout_goes_back(stand: Stand) -> None:
    def trip(look: Look) -> None:
        if look.rollout.state.phase is Phase.ANALYZING and stand.target.observe().weights.get(NEW):
            stand.target.trip(NEW)

    stand.at_look = trip
    rollout = run(stand)
    assert rollout.state.phase is Phase.ROLLED_BACK
    assert "the breaker opened" in rollout.state.reason
    assert stand.target.observe().weights == {OLD: 10_000}


def test_a_table_that_somebody_else_installed_in_a_stage_takes_the_rollout_back(stand: Stand) -> None:
    def meddle(look: Look) -> None:
        if look.rollout.state.phase is Phase.ANALYZING:
            stand.target.meddle({NEW: 10_000}, NEW)

    stand.at_look = meddle
    rollout = run(stand)
    assert rollout.state.phase is Phase.ROLLED_BACK
    assert "somebody else moved traffic" in rollout.state.reason
    assert stand.target.observe().weights == {OLD: 10_000}


@pytest.mark.parametrize("share_of_errors", [0.0, 0.2], ids=["while finalizing", "while verifying the rollback"])
def test_a_table_that_somebody_else_installed_at_the_end_is_not_built_upon(stand: Stand, share_of_errors: float) -> None:
    stand.target.errors[NEW] = share_of_errors
    asked = []

    def meddle(release: str) -> str:
        asked.append(release)
        if len(asked) > 1:
            return ""
        stand.target.meddle({OLD: 5000, NEW: 5000}, OLD)
        return "not yet"

    controller = stand.controller(answers=meddle)
    controller.start(PLAN)
    assert controller.drive().state.phase is Phase.ROLLED_BACK
    assert stand.target.observe().weights == {OLD: 10_000}
    assert asked == [OLD, OLD] if share_of_errors else [NEW, OLD]


def test_a_new_life_of_the_data_plane_loses_its_counters_but_not_what_was_booked(stand: Stand) -> None:
    counted = []

    def restart(look: Look) -> None:
        if look.rollout.state.phase is Phase.ANALYZING and len(counted) < 3:
            counted.append(look.rollout.booked()[0].canary.n)
            stand.target.restart()

    stand.at_look = restart
    rollout = run(stand)
    assert rollout.state.phase is Phase.COMPLETED
    assert counted == sorted(counted)
    assert len({segment.boot_id for segment in rollout.segments}) >= 3


def test_an_unreachable_data_plane_is_waited_for_and_its_silence_is_never_a_pass(stand: Stand) -> None:
    def vanish(look: Look) -> None:
        stand.target.unreachable = look.rollout.state.phase is Phase.ANALYZING and len(stand.looks) < 30

    stand.at_look = vanish
    rollout = run(stand)
    assert rollout.state.phase is Phase.COMPLETED
    assert any("does not answer" in look.problem for look in stand.looks)


def test_a_rollback_is_tried_until_the_data_plane_answers(stand: Stand) -> None:
    stand.target.errors[NEW] = 0.2
    away = []

    def vanish(look: Look) -> None:
        if look.rollout.state.phase is Phase.ANALYZING:
            stand.target.unreachable = not away  # away from the moment at which the judge has seen enough
            away.append(1)
        if len(stand.looks) > 60:
            stand.target.unreachable = False

    stand.at_look = vanish
    rollout = run(stand)
    assert rollout.state.phase is Phase.ROLLED_BACK


def test_while_going_back_does_not_work_the_rollout_is_degraded(stand: Stand) -> None:
    controller = stand.controller()
    controller.start(PLAN)
    while controller.rollout.state.phase is not Phase.ANALYZING:
        controller.tick()
    journal.submit(stand.store, controller.rollout.id, "abort", actor="bo")
    stand.target.unreachable = True
    for _ in range(100):
        controller.tick()
        stand.clock.advance(0.2)
    assert (controller.rollout.state.phase, controller.rollout.state.degraded) == (Phase.ROLLING_BACK, True)
    stand.target.unreachable = False
    assert controller.drive(stand.progress).state.phase is Phase.ROLLED_BACK
    assert controller.rollout.state.degraded is False


def test_the_pointer_and_the_end_are_one_transaction_and_a_pointer_that_may_not_move_takes_the_traffic_back(stand: Stand) -> None:
    def refuse(tx: Transaction, plan: Plan, actor: str, reason: str) -> None:
        tx.append("pointer", {"to": plan.new}, actor)
        raise RefusedError("production moved meanwhile.")

    controller = Controller(
        stand.store, stand.target, "shop", move_pointer=refuse, actor="ana", clock=stand.clock, sleep=stand.clock.advance, tick_seconds=0.2
    )
    controller.start(PLAN)
    rollout = controller.drive()
    assert rollout.state.phase is Phase.ROLLED_BACK
    assert "production moved meanwhile" in rollout.state.reason
    assert stand.pointers == []


def test_a_release_that_does_not_answer_at_the_public_door_is_not_final(stand: Stand) -> None:
    controller = stand.controller(answers=lambda release: "it answers as shop@1.0.0" if release == NEW else "")
    controller.start(PLAN)
    rollout = controller.drive()
    assert rollout.state.phase is Phase.ROLLED_BACK
    assert "it answers as shop@1.0.0" in rollout.state.reason


def test_a_jump_of_the_wall_clock_does_not_shorten_a_stage(stand: Stand) -> None:
    controller = stand.controller()
    controller.start(PLAN)
    while controller.rollout.state.phase is not Phase.ANALYZING:
        controller.tick()
    controller.tick()
    stand.clock._now = stand.clock._now.replace(year=2027)  # the wall clock alone
    controller.tick()
    assert controller.rollout.observed_ms == 0


def test_a_second_rollout_and_a_second_controller_are_refused_by_name(stand: Stand) -> None:
    first = stand.controller("ana")
    first.start(PLAN)
    with pytest.raises(ConflictError, match="driven by ana@"):
        stand.controller("bo").start(PLAN)
    with pytest.raises(ConflictError, match="driven by ana@"):
        stand.controller("bo").resume()
    first.let_go()
    with pytest.raises(ConflictError, match="shop-1 of shop is not through"):
        stand.controller("bo").start(PLAN)


def test_a_controller_whose_lease_was_taken_over_writes_and_sends_nothing_more(stand: Stand) -> None:
    first = stand.controller("ana")
    first.start(PLAN)
    while first.rollout.state.phase is not Phase.ANALYZING:
        first.tick()
    stand.clock.advance(6)
    second = stand.controller("bo")
    second.resume()
    before = stand.target.effects
    with pytest.raises(FencedError):
        first.drive()
    assert stand.target.effects == before
    assert second.drive().state.phase is Phase.COMPLETED


def test_there_is_nothing_to_resume_when_nothing_is_under_way(stand: Stand) -> None:
    with pytest.raises(NotFoundError, match="no rollout of shop"):
        stand.controller().resume()
    run(stand)
    with pytest.raises(NotFoundError, match="no rollout of shop"):
        stand.controller().resume()


def test_the_path_is_kept_for_reports_and_the_events_tell_every_transition(stand: Stand) -> None:
    rollout = run(stand)
    path = journal.looks(stand.store, rollout.id)
    assert [look["phase"] for look in path][-1] == "COMPLETED"
    assert any(look["analysis"] and look["analysis"]["log_e_safe"] > 0 for look in path)
    events = [event.body for event in stand.store.events(kinds=["rollout"])]
    assert [body["to"] for body in events] == [
        "PLANNED", "PREPARING", "SMOKE", "SHIFTING", "ANALYZING", "SHIFTING", "ANALYZING", "PROMOTING", "FINALIZING", "COMPLETED",
    ]  # fmt: skip
    assert [body["version"] for body in events[1:]] == list(range(1, 10))


def test_what_cleaning_up_cannot_do_is_recorded_and_does_not_keep_the_rollout_open(stand: Stand) -> None:
    stand.target.errors[NEW] = 0.2

    def vanish(look: Look) -> None:
        stand.target.unreachable = look.rollout.state.phase is Phase.ROLLED_BACK

    stand.at_look = vanish
    rollout = run(stand)
    assert rollout.ended
    assert rollout.ops[-1].status == "failed"
    assert journal.active(stand.store, "shop") == ""
