"""`gonogo render`: files for operators, from the project as it is."""

from __future__ import annotations

import shutil
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from gonogo import settings
from gonogo.base.files import write_atomic
from gonogo.errors import GonogoError, UsageError
from gonogo.operations.workspace import Workspace
from gonogo.release.bundle import find_bundle
from gonogo.reports.deployment import Deployment, render_deployment, render_schedule


def render(
    workspace: Workspace,
    kind: str,
    *,
    port: int = 8400,
    public_port: int = 443,
    server_name: str = "localhost",
    certificate: Path | None = None,
    certificate_key: Path | None = None,
    user: str = "",
) -> tuple[str, str]:
    """Name and text of one file. Raises UsageError when a value does not fit into such a file."""
    if (certificate is None) != (certificate_key is None):
        raise UsageError("a certificate and its key belong together.", hint="Add --certificate FILE --certificate-key FILE.")
    deployment = replace(
        _deployment(workspace, user),
        port=port,
        public_port=public_port,
        server_name=server_name,
        certificate=certificate.absolute() if certificate else None,
        certificate_key=certificate_key.absolute() if certificate_key else None,
    )
    return render_deployment(kind, deployment)


def schedule_files(workspace: Workspace, kind: str, *, user: str = "") -> dict[str, str]:
    """Files by name that have a host make the reviews that are due. Raises as `render`."""
    return render_schedule(kind, _deployment(workspace, user))


def _deployment(workspace: Workspace, user: str) -> Deployment:
    return Deployment(
        system=workspace.project.system,
        project=workspace.project.file.absolute(),
        store=workspace.path.absolute(),
        program=_program(),
        user=user or settings.actor(),
        owner=_owner(workspace.path),
        extras=_extras(workspace),
        width=_width(workspace),
    )


def write_rendered(folder: Path, name: str, text: str) -> Path:
    """Put a file into a folder; one that is there already with another text is not replaced. Raises UsageError."""
    path = folder / name
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise UsageError(f"{path} is there already and says something else.", hint="Move it away, or render into another folder.")
    write_atomic(path, text.encode())
    return path


def _owner(store: Path) -> str:
    """Who can read the store, whose files are for its owner alone: "uid:gid"."""
    found = next(path for path in (store, *store.parents) if path.exists()).stat()
    return f"{found.st_uid}:{found.st_gid}"


def _width(workspace: Workspace) -> int:
    """Of the candidate as it lies here, once it was measured."""
    with suppress(GonogoError):
        bundle = find_bundle(workspace.project)
        return bundle.schema.width if bundle is not None else 0
    return 0


def _program() -> Path:
    beside = Path(sys.executable).with_name("gonogo")
    found = str(beside) if beside.exists() else shutil.which("gonogo")
    if found is None:
        raise UsageError("the program `gonogo` is not on PATH.", hint="Install gonogo where this Python is.")
    return Path(found).absolute()


def _extras(workspace: Workspace) -> tuple[str, ...]:
    from gonogo.model.formats import EXTRAS, model_kind

    extra = EXTRAS.get(model_kind(workspace.project.model.path))
    return (extra,) if extra else ()
