"""A report as one JSON document: the verdict, and behind every item what it says and what was measured.

Stable keys (additions are allowed, changes are another format):

    format      "gonogo-report/1"
    system, verdict, subject, checklist, evidence, time, notes
                                    as in the verdict: "GO" or "NO-GO"; subject, checklist and evidence are digests
    policy, blocked, author         digest of the policy in force or null; what stands above all items; who made the candidate, or null
    headline, next                  one sentence; what to type next
    checklist_id, checklist_title, checklist_version, overrides
    counts                          outcome → number of items
    phases[]                        id, title, status (passed, open, waits), minutes, done, items
    scores[]                        name, total, most, parts[], says: for information, they open nothing
    items[]                         item, outcome, reason, requirements, evidence (digest), mandatory, offenders; section, statement, kind,
                                    check, sign_off, why, remedy, rows, phase, word (the source's own word for the outcome, or ""),
                                    runbook; pack_demand and override_reason: what the pack asks where this project demands something
                                    else, and why, or ""; measurement: the whole evidence, or null
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gonogo.reports.report import Entry, Report


def render_json(report: Report) -> dict[str, Any]:
    """The document as JSON values: no NaN, no infinity."""
    checklist = report.checklist
    return {
        "policy": None,
        "blocked": [],
        "author": None,
        **report.verdict.to_json(),
        "format": "gonogo-report/1",
        "headline": report.headline,
        "next": report.next_step,
        "generated": report.generated,
        "checklist_id": checklist.id,
        "checklist_title": checklist.title,
        "checklist_version": checklist.version,
        "overrides": {item: list(keys) for item, keys in checklist.overrides.items()},
        "counts": {str(outcome): count for outcome, count in report.counts},
        "phases": [asdict(phase) for phase in report.phases],
        "scores": [score.to_json() for score in report.scores],
        "items": [_entry(entry) for entry in report.entries],
    }


def _entry(entry: Entry) -> dict[str, Any]:
    item = entry.item
    return {
        "offenders": [],
        **entry.result.to_json(),
        "section": item.section,
        "statement": item.statement,
        "kind": item.kind,
        "check": item.check,
        "sign_off": item.sign_off,
        "why": item.why,
        "remedy": item.remedy,
        "rows": list(item.rows),
        "phase": item.phase,
        "word": item.words.get(str(entry.result.outcome), ""),
        "runbook": item.runbook,
        "pack_demand": item.pack_demand,
        "override_reason": item.reason,
        "measurement": entry.evidence.to_json() if entry.evidence else None,
    }
