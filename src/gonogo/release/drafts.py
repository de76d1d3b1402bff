"""Drafts that a process left behind when it was killed: nobody takes them for a bundle or a release, and the next one clears them away.

A draft is a hidden folder `.NAME.PID.part` (see `base.files.draft_directory`); it belongs to the process with that number.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

_DRAFT = re.compile(r"\..+\.(\d+)\.part")


def clear_drafts(folder: Path) -> list[str]:
    """Remove the drafts in `folder` whose process is gone, and give their names."""
    removed = []
    for path in folder.glob(".*.part"):
        match = _DRAFT.fullmatch(path.name)
        if match and not _alive(int(match.group(1))):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
            removed.append(path.name)
    return removed


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
