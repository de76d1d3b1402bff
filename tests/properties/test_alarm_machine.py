"""Laws of the alarm's machine: under any sequence of readings and gaps."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.monitor.alarms.machine import RINGING, AlarmState, Phase, step
from gonogo.monitor.alarms.rule import Condition, Rule

rules = st.builds(
    lambda held, over: Rule("r", "s", 1.0, 0.5, for_seconds=held, clear_seconds=over, blind_seconds=100.0),
    st.sampled_from([0.0, 1.0, 10.0, 60.0]),
    st.sampled_from([0.0, 1.0, 10.0, 60.0]),
)
looks = st.lists(st.tuples(st.sampled_from(list(Condition)), st.floats(0, 70, allow_nan=False)), max_size=60)


def walk(rule: Rule, seen: list[tuple[Condition, float]], state: AlarmState | None = None) -> tuple[AlarmState, list[str]]:
    state, told = state or AlarmState(), []
    for condition, elapsed in seen:
        state, kind = step(rule, state, condition, elapsed)
        if kind:
            told.append(kind)
    return state, told


@settings(max_examples=150)
@given(rules, looks)
def test_what_rang_is_told_over_before_it_rings_again(rule: Rule, seen: list[tuple[Condition, float]]) -> None:
    _, told = walk(rule, seen)
    ringing = [kind for kind in told if kind in ("fired", "resolved")]
    assert ringing == ["fired", "resolved"] * (len(ringing) // 2) + ["fired"] * (len(ringing) % 2)


@settings(max_examples=150)
@given(rules, looks)
def test_people_know_whether_it_rings_from_what_they_were_told(rule: Rule, seen: list[tuple[Condition, float]]) -> None:
    state, told = walk(rule, seen)
    last = [kind for kind in told if kind in ("fired", "resolved")][-1:]
    assert state.ringing == (last == ["fired"])


@settings(max_examples=150)
@given(rules, looks, st.lists(st.floats(0, 70), min_size=1, max_size=5), looks)
def test_a_gap_neither_advances_nor_resets(
    rule: Rule, before: list[tuple[Condition, float]], gap: list[float], after: list[tuple[Condition, float]]
) -> None:
    """A gap leads to the very state that the next look, at no distance, would have led to without it."""
    whole, _ = walk(rule, before)
    holed, _ = walk(rule, [(Condition.UNKNOWN, seconds) for seconds in gap], whole)
    assert holed.phase is Phase.UNKNOWN
    for condition, elapsed in after:
        if condition is not Condition.UNKNOWN:
            straight, _ = walk(rule, [(condition, 0.0)], whole if whole.phase is not Phase.UNKNOWN else holed)
            back, _ = walk(rule, [(condition, elapsed)], holed)
            assert (back.phase, back.held) == (straight.phase, straight.held)
            break


@settings(max_examples=150)
@given(rules, looks)
def test_an_alarm_fires_only_after_its_duration_of_breaches_that_were_seen(rule: Rule, seen: list[tuple[Condition, float]]) -> None:
    state, breached = AlarmState(), 0.0
    for condition, elapsed in seen:
        before = state
        state, kind = step(rule, state, condition, elapsed)
        if condition is Condition.BREACH:
            breached += elapsed
        elif condition is not Condition.UNKNOWN:
            breached = 0.0
        if kind == "fired":
            assert breached >= rule.for_seconds
            assert condition is Condition.BREACH
        if before.phase not in RINGING and condition is not Condition.BREACH:
            assert kind != "fired"


@settings(max_examples=100)
@given(rules, looks)
def test_a_stored_alarm_goes_on_as_if_nothing_had_happened(rule: Rule, seen: list[tuple[Condition, float]]) -> None:
    straight, told = walk(rule, seen)
    state, heard = AlarmState(), []
    for condition, elapsed in seen:
        state, kind = step(rule, AlarmState.from_json(state.to_json()), condition, elapsed)
        heard += [kind] if kind else []
    assert (state, heard) == (straight, told)


@settings(max_examples=100)
@given(rules, looks)
def test_breaches_that_go_on_always_ring_and_clearness_that_goes_on_always_ends_it(rule: Rule, seen: list[tuple[Condition, float]]) -> None:
    state, _ = walk(rule, seen)
    state, _ = walk(rule, [(Condition.BREACH, 35.0)] * 5, state)
    assert state.phase is Phase.FIRING
    state, _ = walk(rule, [(Condition.CLEAR, 35.0)] * 5, state)
    assert state.phase is Phase.OK
