"""`gonogo rollback`"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gonogo.cli.door import JSON, PROJECT, verb
from gonogo.cli.looks import show_end


@click.command("rollback", epilog="Example: gonogo rollback --reason 'scores look wrong'")
@click.option("--to", "to", metavar="REF", help="which release [default: the one that was live before; again: the one before that]")
@click.option("--reason", default="asked to", show_default=True)
@PROJECT
@JSON
@verb
def command(to: str | None, reason: str, project: Path, as_json: bool) -> None:
    """Go back to the previous release, now: a routing flip to processes that are still warm. Aborts a rollout that is under way; an
    experiment ends with `gonogo experiment end`."""
    from gonogo.operations.rollback import rollback
    from gonogo.operations.workspace import Workspace

    sys.exit(show_end(rollback(Workspace.open(project), to=to, reason=reason), as_json))
