"""A report as SARIF 2.1.0 (OASIS), so that a code host shows what blocks a release beside the change that caused it.

Every item is a rule. Every item that blocks is a result of kind `fail`, an `error` when it is mandatory and a `warning` otherwise; a waived
item is a result with an accepted suppression. Items that are good are no results: readers would show them as alerts. A finding that
begins with `path:line:` is a result of its own at that place; all else is placed at the project file, which is what the item judges.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from gonogo.reports.report import Entry, Report, printable, reason_beyond, requirement_lines
from gonogo.verdict.outcome import Outcome

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
PLACE = re.compile(r"(?P<path>[^\s:/\\][^\s:\\]*\.\w+):(?P<line>[1-9]\d{0,6})(?::(?P<column>[1-9]\d{0,6}))?:?\s+(?P<words>.+)")
MOST_PLACES = 100  #: findings with a place of their own, for each item


def render_sarif(report: Report, project_file: str) -> dict[str, Any]:
    """The log as JSON values. `project_file` is the project's gonogo.yaml, relative to the root of the repository."""
    entries = report.entries
    rules = {entry.item.id: index for index, entry in enumerate(entries)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "gonogo", "version": version("gonogo"), "rules": [_rule(entry) for entry in entries]}},
                "automationDetails": {"id": f"gonogo/{printable(report.system)}/"},
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": True,
                        "endTimeUtc": report.verdict.time,
                        "toolExecutionNotifications": [{"level": "warning", "message": {"text": printable(note)}} for note in report.notes],
                    }
                ],
                "results": [result for entry in entries for result in _results(entry, rules[entry.item.id], project_file)],
                "properties": {
                    "verdict": str(report.verdict.decision),
                    "headline": report.headline,
                    "subject": report.verdict.subject or "",
                    "checklist": report.verdict.checklist_digest,
                    "evidence": report.verdict.evidence_digest,
                    "scores": [score.to_json() for score in report.scores],
                    "phases": {phase.id: phase.status for phase in report.phases},
                },
            }
        ],
    }


def _rule(entry: Entry) -> dict[str, Any]:
    item = entry.item
    statement = printable(item.statement)
    return {
        "id": printable(item.id),
        "shortDescription": {"text": statement},
        "fullDescription": {"text": printable(item.why) or statement},
        "help": {"text": printable(item.remedy) or "See `gonogo explain`."},
        "defaultConfiguration": {"level": _level(entry)},
        "properties": {"section": printable(item.section), "kind": item.kind, "outcome": str(entry.result.outcome)},
    }


def _results(entry: Entry, index: int, project_file: str) -> Iterator[dict[str, Any]]:
    waived = entry.result.outcome is Outcome.WAIVED
    if entry.good and not waived:
        return
    suppressions = [{"kind": "external", "status": "accepted", "justification": printable(entry.result.reason)}] if waived else []
    findings = entry.evidence.findings if entry.evidence else ()
    places = [place for finding in findings if (place := PLACE.fullmatch(printable(finding)))][:MOST_PLACES]
    yield _result(entry, index, _message(entry), _location(project_file, 1), suppressions)
    for place in places:
        location = _location(place["path"], int(place["line"]), int(place["column"] or 0))
        yield _result(entry, index, _plain(f"{printable(entry.item.statement)}: {place['words']}"), location, suppressions)


def _result(entry: Entry, index: int, message: str, location: dict[str, Any], suppressions: list[dict[str, Any]]) -> dict[str, Any]:
    place = location["physicalLocation"]
    print_of = "\0".join([entry.item.id, message if place["region"]["startLine"] > 1 else "", place["artifactLocation"]["uri"]])
    return {
        "ruleId": printable(entry.item.id),
        "ruleIndex": index,
        "kind": "fail",
        "level": _level(entry),
        "message": {"text": message},
        "locations": [location],
        "partialFingerprints": {"gonogoItem/v1": hashlib.sha256(print_of.encode()).hexdigest()},
        **({"suppressions": suppressions} if suppressions else {}),
        "properties": {"outcome": str(entry.result.outcome)},
    }


def _message(entry: Entry) -> str:
    parts = [f"{entry.outcome}: {printable(entry.item.statement)}"]
    parts += [f"required {required}, measured {measured}" for required, measured, met in requirement_lines(entry) if not met]
    parts += [reason_beyond(entry), *(entry.evidence.findings[:5] if entry.evidence else ())]
    parts += [f"Repair: {entry.remedy}"] if entry.remedy else []
    return _plain("\n".join(printable(part) for part in parts if part))


def _plain(message: str) -> str:
    """A message without embedded links (SARIF 3.11.6 reads `[text](address)` as one); the joiner is invisible."""
    return message.replace("](", "]\u2060(")


def _location(path: str, line: int, column: int = 0) -> dict[str, Any]:
    region = {"startLine": line, **({"startColumn": column} if column else {})}
    return {"physicalLocation": {"artifactLocation": {"uri": quote(path)}, "region": region}}


def _level(entry: Entry) -> str:
    return "error" if entry.result.mandatory else "warning"
