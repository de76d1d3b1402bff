"""docs/how-to-watch.md, typed: a service that watches itself, other rules than the pack's, an alarm that rings, and what is said to it."""

from __future__ import annotations

import csv
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from gonogo.base.clock import parse_stamp
from waiting import until

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to-watch.md").read_text(encoding="utf-8")
TYPED = [line.removeprefix("$ ") for block in re.findall(r"```console\n(.*?)```", PAGE, flags=re.DOTALL) for line in block.splitlines()]
[DECLARED] = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)

pytestmark = pytest.mark.timeout(300)


def other_unit(folder: Path) -> None:
    """Every amount a hundred times as high, on rows enough to judge."""
    with (folder / "test.csv").open() as file:
        rows = list(csv.DictReader(file))
    with (folder / "other_unit.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows([{**row, "amount": float(row["amount"] or 0) * 100} for row in rows] * 3)


def test_how_to_watch_works_as_it_is_written(small: Any) -> None:
    small.gonogo("release")
    with (small.folder / "gonogo.yaml").open("a") as file:
        file.write(DECLARED)
    small.environment |= {"GONOGO_WATCH_SECONDS": "0.5", "GONOGO_ACTOR": "ana"}
    said: list[tuple[str, str]] = []
    service = None
    try:
        for command in TYPED:
            words = shlex.split(command)[1:]
            if words[0] == "serve":
                service = small.serve("small@1.0.0")
                continue
            if words[0] == "predict":
                words[1] = service.url
                other_unit(small.folder)
            if words[:2] == ["alarms", "ack"]:
                until(
                    lambda: any(one["rule"] == "drift" and one["ringing"] for one in small.json("alarms", expect=None)["alarms"]),
                    seconds=120,
                )
            if words[0] == "feedback":
                _, answer = service.predict({"amount": 0.5, "city": "paris"})
                (small.folder / "labels.csv").write_text(f"prediction_id,label\n{answer['prediction_id']},1\n")
            expect = None if command in ("gonogo alarms", "gonogo feedback labels.csv") else 0
            said.append((command, small.gonogo(*words, expect=expect).stdout))
    finally:
        if service is not None:
            service.stop()

    answers = dict(said)
    assert "above 0.25 instead of 0.2" in answers["gonogo alarms explain drift"]
    assert "**Do**" in answers["gonogo alarms explain drift"]
    assert "ana looks after it" in answers['gonogo alarms ack drift --note "the feed has another unit"']
    last = answers["gonogo alarms"]
    assert len(re.findall("^SILENCE", last, re.MULTILINE)) == 2
    assert "latency-p95" not in last
    told = [json.loads(line) for line in (small.folder / ".gonogo" / "alarms.jsonl").read_text().splitlines()]
    assert [notice["kind"] for notice in told if notice["rule"] == "drift"] == ["fired", "acknowledged"]
    assert parse_stamp(told[0]["time"]) <= parse_stamp(told[1]["time"])
    kinds = [event["kind"] for event in small.json("log")["events"]]
    assert (kinds.count("silence"), kinds.count("acknowledgement")) == (2, 1)


def test_the_rules_of_the_page_are_those_that_it_tells_of() -> None:
    declared = yaml.safe_load(DECLARED)["monitor"]
    assert {rule["name"] for rule in declared["rules"]} == {"drift", "latency-p95", "many-refused"}
    assert {"escalation", "labels"} < set(declared)
