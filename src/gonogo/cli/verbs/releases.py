"""`gonogo releases`"""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.door import JSON, PROJECT, show_json, verb


@click.command("releases", epilog="Example: gonogo releases")
@PROJECT
@JSON
@verb
def command(project: Path, as_json: bool) -> None:
    """List the releases and where the pointers stand."""
    from gonogo.operations.releases import releases
    from gonogo.operations.workspace import Workspace

    listed = releases(Workspace.open(project))
    if as_json:
        show_json(listed.to_json())
        return
    if not listed.entries:
        click.echo("There is no release yet. `gonogo check`, then `gonogo release`.")
    for entry in listed.entries:
        marks = " ".join(click.style(f"◀ {name}", fg="green") for name, version in listed.pointers.items() if version == str(entry.version))
        click.echo(f"{click.style(str(entry.version), bold=True):<18} {entry.digest[:19]}…  {entry.sealed_at}  {marks}")
