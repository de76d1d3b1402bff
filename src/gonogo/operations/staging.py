"""`staging`: the pointer at the release that is looked at before it meets traffic. It moves no traffic."""

from __future__ import annotations

from gonogo import settings
from gonogo.base.names import Ref
from gonogo.operations.verify import verify_reference
from gonogo.operations.workspace import Workspace
from gonogo.registry.fold import ReleaseEntry


def stage(workspace: Workspace, reference: str, *, reason: str = "by hand") -> ReleaseEntry:
    """Put `staging` at a release, which is verified first; when it stands there already, nothing is done.

    Raises NotFoundError for a release that is not registered, VerificationError when it is not as it was sealed, or the log not as it was
    written, ConflictError when somebody else moves the pointer at the same time.
    """
    workspace.check_log()
    registry = workspace.registry()
    verify_reference(workspace, reference)
    entry = registry.resolve(Ref.parse(reference))
    stands = registry.state().pointers.get((entry.system, "staging"))
    if stands == entry.version:
        return entry
    return registry.move_pointer(
        entry.system,
        "staging",
        entry.version,
        verdict_digest=entry.verdict_digest,
        expected=stands,
        reason=reason[:200],
        actor=settings.actor(),
    )
