"""A rollout as pages show it: whether it moves, its path as a picture, and its steps in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gonogo.reports.rollout import changes, draw_rollout, share_of


def rollout_view(status: Mapping[str, Any]) -> dict[str, Any]:
    """What `rollout.html` shows of a status document: `moving`, `path`, `steps` (seconds, look, share in %). Empty when there is none."""
    rollout = status["rollout"]
    if not rollout:
        return {"moving": False, "path": None, "steps": []}
    steps = [(after, look, share_of(rollout, look) / 100) for after, look in changes(rollout)]
    return {"moving": not rollout["finished"], "path": draw_rollout(rollout), "steps": steps}
