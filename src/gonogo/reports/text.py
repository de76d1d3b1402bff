"""A report for a terminal: what blocks first, with why, required against measured, and how to repair; then every item in one line.

Control characters in what a pack or a check says are replaced, so that no text can move the cursor or hide a line.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from gonogo.reports.report import WORDS, Entry, Report, joined, printable, reason_beyond, requirement_lines, short
from gonogo.verdict.outcome import GOOD, Outcome

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


def render_text(report: Report, color: bool, width: int = WIDTH) -> str:
    """The whole report. `color` adds ANSI colours; no line is wider than `width`, if the words allow it."""
    return joined(_report(report, Paint(color, width)))


class Paint:
    """Colours, or none; and how wide the paper is."""

    def __init__(self, color: bool, width: int = WIDTH) -> None:
        self.color = color
        self.width = width

    def __call__(self, style: str, text: str) -> str:
        return f"{style}{text}{PLAIN}" if self.color else text

    def outcome(self, entry: Entry, width: int = 0) -> str:
        return self(COLORS[entry.result.outcome], f"{entry.outcome:<{width}}")


def _report(report: Report, paint: Paint) -> Iterator[str]:
    style = GREEN if report.go else RED
    yield f"{paint(BOLD, report.system)}  {paint(BOLD + style, report.word)}  {report.headline}"
    counts = ", ".join(f"{count} {WORDS[outcome]}" for outcome, count in report.counts)
    yield paint(DIM, counts)
    subject = f"bundle {short(report.verdict.subject)} · {report.checklist.title} {report.checklist.version}"
    yield from (paint(DIM, line) for line in textwrap.wrap(printable(subject), paint.width))
    for note in report.notes:
        yield from labelled("note", note, paint)
    for entry in report.waived:
        yield from labelled("waived", f"{entry.item.id}: {entry.result.reason}", paint)
    for phase in report.phases:
        yield from labelled("phase", f"{phase.title}: {phase.said}", paint)
    if report.minutes:
        yield from labelled("time", f"{report.minutes:g} min for all phases", paint)
    for score in report.scores:
        yield from labelled("score", score.line, paint)
    for reason, entries in report.obstacles.items():
        yield ""
        ids = ", ".join(printable(entry.item.id) for entry in entries)
        lines = textwrap.wrap(ids, paint.width - len(INDENT), break_on_hyphens=False)
        yield f"{paint(RED, Outcome.ERROR)}  {paint(BOLD, lines[0])}"
        yield from (paint(BOLD, INDENT + line) for line in lines[1:])
        yield from labelled("reason", reason, paint)
    for entry in report.blocking:
        if entry.obstacle:
            continue
        yield ""
        yield from titled(entry, paint)
        yield from explained(entry, paint, findings=MOST_FINDINGS)
    outcome_width = max((len(entry.outcome) for entry in report.entries), default=0)
    id_width = max((len(entry.item.id) for entry in report.entries), default=0)
    for section, entries in report.sections:
        yield ""
        yield paint(BOLD, printable(section))
        for entry in entries:
            outcome = paint.outcome(entry, outcome_width)
            room = paint.width - outcome_width - id_width - 6
            yield f"  {outcome}  {printable(entry.item.id):<{id_width}}  {_in_short(entry, room)}"
    if report.changes:
        yield ""
        yield paint(BOLD, "What this project changed in the pack")
        for name, change in report.changes.items():
            yield from textwrap.wrap(printable(f"{name}: {change}"), paint.width, initial_indent="  ", subsequent_indent=INDENT)
    yield ""
    yield f"Next: {report.next_step}"


def titled(entry: Entry, paint: Paint) -> Iterator[str]:
    """Outcome, name and statement; the statement on a line of its own where it does not fit beside them."""
    id_, statement = printable(entry.item.id), printable(entry.item.statement)
    head = f"{paint.outcome(entry)}  {paint(BOLD, id_)}"
    if len(entry.outcome) + len(id_) + len(statement) + 4 <= paint.width:
        yield f"{head}  {statement}"
    else:
        yield head
        yield from textwrap.wrap(statement, paint.width, initial_indent=INDENT, subsequent_indent=INDENT)


def _in_short(entry: Entry, room: int) -> str:
    """The rest of an item's line: what was measured, or why it does not apply, else its statement."""
    measured = "; ".join(measured for _, measured, _ in requirement_lines(entry)) if entry.good else ""
    if entry.result.outcome is Outcome.NOT_APPLICABLE:
        measured = entry.result.reason
    return textwrap.shorten(printable(measured or entry.item.statement), max(room, 16), placeholder=" …")


def explained(entry: Entry, paint: Paint, findings: int | None) -> Iterator[str]:
    result = entry.result
    for required, measured, met in requirement_lines(entry):
        yield from labelled("required", required, paint)
        yield from labelled("measured", f"{measured}{'' if met or result.outcome in GOOD else '  ✗'}", paint)
    if reason := reason_beyond(entry):
        yield from labelled("reason", reason, paint)
    if entry.evidence:
        found = entry.evidence.findings
        for finding in found[:findings]:
            yield from labelled("found", finding, paint)
        if findings is not None and len(found) > findings:
            yield from labelled("", f"and {len(found) - findings} more: {entry.everything}", paint)
    if entry.change:
        yield from labelled("changed", f"this project overrides {entry.change}", paint)
    if entry.item.why:
        yield from labelled("why", entry.item.why, paint)
    if not entry.good and (findings is None or not entry.obstacle):
        if remedy := entry.item.remedy if findings is None else entry.remedy:
            yield from labelled("repair", remedy, paint)
        yield from labelled("then", entry.again, paint)


def labelled(label: str, text: str, paint: Paint) -> Iterator[str]:
    """A label and a text wrapped beside it."""
    head = f"{INDENT}{printable(label):<11} "
    lines = textwrap.wrap(printable(text), paint.width - len(head), break_on_hyphens=False) or [""]
    for number, line in enumerate(lines):
        yield (head if number == 0 else " " * len(head)) + line
