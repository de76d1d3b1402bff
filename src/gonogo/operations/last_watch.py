"""What the watch over this system saw last."""

from __future__ import annotations

from typing import Any

from gonogo.operations.workspace import Workspace


def last_watch(workspace: Workspace) -> dict[str, Any]:
    """`signals`, `alarms`, `problem`, `time`. Empty lists when nobody has watched yet."""
    from gonogo.monitor.record import last_record

    return last_record(workspace.store(), workspace.project.system) or {"signals": [], "alarms": [], "problem": "", "time": None}
