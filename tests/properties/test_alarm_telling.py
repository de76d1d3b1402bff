"""Laws of what people are told: under any course of alarms, silences, inhibitions and answers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.monitor.alarms.alarm import Alarm, Told, key_of
from gonogo.monitor.alarms.inhibition import RANK, inhibited
from gonogo.monitor.alarms.machine import AlarmState, Phase
from gonogo.monitor.alarms.telling import Heard, Rung, Telling, tell_of
from gonogo.monitor.notice import LEVELS

LADDER = (Rung(0.0, "the documents"), Rung(900.0, "who is on call"), Rung(1800.0, "the lead"))
REPEAT = 3600.0
RULES = {"drift": "warning", "errors": "critical", "age": "info"}
NAMES = [(rule, {"release": release, "feature": feature}) for rule in RULES for release in ("a", "b") for feature in ("x", "y")]


@dataclass(frozen=True)
class Look:
    """Which alarms ring, are held back, have an answer or are gone, and how long after the last look."""

    ringing: frozenset[int]
    held: frozenset[int]
    answered: frozenset[int]
    gone: frozenset[int]
    elapsed: float


some = st.frozensets(st.integers(0, len(NAMES) - 1), max_size=6)
looks = st.lists(st.builds(Look, some, some, some, some, st.sampled_from([2.0, 60.0, 600.0])), max_size=25)


def alarms() -> dict[str, Alarm]:
    return {key_of(rule, labels): Alarm(key_of(rule, labels), rule, RULES[rule], "s", labels) for rule, labels in NAMES}


def heard(known: dict[str, Alarm], look: Look) -> list[Heard]:
    found = []
    for place, (rule, labels) in enumerate(NAMES):
        key = key_of(rule, labels)
        phase = Phase.FIRING if place in look.ringing else Phase.OK
        answer = "Ana" if place in look.answered and phase is Phase.FIRING else ""
        alarm = replace(known[key], state=AlarmState(phase))
        found.append(Heard(alarm, place in look.held, answer, place in look.gone))
    return found


def walk(course: list[Look]) -> list[tuple[list[Heard], list[Alarm], list[Telling]]]:
    known, seen = alarms(), []
    for look in course:
        said = heard(known, look)
        after, tellings = tell_of(said, LADDER, REPEAT, look.elapsed)
        seen.append((said, after, tellings))
        known = alarms() | {alarm.key: alarm for alarm in after}
    return seen


@settings(max_examples=150)
@given(looks)
def test_what_people_were_told_is_what_they_believe_and_ends_as_it_began(course: list[Look]) -> None:
    """Of each rule and release: fired, maybe more, then resolved or retired; never an end without a beginning."""
    open_groups: dict[str, set[str]] = {}
    for _, after, tellings in walk(course):
        groups = [telling.about[0].group for telling in tellings]
        assert len(groups) == len(set(groups)), "one message for each rule and release at a look"
        for telling in tellings:
            keys = {alarm.key for alarm in telling.about}
            believed = open_groups.setdefault(telling.about[0].group, set())
            assert {alarm.group for alarm in telling.about} == {telling.about[0].group}
            if telling.kind == "fired":
                assert not keys & {alarm.key for alarm in after if alarm.key in believed and not alarm.told.ringing}
                believed |= keys
            elif telling.kind in ("resolved", "retired"):
                assert believed, "an end without a beginning"
                believed.clear()
            else:
                assert keys <= believed
        for group, believed in open_groups.items():
            assert bool(believed) == any(alarm.told.ringing for alarm in after if alarm.group == group)


@settings(max_examples=150)
@given(looks)
def test_what_rings_and_is_held_back_by_nothing_has_been_told(course: list[Look]) -> None:
    for said, after, _ in walk(course):
        told = {alarm.key: alarm.told.ringing for alarm in after}
        for one in said:
            if one.rings and not one.held_back:
                assert told[one.alarm.key]
            if not one.rings and not one.gone:
                assert not told[one.alarm.key]


@settings(max_examples=150)
@given(looks)
def test_nothing_is_told_of_what_is_held_back_or_has_an_answer_but_its_end(course: list[Look]) -> None:
    for said, _, tellings in walk(course):
        held = {one.alarm.key for one in said if one.held_back}
        answered = {one.alarm.key for one in said if one.acknowledged}
        for telling in tellings:
            keys = {alarm.key for alarm in telling.about}
            if telling.kind in ("fired", "repeated", "escalated"):
                assert not keys & held
            if telling.kind in ("repeated", "escalated"):
                assert not keys & answered


@settings(max_examples=100)
@given(looks)
def test_the_order_of_alarms_changes_nothing(course: list[Look]) -> None:
    for look, (said, after, tellings) in zip(course, walk(course), strict=True):
        assert tell_of(said[::-1], LADDER, REPEAT, look.elapsed) == (after, tellings)


@settings(max_examples=100)
@given(looks)
def test_what_is_stored_goes_on_as_if_nothing_had_died(course: list[Look]) -> None:
    known = alarms()
    for look, (_, after, tellings) in zip(course, walk(course), strict=True):
        found, said = tell_of(heard(known, look), LADDER, REPEAT, look.elapsed)
        assert (found, said) == (after, tellings)
        known = alarms() | {alarm.key: Alarm.from_json(alarm.to_json()) for alarm in found}


@given(st.sampled_from(LEVELS), st.lists(st.sampled_from([60.0, 300.0, 900.0]), min_size=1, max_size=40))
def test_without_an_answer_a_critical_alarm_climbs_every_rung_once_and_others_none(level: str, steps: list[float]) -> None:
    alarm = Alarm("r|release=a", "r", level, "s", {"release": "a"}, AlarmState(Phase.FIRING))
    asked: list[str] = []
    for elapsed in [0.0, *steps]:
        (alarm,), tellings = tell_of([Heard(alarm)], LADDER, REPEAT, elapsed)
        asked += [telling.to for telling in tellings if telling.to]
    climbed = [rung.to for rung in LADDER if rung.after_seconds <= sum(steps)]
    if level == "critical":
        assert asked == sorted(set(asked), key=[rung.to for rung in LADDER].index), "no rung twice, and never back"
        assert asked[-1] == climbed[-1]
    else:
        assert asked == []


levels = st.sampled_from(LEVELS)
signals = st.sampled_from(["psi", "health", "unreachable", "error_rate"])
standing = st.lists(
    st.builds(
        lambda rule, level, signal, release, ringing: Alarm(
            f"{rule}|{signal}|release={release}", rule, level, signal, {"release": release} if release else {},
            AlarmState(Phase.FIRING if ringing else Phase.OK),
        ),
        st.sampled_from("abcdef"), levels, signals, st.sampled_from(["", "one", "two"]), st.booleans(),
    ),
    max_size=12,
    unique_by=lambda alarm: alarm.key,
)  # fmt: skip


@settings(max_examples=200)
@given(standing)
def test_of_all_that_rings_something_is_told_and_only_ringing_alarms_inhibit(found: list[Alarm]) -> None:
    by_key = {alarm.key: alarm for alarm in found}
    held = inhibited(found)
    ringing = [alarm for alarm in found if alarm.ringing]
    assert not ringing or any(alarm.key not in held for alarm in ringing), "nobody hears of anything"
    for key, other in held.items():
        one, above = by_key[key], by_key[other]
        assert above.ringing
        assert RANK[above.level] <= RANK[one.level] or above.level == "critical"
        assert above.release in ("", one.release)


@settings(max_examples=200)
@given(standing)
def test_a_critical_alarm_is_inhibited_only_by_what_is_down(found: list[Alarm]) -> None:
    by_key = {alarm.key: alarm for alarm in found}
    for key, other in inhibited(found).items():
        if by_key[key].level == "critical":
            assert by_key[other].signal in ("health", "unreachable")


def test_an_alarm_that_was_never_told_is_not_told_to_be_over() -> None:
    silent = Alarm("r", "r", "critical", "s", {}, AlarmState(Phase.FIRING))
    (after,), tellings = tell_of([Heard(silent, held_back=True)], LADDER, REPEAT, 1.0)
    assert (after.told, tellings) == (Told(), [])
    assert tell_of([Heard(replace(after, state=AlarmState(Phase.OK)))], LADDER, REPEAT, 1.0)[1] == []
