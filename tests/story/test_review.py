"""An hour in service is reviewed: well while it is well, not well once something is spoiled, and signed by a person who has read it."""

from __future__ import annotations

import csv
import json
import sqlite3
from typing import Any

import pytest

from waiting import until

pytestmark = [pytest.mark.xdist_group("story"), pytest.mark.timeout(600)]

PACK = """
name: reviewed
title: The starter pack, with a review that somebody signs
extends: starter
"""
GATE = """
id: reviewed-gate
title: Starter gate
version: 1.0.0
date: "2026-11-21"
status: ready
"""
REVIEWS = """
version: 1.0.0
date: "2026-11-21"
status: ready
reviews:
  hour:
    title: First hour
    repeats: false
    sections:
      - title: Measured
        items:
          - {id: hour-answers, statement: It answers., check: probe, require: [healthy == true, wrong_refused == true],
             remedy: gonogo rollback goes back at once.}
          - {id: hour-golden, statement: It answers rightly., check: golden, require: [requests > 0, failed == 0]}
          - {id: hour-traffic, statement: It is quick., check: traffic, require: [error_share <= 1%, p95 <= 5 s]}
          - {id: hour-drift, statement: Nothing drifts., check: live_drift, require: [unknown == 0, worst <= 0.25]}
          - {id: hour-log, statement: The log is whole., check: audit_log, require: [intact == true]}
      - title: Read
        items:
          - {id: hour-read, statement: It was read., sign_off: technical-lead}
"""


@pytest.fixture
def reviewed(small: Any) -> Any:
    """A user with a release, whose pack has a review of the first hour that the technical lead signs."""
    pack = small.folder / "pack"
    pack.mkdir()
    for name, text in (("pack.yaml", PACK), ("gate.yaml", GATE), ("reviews.yaml", REVIEWS)):
        (pack / name).write_text(text)
    file = small.folder / "gonogo.yaml"
    file.write_text(file.read_text().replace("pack: starter", "pack: ./pack"))
    small.gonogo("sign", "technical-lead", "--policy")
    small.gonogo("check", expect=1)
    small.gonogo("sign", "technical-lead")
    small.gonogo("release")
    small.environment["GONOGO_WATCH_SECONDS"] = "0.5"
    return small


def rows_of(user: Any, table: str) -> list[dict[str, Any]]:
    """The rows of a table, as features; an empty cell is a missing value."""
    with (user.folder / f"{table}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{"amount": float(row["amount"]) if row["amount"] else None, "city": row["city"]} for row in rows]


def send(service: Any, rows: list[dict[str, Any]], *, times: int = 1) -> None:
    for _ in range(times):
        for start in range(0, len(rows), 500):
            status, body = service.predict(rows[start : start + 500])
            assert status == 200, body


def review(user: Any, expect: int) -> tuple[Any, dict[str, str]]:
    found = user.json("review", "hour", expect=expect)
    return found, user.outcomes(found)


def test_a_healthy_hour_is_well_once_it_is_signed_and_a_spoiled_one_is_not(reviewed: Any) -> None:
    healthy = rows_of(reviewed, "train")
    assert {one["state"] for one in reviewed.json("review")["reviews"]} == {"nothing is live"}
    service = reviewed.serve("small@1.0.0")
    try:
        first, outcomes = review(reviewed, 1)
        assert first["status"] == "NOT WELL", "nobody has asked it anything, so nothing is known"
        assert {outcomes[item] for item in ("hour-traffic", "hour-drift")} <= {"ERROR", "FAIL"}
        send(service, healthy, times=20)
        until(lambda: review(reviewed, 1)[1], lambda seen: seen["hour-drift"] == "PASS", seconds=100)

        unsigned, outcomes = review(reviewed, 1)
        assert {item for item, outcome in outcomes.items() if outcome != "PASS"} == {"hour-read"}
        assert "somebody has yet to sign" in unsigned["headline"]
        done = reviewed.json("review", "sign", "hour", "technical-lead", "--note", "read the log; nothing to mend")
        assert (done["status"], done["id"]) == ("WELL", unsigned["id"])
        assert "WELL" in reviewed.gonogo("review").stdout

        page = reviewed.folder.parent / "hour.html"
        shown = reviewed.gonogo("review", "show", "hour", "--html", str(page)).stdout
        assert shown.startswith("# ✓ small: WELL")
        text = page.read_text()
        assert "PSI against the baseline" in text
        assert "<svg" in text
        assert "<script" not in text

        send(service, [{**row, "amount": 9.0} for row in healthy], times=60)
        spoiled = until(lambda: review(reviewed, 1), lambda seen: seen[1]["hour-drift"] == "FAIL", seconds=100)
        assert spoiled[0]["status"] == "NOT WELL"
        [drift] = [item for item in spoiled[0]["items"] if item["item"] == "hour-drift"]
        assert "amount" in " ".join(drift["measurement"]["findings"])
        assert spoiled[1]["hour-read"] in ("NOT_RUN", "STALE"), "what was signed was another review"
    finally:
        service.stop()

    stopped, outcomes = review(reviewed, 1)
    assert outcomes["hour-answers"] == "ERROR"
    assert stopped["status"] == "NOT WELL"
    events = [event for event in reviewed.json("log", "--verify")["events"] if event["kind"] == "review"]
    assert {event["body"]["well"] for event in events} == {True, False}
    assert events[-1]["body"]["findings"][0].startswith("hour-answers")


def test_a_filed_review_that_somebody_edits_is_not_believed_and_a_cut_log_is_a_finding(reviewed: Any) -> None:
    service = reviewed.serve("small@1.0.0")
    try:
        made, _ = review(reviewed, 1)
        [file] = (reviewed.folder / ".gonogo" / "reviews").glob("*.json")
        file.write_text(file.read_text().replace("NOT WELL", "WELL"))
        refused = reviewed.gonogo("review", "show", made["id"], expect=1)
        assert "is not the one that the log names" in refused.stderr
        assert "is not the one that the log names" in reviewed.gonogo("review", "sign", "hour", "technical-lead", expect=1).stderr
        _, outcomes = review(reviewed, 1)
        assert outcomes["hour-log"] == "PASS"
        connection = sqlite3.connect(reviewed.folder / ".gonogo" / "gonogo.db")
        connection.execute("DROP TRIGGER event_is_never_changed")
        connection.execute("UPDATE event SET body = replace(body, '1.0.0', '1.0.9') WHERE seq = 1")
        connection.commit()
        connection.close()
        done = reviewed.gonogo("review", "hour", "--json", expect=1)
        assert json.loads(done.stdout)["status"] == "NOT WELL" if done.stdout else "tampered" in done.stderr
    finally:
        service.stop()


def test_a_review_without_the_key_that_the_service_asks_for_measures_nothing_of_it_and_advises_no_rollback(reviewed: Any) -> None:
    reviewed.gonogo("apikey", "new", "olga", "--role", "reader", "--out", "olga.key")
    service = reviewed.serve("small@1.0.0")
    asked = ("hour-answers", "hour-golden")
    try:
        for key, why in (("", "GONOGO_API_KEY is not set"), ("gonogo_wrong", "it does not take the one in GONOGO_API_KEY")):
            reviewed.environment["GONOGO_API_KEY"] = key
            found, outcomes = review(reviewed, 1)
            assert [outcomes[item] for item in asked] == ["ERROR", "ERROR"]
            for item in found["items"]:
                if item["item"] in asked:
                    assert f"the service asks for an API key, and {why} (status 401)" in item["reason"]
                    assert "Set GONOGO_API_KEY" in item["reason"]
            shown = reviewed.gonogo("review", "hour", expect=1).stdout
            assert "Set GONOGO_API_KEY" in " ".join(shown.split())
            assert "gonogo rollback" not in shown
        reviewed.environment["GONOGO_API_KEY"] = (reviewed.folder / "olga.key").read_text().strip()
        _, outcomes = review(reviewed, 1)
        assert [outcomes[item] for item in asked] == ["PASS", "PASS"]
    finally:
        service.stop()
