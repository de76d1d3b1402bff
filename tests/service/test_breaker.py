"""The breaker trips on what is plainly broken, and on nothing less."""

from hypothesis import given
from hypothesis import strategies as st

from gonogo.service.breaker import Breaker, BreakerRule
from gonogo.service.routing import Arm, RoutingTable
from gonogo.service.supervising.arm_watch import ArmWatch

RULE = BreakerRule(requests=20, window=5.0, share=0.5)


def feed(answers, start=100.0, step=0.01):
    """The number of the answer that trips, or None."""
    breaker = Breaker(RULE)
    for number, bad in enumerate(answers, start=1):
        if breaker.book(start + number * step, bad=bad):
            return number
    return None


def test_nineteen_bad_answers_are_too_few_and_the_twentieth_trips():
    assert feed([True] * 19) is None
    assert feed([True] * 20) == 20


def test_half_bad_trips_and_a_little_less_does_not():
    assert feed([False, True] * 10) == 20
    assert feed(([False] * 11 + [True] * 9) * 20) is None


def test_an_arm_that_was_well_and_busy_trips_twenty_answers_after_it_died():
    assert feed([False] * 400 + [True] * 50) == 420


def test_what_is_older_than_the_window_is_forgotten():
    breaker = Breaker(RULE)
    for number in range(19):
        breaker.book(100.0 + number * 0.01, bad=True)
    assert not breaker.book(106.0, bad=True)
    assert (breaker.requests, breaker.bad) == (1, 1)


@given(st.lists(st.tuples(st.floats(0, 2), st.booleans()), max_size=80))
def test_it_never_trips_on_a_good_answer_nor_with_too_few(steps):
    breaker = Breaker(RULE)
    now = 1000.0
    for wait, bad in steps:
        now += wait
        if breaker.book(now, bad=bad):
            assert bad
            assert breaker.requests >= RULE.requests
            assert 2 * breaker.bad >= breaker.requests or breaker.row >= RULE.requests


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=200))
def test_the_window_counts_what_is_in_it(steps):
    breaker = Breaker(RULE)
    now, booked = 50.0, []
    for wait, bad in steps:
        now += wait
        breaker.book(now, bad=bad)
        booked.append((now, bad))
        surely = [b for t, b in booked if t > now - RULE.window * 0.95 + 1e-6]
        perhaps = [b for t, b in booked if t > now - RULE.window - 1e-6]
        assert len(surely) <= breaker.requests <= len(perhaps)
        assert sum(surely) <= breaker.bad <= sum(perhaps)


def test_answers_that_come_together_are_judged_as_one_by_one():
    breaker = Breaker(RULE)
    assert not breaker.add(100.0, 400, 0)
    assert not breaker.add(100.1, 15, 15)
    assert breaker.add(100.2, 5, 5)
    assert "20 in a row" in breaker.reason


def test_several_processes_that_each_see_too_little_take_an_arm_off_together():
    counted = {1: [0, 0], 2: [0, 0]}
    watch = ArmWatch(RULE, lambda epoch, release: tuple(counted[epoch]))
    table = RoutingTable(1, 0, (Arm("a@1.0.0", 9000), Arm("a@1.1.0", 1000)), "a@1.0.0")
    for number in range(1, 4):  # three pushes of six bad answers each
        counted[1] = [6 * number, 6 * number]
        assert not list(watch.look(table, 100.0 + number * 0.2))
    counted[1] = [24, 24]
    [(release, reason)] = watch.look(table, 100.8)
    assert release == "a@1.1.0"
    assert "24 of its 24 answers" in reason


def test_what_was_counted_under_an_older_table_is_not_held_against_an_arm():
    counted = {1: (15, 15), 2: (15, 15)}
    watch = ArmWatch(RULE, lambda epoch, release: counted[epoch])
    for epoch in (1, 2):
        table = RoutingTable(epoch, 0, (Arm("a@1.0.0", 9000), Arm("a@1.1.0", 1000)), "a@1.0.0")
        assert not list(watch.look(table, 100.0))


def test_the_stable_arm_is_never_taken_off():
    watch = ArmWatch(RULE, lambda epoch, release: (100, 100))
    assert not list(watch.look(RoutingTable(1, 0, (Arm("a@1.0.0", 10_000),), "a@1.0.0"), 100.0))
