"""The report for programs."""

from __future__ import annotations

import json
import re
from pathlib import Path

from gonogo.evidence.record import Evidence, Fact
from gonogo.reports.json import render_json


def test_the_document_has_the_verdict_and_one_outcome_per_item(report):
    document = render_json(report)
    assert document["format"] == "gonogo-report/1"
    assert document["verdict"] == "NO-GO"
    assert document["subject"] == report.verdict.subject
    assert document["counts"] == {"PASS": 1, "FAIL": 1, "ERROR": 1, "NOT_RUN": 3, "STALE": 1, "WAIVED": 1, "NOT_APPLICABLE": 1}
    assert {item["item"]: item["outcome"] for item in document["items"]} == {r.item: str(r.outcome) for r in report.verdict.items}


def test_the_keys_are_the_published_ones(report):
    document = render_json(report)
    assert published("What `gonogo check") == set(document)
    assert published("An item:") == set(document["items"][0])


def published(heading: str) -> set[str]:
    """The keys in the first column of the table below a heading of the specification."""
    text = (Path(__file__).parents[2] / "docs" / "formats" / "report.md").read_text(encoding="utf-8")
    rows = text.split(heading, 1)[1].split("|---|---|\n", 1)[1].split("\n\n", 1)[0].splitlines()
    return {key for row in rows for key in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_the_measurement_can_be_read_back_as_evidence(report):
    (quality,) = [item for item in render_json(report)["items"] if item["item"] == "model-quality"]
    assert Evidence.from_json(quality["measurement"]) == report.evidence["model-quality"]


def test_the_document_is_json_even_when_a_measurement_is_nan(make_report):
    report = make_report()
    nan = report.evidence["tests-pass"].__class__.from_json(
        report.evidence["tests-pass"].to_json() | {"facts": {"passed": Fact(float("nan")).to_json()}}
    )
    text = json.dumps(render_json(make_report(evidence={"tests-pass": nan})), allow_nan=False)
    assert '"nan"' in text
