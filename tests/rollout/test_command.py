"""What people say to a rollout, with its controller alive or dead."""

from __future__ import annotations

import pytest

from gonogo.errors import ConflictError, NotFoundError
from gonogo.registry.store import Transaction
from gonogo.rollout import journal
from gonogo.rollout.command import ask
from gonogo.rollout.journal import Rollout
from gonogo.rollout.machine import Phase
from gonogo.rollout.plan import Plan
from gonogo.rollout.run import Controller

from .conftest import NEW, OLD, PLAN, Stand


def analyzing(stand: Stand) -> Controller:
    controller = stand.controller()
    controller.start(PLAN)
    while controller.rollout.state.phase is not Phase.ANALYZING:
        controller.tick()
    return controller


def say(stand: Stand, verb: str, **more: object) -> Rollout:
    return ask(stand.controller("bo"), stand.store, "shop", verb, actor="bo", sleep=stand.clock.advance, **more)  # type: ignore[arg-type]


def test_a_live_controller_obeys_an_abort_at_its_next_tick(stand: Stand) -> None:
    controller = analyzing(stand)
    command = journal.submit(stand.store, controller.rollout.id, "abort", actor="bo", reason="wrong model")
    controller.tick()
    assert journal.answer(stand.store, controller.rollout.id, command.id).status == "done"
    assert controller.rollout.state.reason == "aborted by bo: wrong model"
    assert controller.drive().state.phase is Phase.ROLLED_BACK


def test_abort_comes_before_a_promotion_that_was_asked_for_earlier(stand: Stand) -> None:
    controller = analyzing(stand)
    promotion = journal.submit(stand.store, controller.rollout.id, "promote", actor="ana")
    abort = journal.submit(stand.store, controller.rollout.id, "abort", actor="bo")
    rollout = controller.drive()
    assert rollout.state.phase is Phase.ROLLED_BACK
    assert journal.answer(stand.store, rollout.id, abort.id).status == "done"
    assert journal.answer(stand.store, rollout.id, promotion.id).status == "refused"


def test_the_same_command_twice_gets_the_same_answer_and_happens_once(stand: Stand) -> None:
    controller = analyzing(stand)
    for _ in range(2):
        journal.submit(stand.store, controller.rollout.id, "promote", actor="ana", command_id="c1")
        controller.tick()
    assert [event.body.get("what") for event in stand.store.events(kinds=["rollout"])].count("promote") == 1
    assert journal.answer(stand.store, controller.rollout.id, "c1").status == "done"


def test_a_pointer_that_a_person_moved_past_the_judge_says_who_and_why(stand: Stand) -> None:
    reasons: list[str] = []

    def move(tx: Transaction, plan: Plan, actor: str, reason: str) -> None:
        reasons.append(reason)

    controller = Controller(
        stand.store, stand.target, "shop", move_pointer=move, actor="ana", clock=stand.clock, sleep=stand.clock.advance, tick_seconds=0.2
    )
    controller.start(PLAN)
    while controller.rollout.state.phase is not Phase.ANALYZING:
        controller.tick()
    journal.submit(stand.store, controller.rollout.id, "promote", actor="bo", reason="seen enough")
    assert controller.drive().state.phase is Phase.COMPLETED
    assert reasons == [f"promoted by hand by bo: seen enough; {NEW} answers everything"]
    assert [effect for effect in stand.target.effects if effect.startswith("route")] == [
        f"route 2 {OLD}=9500 {NEW}=500", f"route 3 {OLD}=0 {NEW}=10000",
    ]  # fmt: skip


def test_a_command_for_a_state_that_has_passed_is_refused_with_the_present_one(stand: Stand) -> None:
    controller = analyzing(stand)
    stale = journal.submit(stand.store, controller.rollout.id, "promote", actor="ana", expected_version=1)
    controller.tick()
    refused = journal.answer(stand.store, controller.rollout.id, stale.id)
    assert refused.status == "refused"
    assert "moved on to ANALYZING" in refused.answer
    assert [event.body["refused"] for event in stand.store.events(kinds=["rollout"]) if "refused" in event.body]


def test_an_abort_needs_no_version(stand: Stand) -> None:
    controller = analyzing(stand)
    journal.submit(stand.store, controller.rollout.id, "abort", actor="ana", expected_version=0)
    assert controller.drive().state.phase is Phase.ROLLED_BACK


def test_an_abort_works_when_the_controller_is_dead(stand: Stand) -> None:
    analyzing(stand).let_go()
    rollout = say(stand, "abort", reason="nobody home")
    assert rollout.state.phase is Phase.ROLLED_BACK
    assert stand.target.observe().weights == {OLD: 10_000}


def test_an_abort_works_when_the_controller_hangs_and_its_lease_runs_out(stand: Stand) -> None:
    analyzing(stand)
    assert say(stand, "abort").state.phase is Phase.ROLLED_BACK


def test_a_pause_and_its_end_work_without_a_controller(stand: Stand) -> None:
    analyzing(stand).let_go()
    paused = say(stand, "pause", reason="lunch")
    assert (paused.state.phase, paused.state.paused) == (Phase.ANALYZING, "paused by bo: lunch")
    assert stand.controller().driver() is None
    assert say(stand, "resume").state.phase is Phase.COMPLETED


def test_a_paused_rollout_still_goes_back_when_it_fails(stand: Stand) -> None:
    controller = analyzing(stand)
    journal.submit(stand.store, controller.rollout.id, "pause", actor="bo")
    controller.tick()
    stand.target.errors[NEW] = 0.5
    assert controller.drive().state.phase is Phase.ROLLED_BACK


def test_a_paused_rollout_does_not_move_on_however_good_it_is(stand: Stand) -> None:
    controller = analyzing(stand)
    journal.submit(stand.store, controller.rollout.id, "pause", actor="bo")
    for _ in range(200):
        controller.tick()
        stand.clock.advance(0.2)
    assert (controller.rollout.state.phase, controller.rollout.state.stage) == (Phase.ANALYZING, 0)


def test_nobody_can_ask_anything_of_nothing_or_of_what_has_ended(stand: Stand) -> None:
    with pytest.raises(NotFoundError, match="under way"):
        say(stand, "abort")
    controller = analyzing(stand)
    with pytest.raises(NotFoundError, match="nothing a rollout can be asked"):
        journal.submit(stand.store, controller.rollout.id, "explode", actor="bo")
    rollout = controller.drive()
    with pytest.raises(ConflictError, match="has ended"):
        journal.submit(stand.store, rollout.id, "abort", actor="bo")
    with pytest.raises(NotFoundError, match="no rollout"):
        journal.submit(stand.store, "shop-9", "abort", actor="bo")


def test_a_refused_command_says_why(stand: Stand) -> None:
    analyzing(stand).let_go()
    with pytest.raises(ConflictError, match="not paused"):
        say(stand, "resume")
