"""A rule that goes back: when a look decides that, when it only says what a person may do, and what a gap in what is seen never does."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from gonogo.errors import RefusedError
from gonogo.monitor.alarms.answers import KIND, Acknowledgement, Answers, Silence
from gonogo.monitor.alarms.rule import Rule
from gonogo.monitor.going_back import Way
from gonogo.monitor.watch import Watch

from .conftest import ERRORS, RELEASE, Stand

OLD = "shop@0.9.0"
GOES_BACK = replace(ERRORS, for_seconds=0.0, then="rollback")


@dataclass
class Ways:
    """The way back as the test has it, and how often it was asked for."""

    refused: str = ""
    to: str | None = OLD
    since: str = "2026-01-01T00:00:00.000Z"
    asked: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, release: str, rule: Rule) -> Way | None:
        self.asked.append((release, rule.name))
        if self.refused:
            raise RefusedError(self.refused)
        return (self.to and Way(self.to, self.since)) or None


@dataclass
class Desk:
    stand: Stand
    ways: Ways = field(default_factory=Ways)
    watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self.stand.rules = (GOES_BACK,)
        self.begin()

    def begin(self) -> None:
        """Another watch, as after a restart."""
        self.watch = self.stand.watch()
        self.watch.ways = self.ways

    def look(self, *, bad: int = 0, n: int = 200, seconds: float = 10.0) -> dict[str, Any]:
        if n:
            self.stand.service.serve(n, bad)
        self.stand.clock.advance(seconds)
        return self.watch.tick()

    def words(self, record: dict[str, Any]) -> str:
        return next(str(alarm["then"]) for alarm in record["alarms"] if alarm["rule"] == "error-share")

    @property
    def decisions(self) -> list[dict[str, Any]]:
        return [dict(event.body) for event in self.stand.store.events(kinds=["going_back"])]


@pytest.fixture
def desk(stand: Stand) -> Desk:
    return Desk(stand)


def ringing(desk: Desk) -> dict[str, Any]:
    desk.look()
    return desk.look(bad=60)


def test_what_rings_decides_once_with_the_reading_the_samples_and_where_to(desk: Desk) -> None:
    assert desk.look()["going_back"] is None
    assert desk.ways.asked == []
    record = desk.look(bad=60)
    assert record["going_back"]["to"] == OLD
    assert desk.words(record) == f"the traffic goes back to {OLD} by the rule error-share"
    for _ in range(3):
        assert desk.look(bad=60)["going_back"] == record["going_back"]
    [decided] = desk.decisions
    assert (decided["rule"], decided["release"], decided["to"], decided["n"], decided["value"]) == ("error-share", RELEASE, OLD, 200, 0.3)
    assert desk.stand.channel.told[0].text.endswith(f"goes back to {OLD} by the rule error-share")
    assert [event.actor for event in desk.stand.store.events(kinds=["going_back"])] == ["watch"]


def test_a_decision_that_stands_outlives_the_watch_and_is_still_one(desk: Desk) -> None:
    first = ringing(desk)["going_back"]
    desk.begin()
    assert desk.look(n=0)["going_back"] == first, "after a restart nothing is known, and what was decided stands"
    assert len(desk.decisions) == 1


def test_a_decision_ends_with_its_alarm(desk: Desk) -> None:
    assert ringing(desk)["going_back"]
    for _ in range(12):
        record = desk.look(n=1000)
    assert (record["going_back"], desk.words(record)) == (None, "")


def test_when_the_release_has_no_traffic_any_more_that_is_told_with_why_and_nothing_stands(desk: Desk) -> None:
    ringing(desk)
    desk.stand.service.weights = {OLD: 10_000}
    desk.ways.to = None
    desk.stand.service.serve(10, release=OLD)
    desk.stand.clock.advance(10)
    assert RELEASE not in {alarm["labels"].get("release") for alarm in desk.watch.tick()["alarms"]}
    assert desk.stand.told == ["fired", "retired"]
    assert desk.stand.channel.told[-1].text.endswith(f"it went back to {OLD} by the rule error-share")
    desk.stand.clock.advance(10)
    assert desk.watch.tick()["going_back"] is None


def test_where_there_is_no_way_the_alarm_says_what_to_type_and_why_and_acts_as_soon_as_there_is_one(desk: Desk) -> None:
    desk.ways.refused = "no policy is signed in this store."
    record = ringing(desk)
    said = "go back: gonogo rollback --reason error-share (not by itself: no policy is signed in this store)"
    assert (record["going_back"], desk.words(record)) == (None, said)
    assert said in desk.stand.channel.told[0].text
    assert [event.body["then"] for event in desk.stand.store.events(kinds=["alarm"])] == [said]
    desk.ways.refused = ""
    assert desk.look(bad=60)["going_back"]


def test_what_is_unknown_or_not_high_at_this_look_decides_nothing(desk: Desk) -> None:
    desk.ways.refused = "not yet"
    assert desk.words(ringing(desk))
    desk.ways.refused = ""
    desk.stand.service.unreachable = True
    record = desk.look(n=0, seconds=30.0)
    assert "not known" in desk.words(record)
    desk.stand.service.unreachable = False
    desk.stand.service.restart()
    record = desk.look(n=0, seconds=120.0)
    assert "not known" in desk.words(record), "no request since: nothing to judge by"
    assert (record["going_back"], desk.decisions) == (None, [])


def test_a_blind_watch_moves_no_traffic(desk: Desk) -> None:
    desk.stand.service.unreachable = True
    for _ in range(40):
        record = desk.look(n=0, seconds=15.0)
    assert [alarm["ringing"] for alarm in record["alarms"] if alarm["rule"] == "monitoring-blind"] == [True]
    assert (record["going_back"], desk.ways.asked) == (None, [])


@pytest.mark.parametrize("said", ["acknowledged", "silenced"])
def test_what_somebody_has_in_hand_is_theirs(desk: Desk, said: str) -> None:
    desk.ways.refused = "a rollout is under way"
    record = ringing(desk)
    desk.ways.refused = ""
    [alarm] = [alarm for alarm in record["alarms"] if alarm["rule"] == "error-share"]
    now = record["time"]
    answers = (
        Answers(acknowledgements=(Acknowledgement(alarm["key"], alarm["episode"], now, "ana", "mine"),))
        if said == "acknowledged"
        else Answers(silences=(Silence("1", "error-share", now, "2026-12-31T00:00:00.000Z", "ana", "mine", {}),))
    )
    with desk.stand.store.transaction() as tx:
        tx.put(KIND, "shop", answers.to_json())
    record = desk.look(bad=60)
    assert record["going_back"] is None
    assert ("ana looks after it" if said == "acknowledged" else "silenced until") in desk.words(record)


def test_a_rule_that_does_not_say_so_never_asks_for_a_way(desk: Desk) -> None:
    desk.stand.rules = (replace(GOES_BACK, then=""),)
    desk.begin()
    record = ringing(desk)
    assert (record["going_back"], desk.words(record), desk.ways.asked) == (None, "", [])
