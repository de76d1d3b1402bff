"""`gonogo apikey new`, `list`, `rotate`, `revoke`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gonogo.cli.door import JSON, PROJECT, show_json, verb

if TYPE_CHECKING:
    from gonogo.operations.api_keys import MadeKey
    from gonogo.service.callers.api_keys import ApiKey

OUT = click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="write the key to this new file (0600) instead of showing it"
)


@click.group("apikey")
def command() -> None:
    """Make, list, rotate and revoke the API keys of the service. A running service hears of a change within a second."""


@command.command("new", epilog="Example: gonogo apikey new billing --role reader --days 90")
@click.argument("name")
@click.option("--role", required=True, help="reader: predict and read pages; operator: and load releases; admin: everything")
@click.option("--days", type=click.FloatRange(min=0, min_open=True, max=36500), help="how long it lives; default: until it is revoked")
@OUT
@PROJECT
@JSON
@verb
def new(name: str, role: str, days: float | None, out: Path | None, project: Path, as_json: bool) -> None:
    """Make a key for NAME. Its text is shown once, and kept nowhere."""
    from gonogo.operations.api_keys import api_key_new
    from gonogo.operations.workspace import Workspace

    _show(api_key_new(Workspace.open(project), name, role, days=days, out=out), as_json)


@command.command("rotate", epilog="Example: gonogo apikey rotate billing --overlap 48")
@click.argument("name")
@click.option(
    "--overlap", type=click.FloatRange(min=0, max=8784), default=24.0, show_default=True, help="hours for which the old key works, too"
)
@OUT
@PROJECT
@JSON
@verb
def rotate(name: str, overlap: float, out: Path | None, project: Path, as_json: bool) -> None:
    """Make another key for NAME, of the same role and lifetime. Both work for the overlap, then the old one ends."""
    from datetime import timedelta

    from gonogo.operations.api_keys import api_key_rotate
    from gonogo.operations.workspace import Workspace

    _show(api_key_rotate(Workspace.open(project), name, overlap=timedelta(hours=overlap), out=out), as_json)


@command.command("revoke", epilog="Example: gonogo apikey revoke billing")
@click.argument("name")
@PROJECT
@JSON
@verb
def revoke(name: str, project: Path, as_json: bool) -> None:
    """Refuse every key of NAME from now on, for ever."""
    from gonogo.operations.api_keys import api_key_revoke
    from gonogo.operations.workspace import Workspace

    gone = api_key_revoke(Workspace.open(project), name)
    if as_json:
        show_json({"name": name, "revoked": [key.id for key in gone]})
    else:
        click.echo(
            f"{name}: {'the key' if len(gone) == 1 else f'{len(gone)} keys'} {', '.join(key.id for key in gone)} refused from now on"
        )


@command.command("list", epilog="Example: gonogo apikey list")
@PROJECT
@JSON
@verb
def listing(project: Path, as_json: bool) -> None:
    """List all keys there ever were: name, role, state, never the secret."""
    from gonogo.operations.api_keys import api_keys
    from gonogo.operations.workspace import Workspace

    listed = api_keys(Workspace.open(project))
    if as_json:
        show_json({"keys": [_document(one.key) | {"state": one.state} for one in listed]})
        return
    if not listed:
        click.echo("There is no API key: on this machine the service answers everybody, elsewhere it does not start.")
    for one in listed:
        key = one.key
        ends = f"revoked {key.revoked}" if key.revoked else f"until {key.expires}" if key.expires else "until revoked"
        colour = "green" if one.state == "live" else "red"
        click.echo(f"{key.name:<20} {key.role:<9} {click.style(f'{one.state:<8}', fg=colour)} {key.id}  made {key.created}  {ends}")


def _show(made: MadeKey, as_json: bool) -> None:
    if as_json:
        secret = {"key": made.text} if made.out is None else {"out": str(made.out)}
        show_json(_document(made.key) | secret | {"old_until": made.until})
        return
    click.echo(made.text if made.out is None else f"{made.key.name}'s key is in {made.out}")
    if made.out is None:
        click.echo("This is the only time it is shown. Send it as `authorization: Bearer KEY` or `x-api-key: KEY`.", err=True)
    if made.until:
        click.echo(f"The old key works until {made.until}.", err=True)


def _document(key: ApiKey) -> dict[str, Any]:
    return {"name": key.name, "role": key.role, "id": key.id, "created": key.created, "expires": key.expires, "revoked": key.revoked}
