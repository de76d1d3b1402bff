"""Laws of the rollout's machine: under any sequence of events, in any order.

A model data plane obeys every route at once. Then: abort wins from anywhere; a rollback restores the table; epochs only grow; traffic
is only ever on releases of the plan and adds up; from every state some event leads on, and events exist that lead to an end.
"""

from __future__ import annotations

from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gonogo.errors import ConflictError
from gonogo.rollout.machine import BEFORE_TRAFFIC, COMMANDS, ENDS, GOING_BACK, Happened, Phase, State, What, transition
from gonogo.rollout.plan import WHOLE, Plan

OLD, NEW = "shop@1.0.0", "shop@1.1.0"
SEEN = [what for what in What if what not in COMMANDS]

plans = st.builds(
    Plan,
    system=st.just("shop"),
    new=st.just(NEW),
    new_digest=st.just("sha256:b"),
    old=st.just(OLD),
    old_digest=st.just("sha256:a"),
    kind=st.sampled_from(["canary", "revert"]),
    steps=st.sets(st.integers(1, 99), min_size=1, max_size=5).map(lambda steps: (*sorted(steps), 100)),
    hold_back_bp=st.sampled_from([0, 100, 500]),
    at_deadline=st.sampled_from(["rollback", "hold"]),
)


class RolloutMachine(RuleBasedStateMachine):
    """Drives `transition` with anything at all, against a data plane that obeys."""

    plan: Plan
    state: State
    table: dict[str, int]
    epoch: int
    pointer: str
    aborted: bool

    @initialize(plan=plans, epoch=st.integers(0, 1000), steps=st.integers(0, 16))
    def begin(self, plan: Plan, epoch: int, steps: int) -> None:
        self.plan, self.state = plan, State()
        self.table, self.epoch, self.pointer, self.aborted = {OLD: WHOLE}, epoch, OLD, False
        for _ in range(steps):  # so that late states are met as often as early ones
            self.all_goes_well()

    def happen(self, event: Happened) -> None:
        before = self.state
        self.state, ops = transition(self.plan, before, event)
        assert self.state.version in (before.version, before.version + 1)
        assert self.state.epoch >= before.epoch
        if self.state.version == before.version:
            assert not ops
        if self.state.stage != before.stage:
            assert before.phase in (Phase.SMOKE, Phase.ANALYZING), "a stage was left without having been analysed"
        for op in ops:
            if op.kind == "route":
                assert op.epoch == self.state.epoch > self.epoch, "a route that the data plane must refuse"
                self.table, self.epoch = {name: weight for name, weight in (op.weights or {}).items() if weight}, op.epoch
                assert op.stable in self.table
            if op.kind == "stop":
                assert not self.table.get(op.release), "a release with traffic is stopped"
        if self.state.phase is Phase.COMPLETED:
            self.pointer = NEW

    @rule()
    def all_goes_well(self) -> None:
        leads_on = {Phase.PLANNED: What.BEGUN, Phase.SMOKE: What.HEALTHY, Phase.ANALYZING: What.PASSED}
        leads_on |= {Phase.FINALIZING: What.HEALTHY, Phase.VERIFYING_ROLLBACK: What.HEALTHY}
        if not self.state.ended:
            self.happen(Happened(leads_on.get(self.state.phase, What.DONE), epoch=self.epoch))

    @rule(what=st.sampled_from(SEEN), ahead=st.integers(0, 3))
    def something_is_seen(self, what: What, ahead: int) -> None:
        # What is seen names the data plane's epoch; only BEGUN, HEALTHY and OVERTAKEN do, and only the last one is ahead of ours.
        if what is What.OVERTAKEN:
            self.epoch = max(self.epoch, self.state.epoch) + ahead
        named = self.epoch if what in (What.BEGUN, What.HEALTHY, What.OVERTAKEN) else 0
        assume(not (what is What.HEALTHY and self.state.phase in GOING_BACK and self.state.epoch != self.epoch))
        self.happen(Happened(what, "seen", epoch=named))

    @rule(verb=st.sampled_from([What.PAUSE, What.RESUME, What.PROMOTE]))
    def somebody_asks(self, verb: What) -> None:
        before = self.state
        try:
            self.happen(Happened(verb, "asked"))
        except ConflictError:
            assert self.state == before

    @precondition(lambda self: self.state.phase not in ENDS)
    @rule()
    def somebody_aborts(self) -> None:
        self.happen(Happened(What.ABORT, "enough"))
        self.aborted = True
        assert self.state.phase in GOING_BACK or self.state.phase is Phase.CANCELLED

    @invariant()
    def an_abort_is_never_overruled(self) -> None:
        if self.aborted:
            assert self.state.phase in GOING_BACK or self.state.phase in (Phase.CANCELLED, Phase.ROLLED_BACK)

    @invariant()
    def traffic_adds_up_and_stays_in_the_plan(self) -> None:
        assert sum(self.table.values()) == WHOLE
        assert self.table.keys() <= {OLD, NEW}

    @invariant()
    def what_has_not_moved_has_not_moved_and_what_went_back_is_back(self) -> None:
        if self.state.phase in BEFORE_TRAFFIC or self.state.phase in (Phase.CANCELLED, Phase.ROLLED_BACK):
            assert self.table == {OLD: WHOLE}
            assert self.pointer == OLD
        if self.state.phase is Phase.COMPLETED:
            assert self.table == {NEW: WHOLE}

    @invariant()
    def the_pointer_moves_only_at_the_end(self) -> None:
        assert self.pointer == (NEW if self.state.phase is Phase.COMPLETED else OLD)

    @invariant()
    def every_state_has_an_exit(self) -> None:
        if self.state.ended:
            return
        state = self.state
        for _ in range(40):  # what a healthy data plane and a willing person say leads to an end in a bounded number of events
            if state.ended:
                return
            state = _onwards(self.plan, state, self.epoch)
        raise AssertionError(f"no way out of {self.state}")

    @invariant()
    def a_rollback_needs_nobody(self) -> None:
        """Liveness: without any command, what a healthy data plane says leads from ROLLING_BACK to ROLLED_BACK."""
        if self.state.phase in GOING_BACK:
            state = self.state
            assert not state.paused
            for what in (What.DONE, What.HEALTHY):
                state, _ = transition(self.plan, state, Happened(what))
            assert state.phase is Phase.ROLLED_BACK

    @invariant()
    def a_table_of_somebody_else_is_taken_back_as_long_as_traffic_is_ours(self) -> None:
        if not self.state.ended and self.state.phase not in BEFORE_TRAFFIC:
            foreign = max(self.epoch, self.state.epoch) + 1
            state, ops = transition(self.plan, self.state, Happened(What.OVERTAKEN, epoch=foreign))
            assert state.phase is Phase.ROLLING_BACK
            assert [(op.kind, (op.weights or {}).get(OLD)) for op in ops] == [("route", WHOLE)]
            assert ops[0].epoch > foreign


def _onwards(plan: Plan, state: State, epoch: int) -> State:
    if state.paused:
        state, _ = transition(plan, state, Happened(What.RESUME))
    for what in (What.BEGUN, What.DONE, What.HEALTHY, What.PASSED):
        after, _ = transition(plan, state, Happened(what, epoch=epoch))
        if after.version != state.version:
            return after
    raise AssertionError(f"nothing leads on from {state}")


RolloutMachine.TestCase.settings = settings(max_examples=120, stateful_step_count=20)
TestRolloutMachine = RolloutMachine.TestCase
