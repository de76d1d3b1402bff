"""The report as SARIF 2.1.0: what the standard demands, and what a code host needs to show a result."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from gonogo.reports.sarif import render_sarif
from gonogo.verdict.outcome import Outcome


def run(report: Any) -> dict[str, Any]:
    log = render_sarif(report, "systems/small/gonogo.yaml")
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    assert json.loads(json.dumps(log, allow_nan=False)) == log
    (only,) = log["runs"]
    return only


def results(report: Any) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for result in run(report)["results"]:
        found.setdefault(result["ruleId"], []).append(result)
    return found


def test_what_blocks_and_what_is_waived_is_a_result_and_nothing_else(report):
    found = results(report)
    assert set(found) == {entry.item.id for entry in report.entries if not entry.good} | {"waived-docs"}
    assert found["model-quality"][0]["level"] == "error"
    assert found["drift-alarm"][0]["level"] == "warning"
    (suppression,) = found["waived-docs"][0]["suppressions"]
    assert suppression == {"kind": "external", "status": "accepted", "justification": "until 2026-12-24 by ana"}


def test_a_go_has_no_result(all_good):
    assert run(all_good)["results"] == []


def test_every_result_has_what_the_standard_and_the_code_host_demand(report):
    read = run(report)
    rules = [rule["id"] for rule in read["tool"]["driver"]["rules"]]
    assert rules == [entry.item.id for entry in report.entries]
    prints = []
    for result in read["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["kind"] == "fail"
        assert result["level"] in ("error", "warning")
        assert result["message"]["text"]
        (location,) = result["locations"]
        assert location["physicalLocation"]["region"]["startLine"] >= 1
        prints.append(result["partialFingerprints"]["gonogoItem/v1"])
    assert len(prints) == len(set(prints))
    for rule in read["tool"]["driver"]["rules"]:
        assert rule["shortDescription"]["text"]
        assert rule["help"]["text"]


def test_a_finding_with_a_place_is_shown_at_that_place(make_report):
    report = make_report()
    findings = ("src/a b.py:3: x", "src/train.py:12:7: E501 line too long", "October is worse", "docs/card.md:4 empty")
    quality = replace(report.evidence["model-quality"], findings=findings)
    placed = results(make_report(evidence={"model-quality": quality}))["model-quality"]
    places = [result["locations"][0]["physicalLocation"] for result in placed]
    assert [(place["artifactLocation"]["uri"], place["region"]) for place in places] == [
        ("systems/small/gonogo.yaml", {"startLine": 1}),
        ("src/train.py", {"startLine": 12, "startColumn": 7}),
        ("docs/card.md", {"startLine": 4}),
    ]
    assert "E501 line too long" in placed[1]["message"]["text"]


def test_the_fingerprint_of_a_result_stays_when_only_the_measured_value_changes(make_report):
    first = results(make_report())["model-quality"][0]
    second = results(make_report({"model-quality": (Outcome.FAIL, "roc_auc = 0.9001, but roc_auc > 0.95 is required")}))["model-quality"][0]
    assert first["partialFingerprints"] == second["partialFingerprints"]


@pytest.mark.parametrize("words", ["[click](https://example.org/)", "a](b", "\x1b[2J"])
def test_a_message_has_no_link_and_no_control_character_of_a_stranger(make_report, words):
    report = make_report()
    quality = replace(report.evidence["model-quality"], findings=(words,))
    text = results(make_report(evidence={"model-quality": quality}))["model-quality"][0]["message"]["text"]
    assert not re.search(r"\]\(", text)
    assert "\x1b" not in text
