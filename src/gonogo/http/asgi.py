"""A release of a project as ASGI application, for a server of one's own:

    GONOGO_PROJECT=path/to/project uvicorn --factory gonogo.http.asgi:application
    GONOGO_PROJECT=path/to/project GONOGO_REF=credit-risk@1.2.0 granian --interface asgi --factory gonogo.http.asgi:application

Each process serves one release, verified when it starts. Several releases at once, rollouts and swaps are what `gonogo serve` is for.
"""

from __future__ import annotations

from pathlib import Path

from gonogo import settings
from gonogo.service.door.asgi import AsgiApplication


def application() -> AsgiApplication:
    """The application for `GONOGO_REF`, by default what is in production in `GONOGO_PROJECT`, by default the working directory.

    Raises NotFoundError when there is no such release, VerificationError when it is not what was sealed.
    """
    from gonogo.operations.verify import verify_reference
    from gonogo.operations.workspace import Workspace
    from gonogo.service.answering.loading import served_bundle
    from gonogo.service.supervising.key_watch import KeyWatch

    workspace = Workspace.open(Path(settings.text("project")))
    verified = verify_reference(workspace, settings.text("ref") or f"{workspace.project.system}@production")
    served = served_bundle(f"{verified.system}@{verified.version}", verified.bundle, {"version": str(verified.version)})
    return AsgiApplication(served, keys=KeyWatch(workspace.service, "127.0.0.1", 1))
