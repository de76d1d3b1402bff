"""The status page as a file: one self-contained HTML document made from the record of `gonogo status`.

No script, no font and no picture comes from elsewhere; it wears the style sheet of the reports. What follows a running service is the
dashboard (`dashboard.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader

from gonogo.reports import status as arranged
from gonogo.reports.html import environment
from gonogo.reports.rollout import changes, draw_rollout, evidence_text, share_of


def render_status(status: Mapping[str, Any]) -> str:
    """HTML of a status document (`operations.status`)."""
    rollout = status["rollout"]
    return (
        _environment()
        .get_template("status.html")
        .render(
            status=status,
            moving=bool(rollout) and not rollout["finished"],
            path=draw_rollout(rollout) if rollout else None,
            steps=[(after, look, share_of(rollout, look) / 100) for after, look in changes(rollout)] if rollout else [],
        )
    )


@cache
def _environment() -> Environment:
    own = environment().overlay(
        loader=ChoiceLoader([PackageLoader("gonogo.web", "templates"), PackageLoader("gonogo.reports", "templates")])
    )
    own.globals = {**own.globals, "arranged": arranged, "evidence_text": evidence_text}
    return own
