"""A report as one self-contained HTML page: no script, nothing loaded from elsewhere, readable on paper and on a telephone.

Everything that comes from a pack, a check or a person is escaped by the template engine; a content security policy in the page forbids
scripts and every download besides.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gonogo.reports.pictures import Drawn, draw
from gonogo.reports.report import WORDS, Entry, Report, fact_text, printable, reason_beyond, requirement_lines, short
from gonogo.verdict.outcome import Outcome

TONES = {
    Outcome.PASS: "good",
    Outcome.FAIL: "bad",
    Outcome.ERROR: "bad",
    Outcome.NOT_RUN: "open",
    Outcome.STALE: "open",
    Outcome.WAIVED: "noted",
    Outcome.NOT_APPLICABLE: "quiet",
}
MARKS = {
    Outcome.PASS: "✓",
    Outcome.FAIL: "✗",
    Outcome.ERROR: "!",
    Outcome.NOT_RUN: "○",
    Outcome.STALE: "↻",
    Outcome.WAIVED: "~",
    Outcome.NOT_APPLICABLE: "–",
}


@cache
def environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("gonogo.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_plain,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(tone=TONES.__getitem__, mark=MARKS.__getitem__, words=WORDS.__getitem__, fact=fact_text, short=short)
    environment.globals.update(requirements=requirement_lines, reason_beyond=reason_beyond)
    return environment


def render_html(report: Report) -> str:
    """The page."""
    return environment().get_template("report.html").render(report=report, pictures=list(_pictures(report)))


def _plain(value: object) -> object:
    """What the template engine does with every value before it escapes it: no control characters; markup of ours stays."""
    return value if isinstance(value, Markup) else printable(str(value))


def _pictures(report: Report) -> Iterator[tuple[Entry, Drawn]]:
    """Every picture that can be drawn, each once (items that share a check share its pictures), in the order of the checklist."""
    seen: set[str] = set()
    for entry in report.entries:
        for name, data in entry.evidence.pictures.items() if entry.evidence else ():
            drawing = draw(name, data)
            if drawing.svg and drawing.svg not in seen:
                seen.add(drawing.svg)
                yield entry, drawing
