"""`gonogo releases` and `gonogo show`: what there is, and all about one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gonogo.base.names import Ref
from gonogo.operations.workspace import Workspace
from gonogo.registry.fold import ReleaseEntry


@dataclass(frozen=True)
class Releases:
    """Releases of one system, oldest first; pointers by name."""

    system: str
    entries: Sequence[ReleaseEntry]
    pointers: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        entries = [
            {"version": str(e.version), "digest": e.digest, "verdict": e.verdict_digest, "sealed_at": e.sealed_at} for e in self.entries
        ]
        return {"system": self.system, "releases": entries, "pointers": dict(self.pointers)}


def releases(workspace: Workspace) -> Releases:
    state = workspace.registry().state()
    system = workspace.project.system
    entries = sorted((entry for entry in state.releases.values() if entry.system == system), key=lambda entry: entry.version)
    pointers = {name: str(version) for (owner, name), version in state.pointers.items() if owner == system}
    return Releases(system, entries, pointers)


def show(workspace: Workspace, reference: str) -> dict[str, Any]:
    """Everything about one release, verified first. Keys: release, digest, verdict, sealed, signed by, live, items."""
    from gonogo.operations.verify import verify_reference

    entry = workspace.registry().resolve(Ref.parse(reference))
    verified = verify_reference(workspace, f"{entry.system}@{entry.version}")
    history = [
        f"{move.time}  {move.pointer} by {move.actor}: {move.reason}"
        for move in workspace.registry().state().history
        if move.system == entry.system and str(move.version) == str(entry.version)
    ]
    return {
        "release": f"{entry.system}@{entry.version}",
        "digest": entry.digest,
        "verdict": entry.verdict_digest,
        "sealed": f"{entry.sealed_at} by {entry.actor}",
        "signed by": [f"{s.person} as {s.role} ({s.decision}, {s.time})" for s in verified.sign_offs],
        "pointer moves": history,
        "folder": str(verified.path),
    }
