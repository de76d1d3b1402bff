"""What every page is made with: the templates of this room and those of the reports, and what they may ask."""

from __future__ import annotations

from functools import cache

from jinja2 import ChoiceLoader, Environment, PackageLoader

from gonogo.base.clock import parse_stamp
from gonogo.reports import status as arranged
from gonogo.reports.html import environment
from gonogo.reports.rollout import evidence_text, phase_text
from gonogo.reports.timeline import Timeline

SIGNS = {"good": "✓", "bad": "✗", "open": "?", "noted": "→", "quiet": "–"}


@cache
def templates() -> Environment:
    """They are read once."""
    own = environment().overlay(
        loader=ChoiceLoader([PackageLoader("gonogo.web", "templates"), PackageLoader("gonogo.reports", "templates")]), auto_reload=False
    )
    ours = {"arranged": arranged, "evidence_text": evidence_text, "phase_text": phase_text, "signs": SIGNS, "latest_rows": latest_rows}
    own.globals = {**own.globals, **ours}
    own.filters = {**own.filters, "ago": ago, "clock": clock}
    return own


def latest_rows(timeline: Timeline, most: int = 48) -> tuple[tuple[str, ...], ...]:
    """The newest points of a picture, the newest first."""
    return tuple(reversed(timeline.rows))[:most]


def clock(text: str) -> str:
    """The time of a point, for a table."""
    return f"{parse_stamp(text):%a %H:%M}"


def ago(text: str | None, now: str) -> str:
    """How long ago, in the largest unit that says it."""
    if not text:
        return "never"
    seconds = (parse_stamp(now) - parse_stamp(text)).total_seconds()
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} s ago"
