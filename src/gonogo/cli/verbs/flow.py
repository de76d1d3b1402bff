"""`gonogo flow`"""

from __future__ import annotations

import click

from gonogo.cli.door import JSON, show_json, verb


@click.command("flow", epilog="Example: gonogo flow")
@click.option("--markdown", is_flag=True, help="the whole map with what the stages stand on, as docs/map.md has it")
@JSON
@verb
def command(markdown: bool, as_json: bool) -> None:
    """Print the map: nine stages from a checklist to a watched service."""
    from gonogo.flow import ROOMS, STAGES

    if as_json:
        show_json({"stages": [{"name": s.name, "question": s.question, "takes": s.takes, "gives": s.gives} for s in STAGES]})
    elif markdown:
        click.echo("# The map\n\nMade by `gonogo flow --markdown` from `src/gonogo/flow.py`.")
        click.echo("A room imports only rooms above it; stages are bold.\n")
        click.echo("| room | asks | takes | gives |\n|---|---|---|---|")
        for room in ROOMS:
            name = f"**{room.name}**" if room.stage else room.name
            click.echo(f"| {name} | {room.question} | {room.takes} | {room.gives} |")
    else:
        for number, stage in enumerate(STAGES, start=1):
            name = click.style(f"{stage.name:<11}", bold=True)
            click.echo(f"{number}  {name} {stage.question:<24} {stage.takes:<30} → {stage.gives}")
