"""Where the negative control of a bundle is kept: what `prove` found, sealed, by the bundle's digest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gonogo.checklist.items import Checklist
from gonogo.errors import DataError, StorageError
from gonogo.evidence.sealed import SealedFolder
from gonogo.operations.workspace import Workspace

FORMAT = "gonogo-negative-control/1"


def keep_negative_control(workspace: Workspace, document: Mapping[str, Any]) -> None:
    """Keep a result, replacing that bundle's earlier one. Raises StorageError."""
    SealedFolder(workspace.negative_controls).write(_name(document["subject"]), document)


def kept_negative_control(workspace: Workspace, subject: str, checklist: Checklist) -> dict[str, Any] | None:
    """The result for a bundle under a checklist, or None. Raises DataError when the file cannot be believed."""
    name = _name(subject)
    try:
        found = SealedFolder(workspace.negative_controls).read(name)
        if found is not None and (found["format"], found["subject"]) != (FORMAT, subject):
            raise ValueError("it is of another bundle")
        current = found is not None and found["checklist"] == checklist.digest
    except (OSError, ValueError, KeyError, TypeError, StorageError) as error:
        raise DataError(f"the negative control {name} is not used: {error}.", hint="Run `gonogo check --prove` again.") from error
    return dict(found) if current else None


def _name(subject: str) -> str:
    return f"{subject.removeprefix('sha256:')}.json"
