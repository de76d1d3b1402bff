"""The pages of the dashboard: which there are, their frame, and the part that is replaced in place while somebody looks.

A page is one HTML document with the product's own style sheet and script, which it loads from where it came from; it works without the
script too. What is arranged here comes from the records of `operations.dashboard`, and nothing else does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from gonogo.reports import status as arranged
from gonogo.web.engine import templates

PAGES = {
    "now": "Now",
    "traffic": "Traffic",
    "drift": "Drift",
    "quality": "Quality",
    "alarms": "Alarms",
    "releases": "Releases",
    "checklist": "Checklist",
    "audit": "Audit",
}


@dataclass(frozen=True)
class Frame:
    """What stands around a page: the system, how it is, and who looks. `operator` is "" for somebody who may only read."""

    system: str
    health: str
    time: str
    operator: str = ""
    token: str = ""  #: goes with every form of the operator's
    said: str = ""  #: what the last action came to
    failed: bool = False  #: and that it did not do what was asked
    seconds: float = 10.0  #: how often the page is brought up to date

    @property
    def tone(self) -> str:
        return arranged.HEALTH_TONES.get(self.health, "open")


def render_page(page: str, view: Mapping[str, Any], frame: Frame) -> str:
    """A whole document."""
    return templates().get_template("frame.html").render(page=page, pages=PAGES, part=render_part(page, view, frame), frame=frame)


def render_part(page: str, view: Mapping[str, Any], frame: Frame) -> Markup:
    """What stands in the frame: replaced in place while somebody looks."""
    return Markup(templates().get_template(f"{page}.html").render(**view, page=page, pages=PAGES, frame=frame))  # noqa: S704 - our own


def render_form(template: str, view: Mapping[str, Any], frame: Frame) -> str:
    """A page that asks something of whoever looks; it is not replaced while they write."""
    part = Markup(templates().get_template(f"{template}.html").render(**view, pages=PAGES, frame=frame))  # noqa: S704 - our own
    return templates().get_template("frame.html").render(page=template, pages=PAGES, part=part, frame=frame)


@cache
def style_sheet() -> bytes:
    """That of the reports, and what the dashboard has besides."""
    report = files("gonogo.reports").joinpath("templates", "style.css").read_bytes()
    return report + files("gonogo.web").joinpath("static", "dashboard.css").read_bytes()


@cache
def script() -> bytes:
    return files("gonogo.web").joinpath("static", "dashboard.js").read_bytes()


def preload() -> None:
    """Read everything that pages are made of, so that no request opens a file."""
    style_sheet()
    script()
    for name in templates().list_templates():
        if name.endswith(".html"):
            templates().get_template(name)
