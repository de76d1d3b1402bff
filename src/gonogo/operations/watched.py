"""What the watch measured last, for tools that look at the service: the signals that /metrics does not tell enough of to measure anew."""

from __future__ import annotations

from typing import Any

from gonogo import settings
from gonogo.base.clock import parse_stamp
from gonogo.operations.last_watch import last_watch
from gonogo.operations.workspace import Workspace

STALE_SECONDS = 30.0  #: older readings are not told, or those of more than five looks ago


def watched(workspace: Workspace) -> dict[str, Any] | None:
    """`age_seconds` of the watch's last look, and its `readings` that have a value: `signal`, `window_seconds`, `labels`, `value`, `n`,
    `p_value`, `judged`; none of a watch that looks no more. None when nobody has watched yet."""
    from gonogo.reports.tools.promql import WRITERS

    record = last_watch(workspace)
    if record["time"] is None:
        return None
    age = max(0.0, (workspace.clock.now() - parse_stamp(record["time"])).total_seconds())
    fresh = age <= max(STALE_SECONDS, 5 * settings.number("watch_seconds"))
    said = [reading for reading in record["signals"] if fresh and reading["value"] is not None and reading["signal"] not in WRITERS]
    keys = ("signal", "window_seconds", "labels", "value", "n", "p_value", "judged")
    return {"age_seconds": age, "readings": [{key: reading[key] for key in keys} for reading in said]}
