"""What the service has written into its log, in numbers: for whoever reads it after an hour or a week."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from gonogo.base.files import storage
from gonogo.service.logs import KEPT, LOG_NAME

MOST_KINDS = 200  #: different errors that are told apart


def log_digest(folder: Path, since: str, until: str) -> dict[str, Any]:
    """What the service's log and its older files say of the time: lines by level, and errors by what they tell."""
    levels: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    unreadable = 0
    files = [file for file in (folder / LOG_NAME, *(folder / f"{LOG_NAME}.{number}" for number in range(1, KEPT + 1))) if file.is_file()]
    for file in files:
        with storage(file, "read"), file.open("rb") as lines:
            for line in lines:
                try:
                    said = json.loads(line)
                    if not since <= said["time"] <= until:
                        continue
                    level = str(said["level"])
                except (ValueError, KeyError, TypeError):
                    unreadable += 1
                    continue
                levels[level] += 1
                if level in ("error", "critical"):
                    kind = f"{said.get('event', '')} {said.get('status') or said.get('message', '')}".strip()[:120]
                    errors[kind if kind in errors or len(errors) < MOST_KINDS else "others"] += 1
    return {"there": bool(files), "levels": dict(levels), "errors": dict(errors), "unreadable": unreadable}
