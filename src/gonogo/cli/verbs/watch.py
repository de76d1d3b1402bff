"""`gonogo watch`"""

from __future__ import annotations

import time
from pathlib import Path

import click

from gonogo.cli.door import JSON, PROJECT, paper, show_json, verb


@click.command("watch", epilog="Example: gonogo watch --every 5")
@click.option("--once", is_flag=True, help="show them once")
@click.option("--every", type=click.FloatRange(min=0.5), default=2.0, show_default=True, help="seconds between looks")
@PROJECT
@JSON
@verb
def command(once: bool, every: float, project: Path, as_json: bool) -> None:
    """Show the signals and alarms of the running service as they change. The service itself watches all the time."""
    from gonogo.operations.status import status
    from gonogo.operations.workspace import Workspace
    from gonogo.reports.status import WIDTH, render_signals_text

    workspace = Workspace.open(project)
    while True:
        document = status(workspace)
        if as_json:
            show_json({"time": document["time"], "signals": document["signals"], "alarms": document["alarms"]})
        else:
            if not once:
                click.clear()
            click.echo(render_signals_text(document, paper(WIDTH)))
        if once or as_json:
            return
        time.sleep(every)
