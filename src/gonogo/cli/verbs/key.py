"""`gonogo key new`, `gonogo key revoke`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gonogo.cli.door import JSON, PROJECT, show_json, verb

if TYPE_CHECKING:
    from gonogo.operations.key_change import ReplacedKey


@click.group("key")
def command() -> None:
    """Make key pairs (Ed25519), replace and revoke them."""


@command.command("new", epilog="Example: gonogo key new ana --role technical-lead")
@click.argument("name")
@click.option("--role", help="enter the person under `people:` of gonogo.yaml")
@click.option("--replace", is_flag=True, help="another key for a person of the project; signed with the old one when it is here")
@PROJECT
@JSON
@verb
def new(name: str, role: str | None, replace: bool, project: Path, as_json: bool) -> None:
    """Make NAME's key pair, or take the one you have: private half in your own folder, public half in the project."""
    from gonogo.errors import UsageError
    from gonogo.operations.key_change import key_replace
    from gonogo.operations.key_new import key_new
    from gonogo.operations.workspace import Workspace

    if replace:
        if role:
            raise UsageError("a replaced key keeps its roles.", hint="Leave --role out.")
        _replaced(key_replace(name, Workspace.open(project)), as_json)
        return
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


@command.command("revoke", epilog="Example: gonogo key revoke ana --reason 'laptop stolen'")
@click.argument("name")
@click.option("--reason", required=True, help="why; it stands in the log and in every refusal")
@PROJECT
@JSON
@verb
def revoke(name: str, reason: str, project: Path, as_json: bool) -> None:
    """Let NAME's key (or the key whose id begins so) count no more, for ever. Needs no signature: it only takes trust away."""
    from gonogo.operations.key_change import key_revoke
    from gonogo.operations.workspace import Workspace

    gone = key_revoke(name, Workspace.open(project), reason)
    if as_json:
        show_json({"name": gone.name, "key_id": gone.key_id, "reason": gone.reason})
        return
    click.echo(f"{gone.name}'s key {gone.key_id[:16]} is revoked: {gone.reason}")
    click.echo("Nothing is GO until a policy without it is signed; see docs/how-to-keys.md.")


def _replaced(made: ReplacedKey, as_json: bool) -> None:
    if as_json:
        show_json(
            {
                "name": made.name,
                "private": str(made.private),
                "public": [str(path) for path in made.public],
                "key_id": made.key_id,
                "kept": str(made.kept) if made.kept else None,
                "lacking": list(made.lacking),
            }
        )
        return
    click.echo(f"private  {made.private}   (yours alone; never commit it)")
    for path in made.public:
        click.echo(f"public   {path}")
    if made.kept:
        click.echo(f"the old private key is kept at {made.kept}")
    roles = " and ".join(made.lacking)
    click.echo(f"It counts once the policy is signed as {roles}: gonogo sign ROLE --policy" if made.lacking else "It counts from now on.")
