"""`gonogo channels`, `gonogo channels test`"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gonogo.cli.door import JSON, PROJECT, show_json, verb, words


@click.group("channels", invoke_without_command=True, epilog="Example: gonogo channels")
@PROJECT
@JSON
@click.pass_context
@verb
def command(context: click.Context, project: Path, as_json: bool) -> None:
    """Show where alarms are told, and how each channel fares; with `test`, try them."""
    if context.invoked_subcommand is not None:
        return
    from gonogo.operations.channels import show_channels
    from gonogo.operations.workspace import Workspace

    shown = show_channels(Workspace.open(project))
    if as_json:
        show_json(shown)
        return
    for row in shown["channels"]:
        faring = "nobody has watched yet" if row["waiting"] is None else f"{row['waiting']} waiting" if row["waiting"] else "all told"
        click.echo(f"{row['name']:<16} {row['channel']:<13} {', '.join(row['levels']):<24} {faring}")
        if row["problem"]:
            click.secho(f"  {row['failures']} times in a row: {words(row['problem'])}", fg="red")
        for option, place in row["secrets"].items():
            click.echo(f"  {option} from {words(place)}")
    for entry in shown["given_up"]:
        click.secho(f"never told {entry['channel']}: {words(entry['notice'])}: {words(entry['problem'])}", fg="red")
    if shown["nobody"]:
        click.echo(f"No channel is told of what is {' or '.join(shown['nobody'])}; `gonogo alarms` and the dashboard show it.")


@command.command("test", epilog="Example: gonogo channels test slack")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@PROJECT
@JSON
@verb
def test(names: tuple[str, ...], project: Path, as_json: bool) -> None:
    """Tell the named channels, or all of them, that this is a test. Exit code 1 when one does not take it."""
    from gonogo.operations.channels import try_channels
    from gonogo.operations.workspace import Workspace

    tried = try_channels(Workspace.open(project), names)
    if as_json:
        show_json({"channels": tried})
    else:
        for one in tried:
            click.secho(f"{one['name']:<16} {words(one['problem']) or 'told'}", fg="red" if one["problem"] else "green")
    sys.exit(1 if any(one["problem"] for one in tried) else 0)
