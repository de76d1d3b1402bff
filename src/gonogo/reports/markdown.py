"""A report in GitHub flavoured Markdown, for a job summary or a comment on a change.

What packs, checks and people say is text and never markup: measurements and findings stand in code spans, sentences are escaped so that
they make no heading, link, image, HTML or table cell, and call nobody by `@name` or `#number`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from gonogo.reports.pictures import draw
from gonogo.reports.report import MARKS, WORDS, Entry, Report, printable, reason_beyond, requirement_lines

MOST_FINDINGS = 12
JOINER = "\u2060"  #: invisible; keeps GitHub from reading @name and #number as a call, and www. as an address
ACTIVE = re.compile(r"([\\`*_\[\]|~$]|:(?=//|[\w+-]+:))")
CALLS = re.compile(r"(@|#|www)(?=[\w.])")
RUNS = re.compile(r"`+")


def render_markdown(report: Report) -> str:
    """The document, ending with a line feed."""
    return "\n".join(_document(report)) + "\n"


def prose(text: str) -> str:
    """A sentence as text, whatever is in it. It stands inside a line, never at its beginning."""
    said = ACTIVE.sub(r"\\\1", printable(text)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return CALLS.sub(rf"\1{JOINER}", said)


def code(text: str) -> str:
    """A code span, fenced by more backticks than the text has in a row. A bar would end a table's cell, so it is escaped."""
    said = printable(text).replace("|", r"\|") or " "
    fence = "`" * (max((len(run) for run in RUNS.findall(said)), default=0) + 1)
    pad = " " if said.startswith("`") or said.endswith("`") else ""
    return f"{fence}{pad}{said}{pad}{fence}"


def _document(report: Report) -> Iterator[str]:
    yield f"# {'✓' if report.go else '✗'} {prose(report.system)}: {report.word}"
    yield ""
    yield report.headline
    yield ""
    yield "Items: " + ", ".join(f"{MARKS[outcome]} {count} {WORDS[outcome]}" for outcome, count in report.counts)
    yield ""
    yield f"Next: {code(report.next_step)}"
    yield from _lines("Notes", (f"Note: {prose(note)}" for note in report.notes))
    if report.blocking:
        yield from ("", "## What is not well" if report.reviewed else "## What stands in the way")
        for entry in report.blocking:
            yield from _blocking(entry)
    yield from _lines("Waived", (f"{code(entry.item.id)}: {prose(entry.result.reason)}" for entry in report.waived))
    yield from _lines(
        f"Phases ({report.minutes:g} min)" if report.minutes else "Phases",
        (f"Phase {prose(phase.title)}: {phase.said}" for phase in report.phases),
    )
    yield from _lines("Scores", (prose(score.line) for score in report.scores))
    if report.reviewed:
        drawn = [draw(name, data) for entry in report.entries if entry.evidence for name, data in entry.evidence.pictures.items()]
        yield from _lines("What was measured, in words", dict.fromkeys(f"{code(one.title)}: {prose(one.words)}" for one in drawn))
    yield from ("", "## Every item")
    for section, entries in report.sections:
        yield from ("", f"### {prose(section)}", "", "| outcome | item | what it says |", "|---|---|---|")
        yield from (f"| {_outcome(entry)} | {code(entry.item.id)} | {prose(entry.item.statement)} |" for entry in entries)
    yield from _lines(
        "What this project changed in the pack",
        (f"{code(item)}: {prose(change)}" for item, change in report.changes.items()),
    )
    verdict = report.verdict
    about = f"{report.checklist.title} {report.checklist.version}, judged {verdict.time}"
    yield from ("", "---", "", f"Checklist: {prose(about)}", "", "| | digest |", "|---|---|")
    yield f"| bundle | {code(verdict.subject or 'none could be built')} |"
    yield f"| checklist | {code(verdict.checklist_digest)} |"
    yield f"| evidence | {code(verdict.evidence_digest)} |"


def _lines(title: str, lines: Iterable[str]) -> Iterator[str]:
    """A heading with a list; nothing for an empty list. Every line begins with a word of ours or a code span."""
    listed = [f"- {line}" for line in lines]
    if listed:
        yield from ("", f"## {title}", "", *listed)


def _blocking(entry: Entry) -> Iterator[str]:
    yield from (
        "",
        f"### {_outcome(entry)} {prose(entry.item.statement)}",
        "",
        f"Item {code(entry.item.id)}, {entry.item.kind}, in {prose(entry.item.section)}.",
    )
    requirements = () if entry.obstacle else requirement_lines(entry)
    if requirements:
        yield from ("", "| required | measured | |", "|---|---|---|")
        yield from (f"| {code(required)} | {code(measured)} | {'✓' if met else '✗'} |" for required, measured, met in requirements)
    told = [f"Reason: {prose(reason)}"] if (reason := reason_beyond(entry)) else []
    findings = entry.evidence.findings if entry.evidence else ()
    told += [f"Found: {code(finding)}" for finding in findings[:MOST_FINDINGS]]
    if len(findings) > MOST_FINDINGS:
        told.append(f"and {len(findings) - MOST_FINDINGS} more: {code(entry.everything)}")
    told += [f"Why it matters: {prose(entry.item.why)}"] if entry.item.why else []
    told += [f"Repair: {prose(entry.remedy)}"] if entry.remedy else []
    told.append(f"Then: {code(entry.again)}")
    yield from ("", *(f"- {line}" for line in told))


def _outcome(entry: Entry) -> str:
    return f"{MARKS[entry.result.outcome]} {prose(entry.outcome)}"
