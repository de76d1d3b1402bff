"""`gonogo verify`: check a release with a public key alone, or a reference with the store's own."""

from __future__ import annotations

from pathlib import Path

from gonogo.base.names import Ref
from gonogo.errors import NotFoundError, UsageError, VerificationError
from gonogo.operations.workspace import Workspace
from gonogo.release.verify import VerifiedRelease
from gonogo.release.verify import verify as verify_release
from gonogo.trust.keys import PublicKey


def verify(what: str, *, key: Path | None, project: Path) -> VerifiedRelease:
    """Verify a folder or archive (with `key`), or a reference of this project (key optional).

    Raises VerificationError naming every file that is not as it was sealed.
    """
    path = Path(what)
    if path.exists():
        if key is None:
            raise UsageError(
                f"{what} is a path, so the public key must be named.", hint="Add --key store.pub (from the one who sealed it)."
            )
        return verify_release(path, PublicKey.load(key))
    if "@" not in what:
        raise NotFoundError(f"there is nothing at {what}.", hint="Give a release folder, a .tar.gz, or system@version.")
    return verify_reference(Workspace.open(project), what, key=PublicKey.load(key) if key else None)


def verify_reference(workspace: Workspace, reference: str, *, key: PublicKey | None = None) -> VerifiedRelease:
    """Verify a release of this store, by default with the store's own key; it must be the very release that the registry knows."""
    registry = workspace.registry()
    entry = registry.resolve(Ref.parse(reference))
    verified = verify_release(registry.place(entry), key or workspace.public_key())
    if verified.release_digest != entry.release_digest:
        raise VerificationError(f"{reference}: the folder holds another release than the registry knows.", hint="Restore it from a backup.")
    return verified
