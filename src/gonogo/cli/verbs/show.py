"""`gonogo show`"""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.door import JSON, PROJECT, show_json, verb


@click.command("show", epilog="Example: gonogo show credit-risk@production")
@click.argument("reference", metavar="REF")
@PROJECT
@JSON
@verb
def command(reference: str, project: Path, as_json: bool) -> None:
    """Show one release: what it is, on what evidence, who signed, when it was live."""
    from gonogo.operations.releases import show
    from gonogo.operations.workspace import Workspace

    shown = show(Workspace.open(project), reference)
    if as_json:
        show_json(shown)
        return
    width = max(len(key) for key in shown)
    for key, value in shown.items():
        if isinstance(value, list):
            click.echo(f"{key:<{width}}  " + (f"\n{'':<{width}}  ".join(str(line) for line in value) or "-"))
        else:
            click.echo(f"{key:<{width}}  {value}")
