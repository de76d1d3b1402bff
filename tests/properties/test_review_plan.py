"""When a review is due: laws."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gonogo.checklist.periods import SECONDS
from gonogo.monitor.due import plan

START = datetime(2026, 1, 1, tzinfo=UTC)
moments = st.integers(0, 400 * 86400).map(lambda seconds: START + timedelta(seconds=seconds))
lengths = st.sampled_from(list(SECONDS.values()))


@given(lengths, st.booleans(), moments, st.none() | moments, moments)
def test_none_is_due_before_a_whole_period_is_over_and_none_is_overdue_that_is_not_due(seconds, repeats, live, last, now) -> None:
    found = plan(seconds, repeats=repeats, live_since=live, last=last)
    period = timedelta(seconds=seconds)
    if now < live + period:
        assert not found.is_due(now)
    assert found.is_due(now) or not found.is_overdue(now)
    if last is not None and now < last + period:
        assert not found.is_due(now) or last < live + period


@given(lengths, moments, moments)
def test_a_review_that_was_made_is_made_and_the_next_one_follows_only_when_it_repeats(seconds, live, now) -> None:
    found = plan(seconds, repeats=True, live_since=live, last=None)
    if found.is_due(now):
        assert not plan(seconds, repeats=True, live_since=live, last=now).is_due(now)
        assert plan(seconds, repeats=True, live_since=live, last=now).is_due(now + timedelta(seconds=seconds))
        assert plan(seconds, repeats=False, live_since=live, last=now).due is None


@given(lengths, st.booleans(), moments, moments)
def test_a_release_that_goes_live_starts_the_first_review_anew(seconds, repeats, live, before) -> None:
    last = min(before, live)
    assert plan(seconds, repeats=repeats, live_since=live, last=last).due == live + timedelta(seconds=seconds)
