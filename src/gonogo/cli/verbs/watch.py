"""`gonogo watch`, `gonogo watch backtest`"""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import click

from gonogo.cli.door import JSON, PROJECT, paper, show_json, verb
from gonogo.errors import UsageError


@click.group("watch", invoke_without_command=True, epilog="Example: gonogo watch --every 5")
@click.option("--once", is_flag=True, help="show them once")
@click.option("--every", type=click.FloatRange(min=0.5), default=2.0, show_default=True, help="seconds between looks")
@PROJECT
@JSON
@click.pass_context
@verb
def command(context: click.Context, once: bool, every: float, project: Path, as_json: bool) -> None:
    """Show the signals and alarms of the running service as they change. The service itself watches all the time."""
    if context.invoked_subcommand:
        return
    from gonogo.operations.alarms import rules_in_force
    from gonogo.operations.status import status
    from gonogo.operations.workspace import Workspace
    from gonogo.reports.status import WIDTH, render_signals_text

    workspace = Workspace.open(project)
    rules_in_force(workspace)
    while True:
        document = status(workspace)
        if as_json:
            show_json({"time": document["time"], "watch": document["watch"], "signals": document["signals"], "alarms": document["alarms"]})
        else:
            if not once:
                click.clear()
            click.echo(render_signals_text(document, paper(WIDTH)))
        if once or as_json:
            return
        time.sleep(every)


@command.command("backtest", epilog="Example: gonogo watch backtest --since 7d --policy other/gonogo.yaml")
@click.option("--since", default="7d", show_default=True, metavar="TIME", help='how far back: "36h", "7d"')
@click.option("--policy", type=click.Path(path_type=Path), help="another project file, whose pack and rules are replayed instead")
@PROJECT
@JSON
@verb
def backtest(since: str, policy: Path | None, project: Path, as_json: bool) -> None:
    """Replay the rules over what was counted: when each would have rung, and how often that is in 30 days."""
    from gonogo.checklist.quantities import duration
    from gonogo.operations.backtest import replay_rules
    from gonogo.operations.workspace import Workspace
    from gonogo.reports.backtest import render_backtest_text

    try:
        back = timedelta(seconds=duration(since))
        if back <= timedelta(0):
            raise ValueError(since)
    except (KeyError, ValueError, OverflowError):
        raise UsageError(f"{since!r} is no length of time.", hint='Write a number and a unit: "36h", "7d".') from None
    record = replay_rules(Workspace.open(project), back, policy)
    if as_json:
        show_json(record)
    else:
        click.echo(render_backtest_text(record))
