"""The status page: one self-contained HTML document made from the record of `gonogo status`.

No script, no font and no picture comes from elsewhere; the page asks the browser to load it again every two seconds while a rollout
runs, every ten otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

_ENVIRONMENT = Environment(loader=PackageLoader("gonogo.web", "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def render_status(status: Mapping[str, Any], *, reload: bool = True) -> str:
    """HTML of a status document (`operations.status`)."""
    moving = bool(status["rollout"]) and not status["rollout"]["finished"]
    seconds = (2 if moving else 10) if reload else None
    return _ENVIRONMENT.get_template("status.html").render(status=status, seconds=seconds, path=rollout_path(status["rollout"]))


def rollout_path(rollout: Mapping[str, Any] | None, *, width: int = 640, height: int = 140) -> str | None:
    """The rollout's path as SVG points: the share of the new release (basis points) over its looks, or None when there is none."""
    looks = rollout["looks"] if rollout else []
    if len(looks) < 2:
        return None
    first, last = looks[0]["at"], looks[-1]["at"]
    span = max(last - first, 1e-9)
    points = []
    previous = None
    for look in looks:
        x = width * (look["at"] - first) / span
        y = height - height * look["weight_bp"] / 10000
        if previous is not None:
            points.append(f"{x:.1f},{previous:.1f}")
        points.append(f"{x:.1f},{y:.1f}")
        previous = y
    return " ".join(points)
