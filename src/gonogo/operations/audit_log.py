"""`gonogo log`: the audit log, and the proof that nobody has edited, cut or reordered it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gonogo.operations.workspace import Workspace
from gonogo.registry.event import Event


@dataclass(frozen=True)
class Log:
    """Events in order, of `total` in all. `problems` is None when the chain was not verified, empty when it is whole."""

    events: Sequence[Event]
    problems: Sequence[str] | None
    total: int


def audit_log(workspace: Workspace, *, verify: bool = False, last: int | None = None) -> Log:
    store = workspace.store()
    problems = list(store.verify_chain(workspace.public_key()).problems) if verify else None
    events = list(store.events())
    return Log(events[-last:] if last else events, problems, len(events))
