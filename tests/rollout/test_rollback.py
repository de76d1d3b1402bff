"""Going back by hand: after a rollout, during one, and there and back again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gonogo.operations.rollback import figures
from gonogo.rollout.command import ask
from gonogo.rollout.machine import Phase
from gonogo.rollout.plan import Plan
from gonogo.rollout.rollback import WentBack, roll_back

from .conftest import NEW, OLD, PLAN, Stand

REVERT = Plan("shop", OLD, f"sha256:{OLD}", NEW, f"sha256:{NEW}", kind="revert", min_seconds=2.0, deadline_seconds=60.0)


def go_back(stand: Stand, plan: Plan = REVERT) -> WentBack:
    return roll_back(
        stand.controller("bo"), stand.store, "shop", lambda: plan, actor="bo", reason="bad", clock=stand.clock, sleep=stand.clock.advance
    )


def roll_out(stand: Stand) -> None:
    controller = stand.controller()
    controller.start(PLAN)
    assert controller.drive().state.phase is Phase.COMPLETED


def test_rollback_after_rollout_restores_table_and_pointer_without_starting_anything(stand: Stand) -> None:
    roll_out(stand)
    before = len(stand.target.effects)
    went = go_back(stand)
    assert went.succeeded
    assert not went.aborted
    assert figures(went)[1] == "a routing flip to a release that was still running"
    assert stand.pointers == [NEW, OLD]
    assert stand.target.observe().weights == {OLD: 10_000}
    assert f"start {OLD}" not in stand.target.effects[before:], "the release to go back to was not warm"


def test_a_rollback_needs_no_tick_to_pass(stand: Stand) -> None:
    roll_out(stand)
    assert go_back(stand).seconds == 0.0  # by the fake clock, which only sleeping moves


def test_twenty_rollbacks_in_a_row_end_where_they_should(stand: Stand) -> None:
    roll_out(stand)
    there = replace(REVERT, new=NEW, new_digest=REVERT.old_digest, old=OLD, old_digest=REVERT.new_digest)
    for number in range(20):
        assert go_back(stand, there if number % 2 else REVERT).succeeded
    assert stand.pointers == [NEW] + [OLD, NEW] * 10
    assert stand.store.verify_chain(None).intact


def test_a_rollback_during_a_rollout_aborts_it(stand: Stand) -> None:
    controller = stand.controller()
    controller.start(PLAN)
    while controller.rollout.state.phase is not Phase.ANALYZING:
        controller.tick()
    controller.let_go()
    went = go_back(stand)
    assert went.aborted
    assert went.succeeded
    assert went.rollout.state.phase is Phase.ROLLED_BACK
    assert "ms from the command" in figures(went)[0]
    assert figures(went)[1] == "the rollout under way was aborted"
    assert stand.pointers == []


def test_a_release_that_is_not_what_it_was_is_not_gone_back_to(stand: Stand) -> None:
    roll_out(stand)
    went = go_back(stand, replace(REVERT, new_digest="sha256:something"))
    assert not went.succeeded
    assert stand.target.observe().weights == {NEW: 10_000}
    assert figures(went) == (), "nothing was gone back to, so there is no time that it took"


@pytest.mark.parametrize("phase", [Phase.PLANNED, Phase.PREPARING, Phase.SMOKE])
def test_a_rollback_before_traffic_has_moved_cancels(stand: Stand, phase: Phase) -> None:
    controller = stand.controller()
    controller.start(PLAN)
    while controller.rollout.state.phase is not phase:
        controller.tick()
        stand.target.broken.add(NEW)
    controller.let_go()
    went = go_back(stand)
    assert went.succeeded
    assert went.rollout.state.phase is Phase.CANCELLED
    assert figures(went) == ("the rollout under way was aborted before any traffic had moved",)


@pytest.mark.parametrize("ticks", range(3))
def test_a_second_rollback_joins_the_one_under_way_instead_of_aborting_it(stand: Stand, ticks: int) -> None:
    """Two people type it, or the process of the first one died: aborting a revert would bring the bad release back."""
    roll_out(stand)
    first = stand.controller()
    first.start(REVERT)
    for _ in range(ticks):
        first.tick()
    assert not first.rollout.state.ended
    first.let_go()
    went = go_back(stand)
    assert went.succeeded
    assert went.rollout.id == first.rollout.id
    assert stand.pointers == [NEW, OLD]
    assert stand.target.observe().weights == {OLD: 10_000}


def test_a_rollback_that_somebody_paused_is_gone_on_with_by_the_next_one(stand: Stand) -> None:
    roll_out(stand)
    first = stand.controller()
    first.start(REVERT)
    first.let_go()
    ask(stand.controller(), stand.store, "shop", "pause", actor="ana", sleep=stand.clock.advance)
    assert go_back(stand).succeeded
    assert stand.target.observe().weights == {OLD: 10_000}
