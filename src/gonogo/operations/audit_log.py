"""`gonogo log`: the audit log, and the proof that nobody has edited, cut or reordered it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gonogo.base.files import storage
from gonogo.operations.workspace import Workspace
from gonogo.registry.event import Anchor, Event, verify_chain


@dataclass(frozen=True)
class Log:
    """Events in order, of `total` in all. `problems` is None when the chain was not verified, empty when it is whole."""

    events: Sequence[Event]
    problems: Sequence[str] | None
    total: int


def audit_log(workspace: Workspace, *, verify: bool = False, last: int | None = None, anchor: Path | None = None) -> Log:
    """The log; with `verify` also what is wrong with it. A copy of `anchor.json` that was kept elsewhere shows, in addition, whether the
    whole store was taken back to an older state. Raises VerificationError for a file that is no anchor."""
    store = workspace.store()
    events = list(store.events())
    problems = list(store.verify_chain(workspace.public_key()).problems) if verify or anchor else None
    if anchor is not None and problems is not None:
        with storage(anchor, "read"):
            kept = Anchor.from_bytes(anchor.read_bytes())
        problems += [one for one in verify_chain(events, kept, workspace.public_key()).problems if one not in problems]
    return Log(events[-last:] if last else events, problems, len(events))
