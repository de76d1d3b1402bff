"""`gonogo ship`: check, release and rollout in one go; the first release is put in service by `gonogo serve`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gonogo.errors import ConflictError
from gonogo.operations.check import Checked, check
from gonogo.operations.progress import Progress, silent
from gonogo.operations.release import Released, release
from gonogo.operations.rollout import Rolled, start
from gonogo.operations.workspace import Workspace
from gonogo.verdict.outcome import Decision


@dataclass(frozen=True)
class Shipped:
    """How far it went: a NO-GO has neither a release nor a rollout."""

    checked: Checked
    released: Released | None = None
    rolled: Rolled | None = None


def ship(
    workspace: Workspace,
    *,
    progress: Progress = silent,
    judged: Callable[[Checked], None] = lambda checked: None,
    sealed: Callable[[Released], None] = lambda released: None,
    look: Callable[[Any], None] = lambda look: None,
) -> Shipped:
    """Check; when it is a GO, seal; then move traffic step by step. The callbacks tell a door how far it is."""
    checked = check(workspace, progress=progress)
    judged(checked)
    if checked.verdict.decision is not Decision.GO:
        return Shipped(checked)
    released = release(workspace)
    sealed(released)
    reference = f"{workspace.project.system}@{released.release.version}"
    if workspace.registry().state().pointers.get((workspace.project.system, "production")) == released.release.version:
        raise ConflictError(f"{reference} is in production already: nothing that ships has changed.", hint="Train again, then ship.")
    return Shipped(checked, released, start(workspace, reference, look=look))
