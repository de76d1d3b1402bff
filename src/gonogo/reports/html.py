"""A report as one self-contained HTML page: no script, nothing loaded from elsewhere, readable on paper and on a telephone.

Everything that comes from a pack, a check or a person is escaped by the template engine; a content security policy in the page forbids
scripts and every download besides.
"""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from gonogo.base.clock import parse_stamp
from gonogo.reports.pictures import draw
from gonogo.reports.report import MARKS, WORDS, Entry, Report, fact_text, printable, reason_beyond, requirement_lines, short
from gonogo.reports.svg import Drawn
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
PHASE_TONES = {"passed": "good", "open": "open", "waits": "quiet"}
FIRST = ("confusion_matrix", "roc", "reliability")


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
    environment.filters.update(
        tone=TONES.__getitem__, mark=MARKS.__getitem__, words=WORDS.__getitem__, fact=fact_text, short=short, prose=prose, when=when
    )
    environment.globals.update(requirements=requirement_lines, reason_beyond=reason_beyond, phase_tones=PHASE_TONES)
    return environment


def render_html(report: Report) -> str:
    """The page."""
    return environment().get_template("report.html").render(report=report, pictures=pictures(report))


def prose(text: str) -> Markup:
    """A sentence of a pack or a person, escaped, with what stands between backticks set as code."""
    parts = printable(text).split("`")
    if len(parts) % 2 == 0:  # an unmatched backtick is just a backtick
        return escape(printable(text))
    marked = (Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts))
    return Markup("").join(marked)


def when(text: str) -> str:
    """A time of a record for people, to the second; what is no time is left as it is."""
    try:
        return f"{parse_stamp(text):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return text


def _plain(value: object) -> object:
    """What the template engine does with every value before it escapes it: no control characters; markup of ours stays."""
    return value if isinstance(value, Markup) else printable(str(value))


def pictures(report: Report) -> list[tuple[Entry, Drawn]]:
    """Every picture that can be drawn, each once (items that share a check share its pictures); how good the model is comes first."""
    found: dict[str, tuple[int, Entry, Drawn]] = {}
    for entry in report.entries:
        for name, data in entry.evidence.pictures.items() if entry.evidence else ():
            drawing = draw(name, data)
            if drawing.svg and drawing.svg not in found:
                kind = data.get("kind")
                found[drawing.svg] = (FIRST.index(kind) if kind in FIRST else len(FIRST), entry, drawing)
    return [(entry, drawing) for _, entry, drawing in sorted(found.values(), key=lambda one: one[0])]
