"""The status page: one self-contained HTML document made from the record of `gonogo status`.

No script, no font and no picture comes from elsewhere; the page asks the browser to load it again every two seconds while a rollout
runs, every ten otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from gonogo.reports.rollout import draw_rollout

_ENVIRONMENT = Environment(loader=PackageLoader("gonogo.web", "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def render_status(status: Mapping[str, Any], *, reload: bool = True) -> str:
    """HTML of a status document (`operations.status`)."""
    moving = bool(status["rollout"]) and not status["rollout"]["finished"]
    seconds = (2 if moving else 10) if reload else None
    return _ENVIRONMENT.get_template("status.html").render(
        status=status, seconds=seconds, path=draw_rollout(status["rollout"]) if status["rollout"] else None
    )
