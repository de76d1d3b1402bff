"""The running service watches itself: what it measures, when it rings, when it is over, and that a crash neither loses nor repeats it."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections import Counter
from typing import Any

import pytest

from gonogo.checklist.load import load_pack
from gonogo.checklist.project import load_project
from gonogo.checklist.rules import RuleDeclaration
from gonogo.operations.alarms import explain_alarm
from gonogo.operations.workspace import Workspace
from receivers import HttpReceiver
from waiting import until

pytestmark = [pytest.mark.xdist_group("story"), pytest.mark.timeout(300)]

RINGING = {"latency-p95": "FIRING", "later": "PENDING"}  #: in the story of the kills
RULES = """
monitor:
  channels: [file]
  rules:
    - {name: error-share, signal: error_rate, above: 0.05, clear: 0.03, for: 5 s, min_n: 20}
    - {name: latency-p95, signal: latency, above: 30000, clear: 20000, for: 5 s, min_n: 20}
    - {name: drift, signal: psi, above: 0.2, clear: 0.1, for: 5 s, min_n: 500, level: warning}
"""


@pytest.fixture
def watched(released: Any) -> Any:
    """A user whose rules ring within seconds."""
    file = released.folder / "gonogo.yaml"
    file.write_text(file.read_text().partition("monitor:")[0].rstrip() + "\n" + RULES)
    released.environment["GONOGO_WATCH_SECONDS"] = "0.5"
    return released


def flights(user: Any, table: str, rows: int) -> list[dict[str, Any]]:
    """A fair sample of a table, as features."""
    import duckdb

    path = user.folder / "data" / f"{table}.parquet"
    with duckdb.connect(config={"threads": 1}) as connection:
        cursor = connection.execute(f"SELECT * EXCLUDE (late, scheduled) FROM '{path}' USING SAMPLE {rows} ROWS (reservoir, 17)")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def send(service: Any, rows: list[dict[str, Any]], *, times: int = 1, at_once: int = 1000) -> None:
    for _ in range(times):
        for start in range(0, len(rows), at_once):
            status, body = service.predict(rows[start : start + at_once])
            assert status == 200, body


def scaled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The unit of a feature has changed at its source."""
    return [{**row, "distance": row["distance"] * 10} for row in rows]


def alarm(user: Any, rule: str = "drift", feature: str | None = "distance") -> tuple[dict[str, Any], int]:
    """One alarm as `gonogo alarms` tells it, and the exit code; empty while it is not there."""
    done = user.gonogo("alarms", "--json", expect=None)
    found = [entry for entry in json.loads(done.stdout)["alarms"] if (entry["rule"], entry["labels"].get("feature")) == (rule, feature)]
    return (found[0] if found else {}), done.returncode


def unwell(user: Any) -> set[str]:
    """The alarms that are not OK, whatever else they are."""
    return {entry["key"] for entry in user.json("alarms")["alarms"] if entry["state"] != "OK"}


def rules(user: Any) -> tuple[RuleDeclaration, ...]:
    """Those in force."""
    project = load_project(user.folder)
    return load_pack(project.pack, project).monitor.rules


def killed(service: Any) -> None:
    os.kill(service.process.pid, signal.SIGKILL)
    service.process.wait()


def notices(user: Any) -> list[dict[str, Any]]:
    file = user.folder / ".gonogo" / "alarms.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def told(user: Any, feature: str = "distance") -> list[str]:
    """What the file channel was told of one feature, in order."""
    return [notice["kind"] for notice in notices(user) if notice["labels"].get("feature") == feature]


def test_a_drift_is_pending_then_rings_once_outlives_a_crash_and_is_over_when_it_ends(watched: Any) -> None:
    healthy = flights(watched, "train", 2000)
    service = watched.serve("late-arrivals@1.0.0")
    try:
        until(lambda: alarm(watched), lambda seen: bool(seen[0]))
        send(service, healthy[:40], at_once=1)
        entry, code = until(lambda: alarm(watched), lambda seen: seen[0]["n"] == 40)
        assert (entry["state"], code) == ("UNKNOWN", 0), "40 rows are too few to judge"

        send(service, healthy)
        until(lambda: alarm(watched), lambda seen: seen[0]["n"] == 2040)
        alarms = watched.json("alarms")["alarms"]
        not_yet = {"quality", "review-not-well"}  # nobody has said what came true, and no review was made
        assert {one["rule"] for one in alarms} == {"monitoring-blind", *(rule.name for rule in rules(watched))} - not_yet
        until(lambda: unwell(watched), lambda seen: not seen)  # health is judged from three looks on, and two have made this far
        assert notices(watched) == [], "healthy traffic rings"

        send(service, scaled(healthy))
        entry, code = until(lambda: alarm(watched), lambda seen: seen[0]["state"] != "OK")
        assert (entry["state"], code) == ("PENDING", 0)
        assert told(watched) == []
        entry, code = until(lambda: alarm(watched), lambda seen: seen[0]["state"] != "PENDING")
        assert (entry["state"], code) == ("FIRING", 1)
        until(lambda: told(watched), bool)

        killed(service)
        assert alarm(watched)[1] == 1, "an alarm is not over because nobody looks"
        service = watched.serve()
        send(service, scaled(healthy[:600]))
        after, code = until(lambda: alarm(watched), lambda seen: seen[0]["n"] == 4640)
        assert (after["state"], code) == ("FIRING", 1), "what was counted before the crash is counted still"
        assert (after["since"], after["episode"]) == (entry["since"], 1)
        assert told(watched) == ["fired"], "told once, whatever dies in between"
        assert re.search(r"^FIRING\s+drift.*distance", watched.gonogo("watch", "--once").stdout, re.MULTILINE)
        assert "drift" in watched.gonogo("status").stdout

        send(service, healthy, times=15)
        until(lambda: alarm(watched), lambda seen: seen[0]["state"] == "OK")
        until(lambda: told(watched), lambda kinds: kinds[-1] == "resolved")
    finally:
        service.stop()
    assert told(watched) == ["fired", "resolved"]
    again = [key for key, times in Counter((notice["key"], notice["kind"]) for notice in notices(watched)).items() if times > 1]
    assert again == []
    assert watched.json("log", "--verify")["chain"] == "intact"
    alarms = [event["body"] for event in watched.json("log")["events"] if event["kind"] == "alarm"]
    assert [body["kind"] for body in alarms if body["labels"].get("feature") == "distance"] == ["fired", "resolved"]


def test_december_is_measured_against_the_baseline_in_the_release_and_its_weather_is_named(watched: Any) -> None:
    december = flights(watched, "live", 1000)
    service = watched.serve("late-arrivals@1.0.0")
    try:
        until(lambda: alarm(watched), lambda seen: bool(seen[0]))
        send(service, december[:50], at_once=1)
        send(service, december)
        until(lambda: alarm(watched), lambda seen: seen[0]["n"] == 1050)
        status = until(lambda: watched.json("status"), lambda seen: all(one["condition"] != "UNKNOWN" for one in seen["alarms"]))
    finally:
        service.stop()
    of_a_release = [one for one in status["alarms"] if "release" in one["labels"]]
    assert {one["rule"] for one in status["alarms"] if one not in of_a_release} == {"api-unreachable", "monitoring-blind", "review-overdue"}
    assert all(f" of {status['production']['release']}" in one["text"] for one in of_a_release), "the release first, then what is of it"
    values = {(one["signal"], one["labels"].get("feature") or one["labels"].get("quantile")): one["value"] for one in status["signals"]}
    assert values["error_rate", None] == 0
    assert 0 < values["latency", "p50"] <= values["latency", "p95"] <= values["latency", "p99"]
    drift = {feature: value for (name, feature), value in values.items() if name == "psi"}
    assert set(december[0]) < set(drift), "one PSI a feature, and one of the score"
    assert drift["temp"] > 0.2, "training ended in August"
    assert max(drift[feature] for feature in ("distance", "origin", "weekday", "sched_minutes")) < 0.1, drift


def test_a_supervisor_that_is_killed_while_an_alarm_rings_goes_on_with_it_and_nobody_is_paged_twice(watched: Any) -> None:
    """Killed three times: while the pager is being told, while it rings, while another alarm is still pending."""
    file = watched.folder / "gonogo.yaml"
    sent, killing = threading.Event(), threading.Event()
    pager = HttpReceiver(lambda *_: (204, b""))

    def stuck(path: str, body: bytes) -> tuple[int, bytes]:
        sent.set()
        killing.wait(60)
        return 204, b""

    pager.answer = stuck
    channel = f'[{{channel: webhook, options: {{url: "{pager.url}/page", key: {{env: PAGER_KEY}}}}}}]'
    text = file.read_text().replace("channels: [file]", f"channels: {channel}")
    slow = "    - {name: latency-p95, above: 0.001, clear: 0.0005, for: 2 s, min_n: 20}\n"
    later = "    - {name: later, signal: latency_spike, above: 0.001, clear: 0.0005, for: 10 min, min_n: 1}\n"
    file.write_text(re.sub(r".*latency-p95.*\n", slow + later, text))
    watched.environment["PAGER_KEY"] = "whsec_" + "c2VjcmV0" * 4
    rows = flights(watched, "train", 60)
    service = watched.serve("late-arrivals@1.0.0")
    try:
        until(lambda: alarm(watched, "later", None), lambda seen: bool(seen[0]))
        send(service, rows, at_once=1)
        assert sent.wait(60), "nobody was told"
        number = len(rows)
        before = {rule: until(lambda rule=rule: alarm(watched, rule, None), lambda seen: seen[0]["n"] == number)[0] for rule in RINGING}
        killed(service)
        killing.set()
        pager.answer = None
        for _ in range(2):
            service = watched.serve()
            send(service, rows, at_once=1)
            number += len(rows)
            for rule, state in RINGING.items():
                after, _ = until(lambda rule=rule: alarm(watched, rule, None), lambda seen, number=number: seen[0]["n"] == number)
                assert after["state"] == state
                assert (after["since"], after["episode"]) == (before[rule]["since"], before[rule]["episode"]), rule
                assert after["held"] >= before[rule]["held"], "its time goes on, and does not begin again"
                before[rule] = after
            killed(service)
    finally:
        service.stop()
        pager.close()
    paged = {headers["webhook-id"]: body for _, headers, body in pager.requests}
    assert [body["data"]["rule"] for body in paged.values()] == ["latency-p95"], "one page, under one id however often it was sent"
    fired = [event["body"]["rule"] for event in watched.json("log")["events"] if event["kind"] == "alarm"]
    assert fired == ["latency-p95"]


def test_every_alarm_says_what_to_do_under_the_name_that_it_is_sent_with(watched: Any) -> None:
    """Somebody is woken by a name, and looks for that name."""
    workspace = Workspace.open(watched.folder)
    names = {"monitoring-blind", *(rule.name for rule in rules(watched))}
    assert [name for name in sorted(names) if "**Do**" not in explain_alarm(workspace, name).page] == []
    own = set(re.findall(r"^## Alarm: ([a-z0-9-]+)", (watched.folder / "OPERATIONS_RUNBOOK.md").read_text(), re.MULTILINE))
    assert own
    assert [name for name in sorted(own) if not explain_alarm(workspace, name).section] == [], "a section of an alarm that there is not"
