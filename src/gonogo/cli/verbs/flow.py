"""`gonogo flow`"""

from __future__ import annotations

import click

from gonogo.cli.door import JSON, show_json, verb


@click.command("flow", epilog="Example: gonogo flow")
@JSON
@verb
def command(as_json: bool) -> None:
    """Print the map: nine stages from a checklist to a watched service."""
    from gonogo.flow import STAGES

    if as_json:
        show_json({"stages": [{"name": s.name, "question": s.question, "takes": s.takes, "gives": s.gives} for s in STAGES]})
        return
    for number, stage in enumerate(STAGES, start=1):
        name = click.style(f"{stage.name:<11}", bold=True)
        click.echo(f"{number}  {name} {stage.question:<24} {stage.takes:<30} → {stage.gives}")
