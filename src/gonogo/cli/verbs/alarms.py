"""`gonogo alarms`"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gonogo.cli.door import JSON, PROJECT, paper, show_json, verb

COLORS = {"FIRING": "red", "PENDING": "yellow", "UNKNOWN": "yellow", "RECOVERING": "yellow", "OK": "green"}


@click.command("alarms", epilog="Example: gonogo alarms")
@PROJECT
@JSON
@verb
def command(project: Path, as_json: bool) -> None:
    """List the alarms. Exit code 1 when one is ringing."""
    from gonogo.operations.status import status
    from gonogo.operations.workspace import Workspace
    from gonogo.reports.status import WIDTH, render_alarms_text

    alarms = status(Workspace.open(project))["alarms"]
    if as_json:
        show_json({"alarms": alarms})
    elif not alarms:
        click.echo("No rule has been evaluated yet: is the service running?")
    else:
        for line in render_alarms_text(alarms, paper(WIDTH)).splitlines():
            state, space, rest = line.partition(" ")
            click.echo(click.style(state, fg=COLORS.get(state)) + space + rest)
    sys.exit(1 if any(alarm["ringing"] for alarm in alarms) else 0)
