"""`gonogo key new`"""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.door import JSON, PROJECT, show_json, verb


@click.group("key")
def command() -> None:
    """Make key pairs (Ed25519)."""


@command.command("new", epilog="Example: gonogo key new ana --role technical-lead")
@click.argument("name")
@click.option("--role", help="enter the person under `people:` of gonogo.yaml")
@PROJECT
@JSON
@verb
def new(name: str, role: str | None, project: Path, as_json: bool) -> None:
    """Make NAME's key pair, or take the one you have: private half in your own folder, public half in the project."""
    from gonogo.operations.key_new import key_new

    made = key_new(name, project, role=role)
    if as_json:
        show_json(
            {
                "name": name,
                "private": str(made.private),
                "public": str(made.public),
                "key_id": made.key_id,
                "added": made.added,
                "reused": made.reused,
            }
        )
        return
    whose = "yours already, from an earlier project" if made.reused else "yours alone; never commit it"
    click.echo(f"private  {made.private}   ({whose})\npublic   {made.public}")
    click.echo(f"gonogo.yaml now has: {made.entry}" if made.added else f"Add to gonogo.yaml under people:  {made.entry}")
