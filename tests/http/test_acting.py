"""What an operator says to a rollout of a real service is answered at once, and done only to what they were asked about."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from gonogo.rollout import journal
from gonogo.rollout.machine import Phase
from in_flight import NEW, OLD, InFlight, make_system
from visitor import Visitor

pytestmark = [pytest.mark.xdist_group("acting"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def flight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InFlight]:
    """1.0.0 in service; a rollout to 1.1.0 would take an hour for each step."""
    running = InFlight(make_system(tmp_path_factory.mktemp("acting")))
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture
def olga(flight: InFlight) -> Visitor:
    visitor = Visitor(flight.dashboard)
    assert visitor.sign_in(flight.keys["olga"])[0] == 303
    return visitor


def begin(flight: InFlight) -> str:
    """A new rollout, in its first judged stage. Its id."""
    store = flight.workspace().store()
    before = journal.latest(store, "small")
    flight.roll_out()
    for _ in range(600):
        now = journal.latest(store, "small")
        if now and now.id != (before.id if before else "") and now.state.phase is Phase.ANALYZING:
            return now.id
        time.sleep(0.1)
    pytest.fail("no rollout begins")


def paused(flight: InFlight) -> bool:
    latest = journal.latest(flight.workspace().store(), "small")
    return latest is not None and latest.state.paused


@pytest.mark.parametrize("driver", ["alive", "dead"])
def test_a_rollout_is_paused_resumed_and_aborted_while_it_goes_on(flight, olga, driver):
    begin(flight)
    if driver == "dead":
        flight.lose_the_driver()
    assert "is paused" in olga.act("pause", reason="coffee")
    assert paused(flight)
    assert "goes on" in olga.act("resume")
    assert not paused(flight)
    assert "is paused" in olga.act("pause", reason="again")
    assert "goes on" in olga.act("resume")
    assert "silent until" in olga.act("silence", alarm="drift", hours="1", reason="we look at it")
    assert "ROLLED_BACK" in olga.act("abort", reason="it looks odd")
    assert flight.status()["production"]["release"] == OLD


def test_what_was_asked_about_another_rollout_is_not_done_to_this_one(flight, olga):
    begin(flight)
    asked = {**olga.hidden("/act/abort"), "reason": "the first"}
    assert "ROLLED_BACK" in olga.confirm("abort", asked)
    before = begin(flight)
    said = olga.confirm("abort", asked)
    assert said.startswith(f"✗ Nothing was done: {OLD} with the rollout small-"), said
    assert said.endswith(f"was live when you were asked, now it is {OLD} with the rollout {before}."), said
    assert journal.active(flight.workspace().store(), "small") == before
    unsaid = {name: value for name, value in asked.items() if name != "seen"}
    assert "Load the page again" in olga.confirm("abort", unsaid)
    assert "goes on to" in olga.act("promote", reason="it is well")
    assert flight.until(lambda status: status["production"]["release"] == NEW and status["rollout"]["finished"])


def test_a_rollback_names_where_it_goes_and_is_not_done_twice(flight, olga):
    assert flight.status()["production"]["release"] == NEW
    page = olga.ask("GET", "/act/rollback")[2]
    assert f"<option selected>{OLD}</option>" in page
    form = {**olga.hidden("/act/rollback"), "to": OLD, "reason": "it is bad"}
    assert f"{OLD} takes the traffic" in olga.confirm("rollback", form)
    assert f"{NEW} was live when you were asked, now it is {OLD}." in olga.confirm("rollback", form)
    assert flight.until(lambda status: status["production"]["release"] == OLD and status["rollout"]["finished"])
