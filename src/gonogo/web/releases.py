"""The page of releases: what was sealed, what was live when and why, and what changed between two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]


def view(status: Record, moves: Sequence[Record], changes: Record | None, problem: str, chosen: tuple[str, str]) -> dict[str, Any]:
    """The newest first. `chosen` are the versions that are compared."""
    return {
        "status": status,
        "releases": list(reversed(status["releases"])),
        "moves": list(reversed(moves)),
        "changes": changes,
        "problem": problem,
        "chosen": chosen,
        "live": status["production"]["version"] if status["production"] else "",
    }
