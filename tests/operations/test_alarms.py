"""`gonogo alarms`: what people say to alarms, what it does, and that the log names who said it. Here nobody serves, and that rings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import sample
from gonogo.base.clock import FakeClock, SystemClock
from gonogo.checklist.project import load_project
from gonogo.cli import main
from gonogo.errors import NotFoundError, UsageError
from gonogo.monitor.alarms.alarm import Alarm
from gonogo.operations import alarms
from gonogo.operations.last_watch import last_watch
from gonogo.operations.status import status
from gonogo.operations.watch import watch
from gonogo.operations.workspace import Workspace
from gonogo.reports.status import render_signals_text, render_status_text

MORE = """
documents: {runbook: runbook.md}
monitor:
  escalation:
    - {after: 5 min, to: the engineer on call}
    - {after: 15 min, to: the team lead}
  rules:
    - {name: gone, signal: unreachable, above: 0.5, clear: 0, for: 60 s, min_n: 1, level: warning, runbook: unreachable, rows: [S4-11i]}
    - {name: drift, above: 0.3}
"""
RUNBOOK = "# Ours\n\n## Alarm: gone\n\nCall Ana.\n\n### Her number\n\n42\n\n## Alarm: gone-too\n\nNobody.\n"


class Desk:
    """A project, a watch over a service that is not there, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, FakeClock(SystemClock().now())
        self.workspace = Workspace(load_project(folder / "gonogo.yaml"), self.clock)
        self.watch = watch(self.workspace)

    def look(self, minutes: int, every: float = 60.0) -> None:
        for _ in range(int(minutes * 60 / every)):
            self.clock.advance(every)
            self.watch.tick()

    def alarm(self, rule: str) -> dict[str, Any]:
        return dict(next(alarm for alarm in last_watch(self.workspace)["alarms"] if alarm["rule"] == rule))

    @property
    def told(self) -> list[str]:
        file = self.folder / ".gonogo" / "alarms.jsonl"
        notices = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [f"{notice['rule']} {notice['kind']}" + (f": {notice['to']}" if notice["to"] else "") for notice in notices]

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        return [dict(event.body) for event in self.workspace.store().events(kinds=list(kinds))]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("GONOGO_ACTOR", "ana")
    monkeypatch.setenv("GONOGO_WATCH_SECONDS", "100")  # the command line has the real clock: what was seen minutes ago is fresh
    folder = tmp_path / "project"
    sample.write_project(folder)
    (folder / "runbook.md").write_text(RUNBOOK)
    with (folder / "gonogo.yaml").open("a") as file:
        file.write(MORE)
    made = Desk(folder)
    yield made
    made.workspace.store().close()


def run(desk: Desk, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["alarms", *words, "--project", str(desk.folder)])
    return done.exit_code, done.output


def test_a_silenced_alarm_rings_unheard_and_is_told_when_the_silence_has_ended(desk: Desk) -> None:
    made = alarms.silence(desk.workspace, "gone", hours=0.5, reason=" the cable is replaced ")
    assert (made.by, made.reason) == ("ana", "the cable is replaced")
    desk.look(10)
    assert (desk.alarm("gone")["ringing"], desk.alarm("gone")["held_back"]) == (True, f"silenced until {made.until}")
    assert [line for line in desk.told if line.startswith("gone")] == []
    assert alarms.silences(desk.workspace) == [made]
    desk.look(25)
    assert "gone fired" in desk.told
    assert alarms.silences(desk.workspace) == []


def test_a_silence_can_be_ended_and_only_one_that_there_is(desk: Desk) -> None:
    made = alarms.silence(desk.workspace, "all", hours=5, reason="moving")
    desk.look(10)
    assert desk.told == []
    assert alarms.unsilence(desk.workspace, made.id) == made
    desk.look(2)
    assert "gone fired" in desk.told
    with pytest.raises(NotFoundError, match="no silence"):
        alarms.unsilence(desk.workspace, made.id)


@pytest.mark.parametrize(
    ("rule", "hours", "reason", "error", "said"),
    [
        ("gnoe", 1.0, "why", NotFoundError, "no alarm is called 'gnoe'"),
        ("gone", 1.0, "  ", UsageError, "needs a reason"),
        ("gone", 721.0, "why", UsageError, "721 h cannot be"),
        ("gone", 0.0, "why", UsageError, "0 h cannot be"),
        ("gone", float("nan"), "why", UsageError, "cannot be"),
    ],
)
def test_a_silence_is_of_an_alarm_that_there_is_for_a_reason_and_not_for_ever(
    desk: Desk, rule: str, hours: float, reason: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        alarms.silence(desk.workspace, rule, hours=hours, reason=reason)
    assert desk.events("silence") == []


def test_whoever_acknowledges_is_named_and_the_ladder_is_climbed_no_further(desk: Desk) -> None:
    desk.look(11)
    assert "monitoring-blind fired" in desk.told
    assert "monitoring-blind escalated: the engineer on call" in desk.told
    [made] = alarms.acknowledge(desk.workspace, "monitoring-blind", note="on the train")
    assert (made.by, made.note, made.episode) == ("ana", "on the train", 1)
    desk.look(120)
    assert desk.alarm("monitoring-blind")["acknowledged"] == "ana"
    assert [line for line in desk.told if line.startswith("monitoring-blind")][-1] == "monitoring-blind acknowledged: ana"
    assert not any("team lead" in line for line in desk.told)


def test_what_was_said_of_an_alarm_is_not_said_twice_in_the_log(desk: Desk) -> None:
    desk.look(11)
    first = alarms.acknowledge(desk.workspace, "gone", note="on the train")
    assert alarms.acknowledge(desk.workspace, "gone") == first
    assert [event["note"] for event in desk.events("acknowledgement")] == ["on the train"]
    alarms.acknowledge(desk.workspace, "gone", note="at the desk")
    assert [event["note"] for event in desk.events("acknowledgement")] == ["on the train", "at the desk"]


def test_only_what_rings_can_be_acknowledged(desk: Desk) -> None:
    with pytest.raises(NotFoundError, match="no alarm 'gone' rings"):
        alarms.acknowledge(desk.workspace, "gone")
    desk.look(2)
    with pytest.raises(NotFoundError) as refused:
        alarms.acknowledge(desk.workspace, "gon")
    assert "gone" in refused.value.hint


def test_an_alarm_is_explained_with_its_rule_its_state_the_page_and_our_own_section(desk: Desk) -> None:
    desk.look(3)
    found = alarms.explain_alarm(desk.workspace, "gone")
    assert (found.rule.signal, found.rule.rows, found.overrides) == ("unreachable", ("S4-11i",), ("added",))
    assert [alarm["state"] for alarm in found.alarms] == ["FIRING"]
    assert found.page.startswith("# ")
    assert found.section == "## Alarm: gone\n\nCall Ana.\n\n### Her number\n\n42"
    drift = alarms.explain_alarm(desk.workspace, "drift")
    assert (drift.overrides, drift.section) == (("above 0.3 instead of 0.2",), "")
    assert drift.false_alarms is not None
    assert drift.false_alarms < 1
    assert "**Do**" in alarms.explain_alarm(desk.workspace, "monitoring-blind").page
    with pytest.raises(NotFoundError, match="no alarm is called 'drfit'"):
        alarms.explain_alarm(desk.workspace, "drfit")


def test_what_people_say_is_in_the_signed_log(desk: Desk) -> None:
    made = alarms.silence(desk.workspace, "drift", hours=1, reason="why", labels={"feature": "age"})
    alarms.unsilence(desk.workspace, made.id)
    desk.look(11)
    alarms.acknowledge(desk.workspace, "gone", note="seen")
    kinds = ("silence", "unsilence", "acknowledgement")
    events = list(desk.workspace.store().events(kinds=list(kinds)))
    assert [(event.kind, event.actor) for event in events] == [(kind, "ana") for kind in kinds]
    assert events[0].body["labels"] == {"feature": "age"}
    assert events[2].body["alarms"] == ["gone"]
    assert desk.workspace.store().verify_chain(None).intact


def test_the_list_says_what_rings_and_what_is_silent_and_exits_1_while_something_rings(desk: Desk) -> None:
    desk.look(2)
    code, said = run(desk)
    assert code == 1
    assert "FIRING      gone" in said
    assert run(desk, "ack", "gone", "--note", "seen") == (0, "gone: ana looks after it\n")
    code, said = run(desk, "silence", "drift", "--hours", "2", "--reason", "the source is mended", "--label", "feature=age")
    assert code == 0
    code, said = run(desk)
    [silent] = [line for line in said.splitlines() if line.startswith("SILENCE")]
    assert "drift feature=age until" in silent
    assert "by ana: the source is mended" in silent
    document = json.loads(run(desk, "--json")[1])
    assert [silence["rule"] for silence in document["silences"]] == ["drift"]
    assert run(desk, "unsilence", document["silences"][0]["id"]) == (0, "drift is heard again\n")
    assert json.loads(run(desk, "--json")[1])["silences"] == []


def test_a_mistake_in_the_rules_is_told_by_the_list_too(desk: Desk) -> None:
    file = desk.folder / "gonogo.yaml"
    file.write_text(file.read_text().replace("name: drift, above: 0.3", "name: drift, above: 0.3, clear: 0.4"))
    code, said = run(desk)
    assert (code, "clear (0.4) must not lie above 0.3" in said) == (2, True)


def test_a_wrong_word_is_refused_with_what_to_write(desk: Desk) -> None:
    code, said = run(desk, "silence", "drift", "--hours", "1", "--reason", "x", "--label", "age")
    assert (code, "--label feature=age" in said) == (2, True)
    code, said = run(desk, "explain", "drfit")
    assert (code, "'drift'" in said) == (2, True)
    code, said = run(desk, "unsilence", "no-such")
    assert (code, "gonogo alarms" in said) == (2, True)


def test_a_silence_of_what_no_alarm_has_is_refused_by_its_name_and_noted_by_its_value(desk: Desk) -> None:
    key, labels = "drift|feature=charge|release=small@1.0.0", {"feature": "charge", "release": "small@1.0.0"}
    with desk.workspace.store().transaction() as tx:
        alarm = Alarm(key, "drift", "warning", "psi", labels)
        tx.put("watch", desk.workspace.project.system, {"states": {key: alarm.to_json()}, "outbox": []})
    words = ("silence", "drift", "--hours", "1", "--reason", "x", "--label")
    code, said = run(desk, *words, "featur=charge")
    assert (code, "no alarm of drift has a label 'featur'" in said, "Did you mean 'feature'?" in said) == (2, True, True)
    assert desk.events("silence") == []
    code, said = run(desk, *words, "feature=charg")
    assert (code, "no alarm that there is now is silenced by it" in said) == (0, True)
    code, said = run(desk, *words, "feature=charge")
    assert (code, "note:" in said) == (0, False)


def test_the_explanation_is_a_page_to_read_and_a_document(desk: Desk) -> None:
    desk.look(2)
    code, said = run(desk, "explain", "gone")
    assert code == 0
    for line in ("gone", "warning: unreachable above 0.5 for 60 s", "otherwise than the pack: added", "FIRING", "**Do**", "Call Ana."):
        assert line in said
    document = json.loads(run(desk, "explain", "drift", "--json")[1])
    assert document["rule"]["above"] == 0.3
    assert document["false_alarms_a_month"] < 1


def test_the_list_says_who_looks_after_an_alarm_and_what_holds_it_back(desk: Desk) -> None:
    made = alarms.silence(desk.workspace, "gone", hours=5, reason="moving")
    desk.look(11)
    alarms.acknowledge(desk.workspace, "monitoring-blind")
    desk.look(1)
    said = " ".join(run(desk)[1].split())
    assert "ana looks after it" in said
    assert f"silenced until {made.until}" in said


def test_that_nobody_watches_is_said_in_words_and_is_no_success(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = run(desk)
    assert (code, "nobody has watched yet" in said) == (1, True)
    desk.watch.tick()
    assert run(desk)[0] == 0
    monkeypatch.setenv("GONOGO_WATCH_SECONDS", "1")
    later = FakeClock(SystemClock().now() + timedelta(hours=1))
    document = status(Workspace(load_project(desk.folder / "gonogo.yaml"), later))
    for text in (render_signals_text(document), render_status_text(document)):
        assert re.search(r"the last look was 3,[56]\d\d s ago: nobody watches", text)
    desk.clock.set(SystemClock().now() - timedelta(hours=1))
    desk.watch.tick()
    code, said = run(desk)
    assert (code, "s ago: nobody watches" in said) == (1, True)
