"""A project whose first release, a weak one, is in production, and what is asked of its trainings."""

from __future__ import annotations

import sys

from gonogo.operations.workspace import Workspace
from team import Team

TRAIN = "import shutil; shutil.copy('next.onnx', 'model.onnx'); print('trained')"
WEAK, STRONG = 0.1, 1.5  #: weights of the champion and of what the tables really follow


def steps(team: Team, declared: str, more: str = "") -> None:
    """Declare steps instead of the one command. `python` is this one."""
    lines = "".join(f"\n    {line.strip()}" for line in declared.replace("python", sys.executable).strip().splitlines())
    team.edit("people:", f"retrain:\n  steps:{lines}\n{more}people:")


def files(team: Team) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in team.folder.glob("*") if path.is_file()}


def pointers(team: Team) -> dict[str, str]:
    return {name: str(version) for (_, name), version in team.workspace().registry().state().pointers.items()}


def kinds(workspace: Workspace) -> list[str]:
    return [event.body["state"] for event in workspace.store().events(kinds=["retrain"])]


def signed(team: Team) -> None:
    team.sign("lead", "ana")
    team.sign("owner", "ben")
