"""Laws of the alarm's machine: under any sequence of readings and gaps."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.monitor.alarms.machine import AlarmState, Phase, step
from gonogo.monitor.alarms.rule import Condition, Rule

WINDOW = 20.0
held = st.sampled_from([0.0, 1.0, 10.0, 60.0])
lasting = st.builds(lambda seconds, over: Rule("r", "s", 1.0, 0.5, for_seconds=seconds, clear_seconds=over), held, held)
counting = st.builds(lambda times: Rule("r", "s", 1.0, 0.5, times=times, window_seconds=WINDOW), st.integers(1, 4))
rules = lasting | counting
looks = st.lists(st.tuples(st.sampled_from(list(Condition)), st.floats(0, 70, allow_nan=False)), max_size=60)


def walk(rule: Rule, seen: list[tuple[Condition, float]], state: AlarmState | None = None) -> AlarmState:
    state = state or AlarmState()
    for condition, elapsed in seen:
        state = step(rule, state, condition, elapsed)
    return state


@settings(max_examples=150)
@given(rules, looks, st.lists(st.floats(0, 70), min_size=1, max_size=5), looks)
def test_a_gap_neither_advances_nor_resets(
    rule: Rule, before: list[tuple[Condition, float]], gap: list[float], after: list[tuple[Condition, float]]
) -> None:
    """A gap leads to the very state that the next look, at no distance, would have led to without it."""
    whole = walk(rule, before)
    holed = walk(rule, [(Condition.UNKNOWN, seconds) for seconds in gap], whole)
    assert holed.phase is Phase.UNKNOWN
    assert holed.ringing == whole.ringing
    for condition, elapsed in after:
        if condition is not Condition.UNKNOWN:
            straight = walk(rule, [(condition, 0.0)], whole if whole.phase is not Phase.UNKNOWN else holed)
            back = walk(rule, [(condition, elapsed)], holed)
            assert (back.phase, back.held) == (straight.phase, straight.held)
            break


@settings(max_examples=150)
@given(lasting, looks)
def test_an_alarm_fires_only_after_its_duration_of_breaches_that_were_seen(rule: Rule, seen: list[tuple[Condition, float]]) -> None:
    state, breached = AlarmState(), 0.0
    for condition, elapsed in seen:
        before = state
        state = step(rule, state, condition, elapsed)
        if condition is Condition.BREACH:
            breached += elapsed
        elif condition is not Condition.UNKNOWN:
            breached = 0.0
        if state.ringing and not before.ringing:
            assert breached >= rule.for_seconds
            assert condition is Condition.BREACH


@settings(max_examples=150)
@given(st.integers(1, 4), st.lists(st.sampled_from(list(Condition)), max_size=60))
def test_so_many_valid_windows_in_a_row_ring_and_as_many_end_it(times: int, seen: list[Condition]) -> None:
    """One look a window, counted by hand: what says nothing is passed over, and the look after it has not seen a whole window."""
    rule = Rule("r", "s", 1.0, 0.5, times=times, window_seconds=WINDOW)
    state, ringing, row, before = AlarmState(), False, 0, None
    for condition in seen:
        counts = state.waited is None or before is not Condition.UNKNOWN
        state, before = step(rule, state, condition, WINDOW), condition
        if condition is Condition.UNKNOWN:
            assert state.ringing == ringing
            continue
        if counts:
            row = row + 1 if condition is (Condition.CLEAR if ringing else Condition.BREACH) else 0
        if row == times:
            ringing, row = not ringing, 0
        assert state.ringing == ringing


@settings(max_examples=100)
@given(st.lists(st.floats(0.1, 19.9), max_size=60))
def test_within_a_window_nothing_is_judged_twice(parts: list[float]) -> None:
    rule = Rule("r", "s", 1.0, 0.5, times=2, window_seconds=WINDOW)
    state, since = step(rule, AlarmState(), Condition.BREACH, 0.0), 0.0
    for elapsed in parts:
        since += elapsed
        state = step(rule, state, Condition.BREACH, elapsed)
        assert state.ringing == (since >= WINDOW)
        if state.ringing:
            return


@settings(max_examples=100)
@given(rules, looks)
def test_a_stored_alarm_goes_on_as_if_nothing_had_happened(rule: Rule, seen: list[tuple[Condition, float]]) -> None:
    state = AlarmState()
    for condition, elapsed in seen:
        state = step(rule, AlarmState.from_json(state.to_json()), condition, elapsed)
    assert state == walk(rule, seen)


@settings(max_examples=100)
@given(rules, looks)
def test_breaches_that_go_on_always_ring_and_clearness_that_goes_on_always_ends_it(rule: Rule, seen: list[tuple[Condition, float]]) -> None:
    state = walk(rule, [(Condition.BREACH, 35.0)] * 6, walk(rule, seen))
    assert state.phase is Phase.FIRING
    state = walk(rule, [(Condition.CLEAR, 35.0)] * 6, state)
    assert state.phase is Phase.OK
