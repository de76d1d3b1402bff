"""A report for a terminal: what blocks first, with why, required against measured, and how to repair; then every item in one line.

Control characters in what a pack or a check says are replaced, so that no text can move the cursor or hide a line.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from gonogo.checklist.items import Item
from gonogo.evidence.record import Evidence
from gonogo.reports.report import WORDS, Entry, Report, fact_text, joined, printable, reason_beyond, requirement_lines, short
from gonogo.verdict.outcome import GOOD, ItemResult, Outcome

WIDTH = 110
INDENT = " " * 4
MOST_FINDINGS = 5

RED, GREEN, YELLOW, BLUE, BOLD, DIM, PLAIN = "\033[31m", "\033[32m", "\033[33m", "\033[36m", "\033[1m", "\033[2m", "\033[0m"
COLORS = {
    Outcome.PASS: GREEN,
    Outcome.FAIL: RED,
    Outcome.ERROR: RED,
    Outcome.NOT_RUN: YELLOW,
    Outcome.STALE: YELLOW,
    Outcome.WAIVED: BLUE,
    Outcome.NOT_APPLICABLE: DIM,
}


def render_text(report: Report, color: bool) -> str:
    """The whole report. `color` adds ANSI colours."""
    return joined(_report(report, Paint(color)))


def render_item(item: Item, result: ItemResult, evidence: Evidence | None, color: bool = False) -> str:
    """All about one item: question, why, required against measured, facts, evidence, how to repair."""
    paint = Paint(color)
    entry = Entry(item, result, evidence)
    lines = [f"{paint.outcome(result.outcome)}  {paint(BOLD, printable(item.id))}  {printable(item.statement)}", ""]
    lines += _explained(entry, paint, findings=None)
    lines += _labelled("section", f"{item.section}, {item.kind}" + (f"; covers {', '.join(item.rows)}" if item.rows else ""))
    if item.sign_off:
        lines += _labelled("signed by", item.sign_off)
    if evidence:
        lines += _evidence(evidence)
    return joined(lines)


class Paint:
    """Colours, or none."""

    def __init__(self, color: bool) -> None:
        self.color = color

    def __call__(self, style: str, text: str) -> str:
        return f"{style}{text}{PLAIN}" if self.color else text

    def outcome(self, outcome: Outcome, width: int = 0) -> str:
        return self(COLORS[outcome], f"{outcome:<{width}}")


def _report(report: Report, paint: Paint) -> Iterator[str]:
    style = GREEN if report.go else RED
    yield f"{paint(BOLD, report.system)}  {paint(BOLD + style, str(report.verdict.decision))}  {report.headline}"
    counts = ", ".join(f"{count} {WORDS[outcome]}" for outcome, count in report.counts)
    yield paint(DIM, counts)
    yield paint(DIM, f"bundle {short(report.verdict.subject)} · {report.checklist.title} {report.checklist.version}")
    for note in report.verdict.notes:
        yield from _labelled("note", note)
    for reason, entries in report.obstacles.items():
        yield ""
        ids = ", ".join(printable(entry.item.id) for entry in entries)
        lines = textwrap.wrap(ids, WIDTH - len(INDENT) - 2, break_on_hyphens=False)
        yield f"{paint.outcome(Outcome.ERROR)}  {paint(BOLD, lines[0])}"
        yield from (paint(BOLD, INDENT + line) for line in lines[1:])
        yield from _labelled("reason", reason)
    for entry in report.blocking:
        if entry.obstacle:
            continue
        yield ""
        id_, statement = printable(entry.item.id), printable(entry.item.statement)
        yield f"{paint.outcome(entry.result.outcome)}  {paint(BOLD, id_)}  {statement}"
        yield from _explained(entry, paint, findings=MOST_FINDINGS)
    outcome_width = max((len(outcome) for outcome, _ in report.counts), default=0)
    id_width = max((len(entry.item.id) for entry in report.entries), default=0)
    for section, entries in report.sections:
        yield ""
        yield paint(BOLD, printable(section))
        for entry in entries:
            outcome = paint.outcome(entry.result.outcome, outcome_width)
            yield f"  {outcome}  {printable(entry.item.id):<{id_width}}  {_in_short(entry)}"
    yield ""
    yield f"Next: {report.next_step}"


def _in_short(entry: Entry) -> str:
    """The rest of an item's line: what was measured, else its statement."""
    measured = "; ".join(measured for _, measured, _ in requirement_lines(entry)) if entry.good else ""
    return textwrap.shorten(printable(measured or entry.item.statement), 72, placeholder=" …")


def _explained(entry: Entry, paint: Paint, findings: int | None) -> Iterator[str]:
    result = entry.result
    for required, measured, met in requirement_lines(entry):
        yield from _labelled("required", required)
        yield from _labelled("measured", f"{measured}{'' if met or result.outcome in GOOD else '  ✗'}")
    if reason := reason_beyond(entry):
        yield from _labelled("reason", reason)
    if entry.evidence:
        found = entry.evidence.findings
        for finding in found[:findings]:
            yield from _labelled("found", finding)
        if findings is not None and len(found) > findings:
            yield from _labelled("", f"and {len(found) - findings} more: gonogo explain {entry.item.id}")
    if entry.overridden:
        yield from _labelled("changed", f"this project overrides {', '.join(entry.overridden)} of the pack")
    if entry.item.why:
        yield from _labelled("why", entry.item.why)
    if entry.item.remedy and not entry.good and not entry.obstacle:
        yield from _labelled("repair", entry.item.remedy)


def _evidence(evidence: Evidence) -> Iterator[str]:
    yield ""
    for name, fact in evidence.facts.items():
        yield f"{INDENT}{printable(name):<24} {printable(fact_text(fact))}"
    yield ""
    yield from _labelled("measured by", f"{evidence.check}, {evidence.started} to {evidence.finished}")
    if evidence.isolation:
        yield from _labelled("isolation", evidence.isolation)
    if evidence.tools:
        yield from _labelled("tools", ", ".join(f"{name} {version}" for name, version in sorted(evidence.tools.items())))
    for name, digest in sorted(evidence.inputs.items()):
        yield from _labelled(f"of {name}", digest)
    yield from _labelled("evidence", evidence.digest)


def _labelled(label: str, text: str) -> Iterator[str]:
    """A label and a text wrapped beside it."""
    head = f"{INDENT}{printable(label):<12}"
    lines = textwrap.wrap(printable(text), WIDTH - len(head), break_on_hyphens=False) or [""]
    for number, line in enumerate(lines):
        yield (head if number == 0 else " " * len(head)) + line
