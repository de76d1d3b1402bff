"""`gonogo alarms`: list, `silence`, `unsilence`, `ack`, `explain`"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gonogo.cli.door import JSON, PROJECT, paper, show_json, verb, words

if TYPE_CHECKING:
    from gonogo.operations.alarms import Explained

COLORS = {"FIRING": "red", "PENDING": "yellow", "UNKNOWN": "yellow", "RECOVERING": "yellow", "OK": "green"}


@click.group("alarms", invoke_without_command=True, epilog="Example: gonogo alarms explain drift")
@PROJECT
@JSON
@click.pass_context
@verb
def command(context: click.Context, project: Path, as_json: bool) -> None:
    """List the alarms, and the silences that hold. Exit code 1 when one is ringing, or when nobody watches."""
    if context.invoked_subcommand:
        return
    from gonogo.operations.alarms import rules_in_force, silences
    from gonogo.operations.status import status
    from gonogo.operations.workspace import Workspace
    from gonogo.reports.status import WIDTH, render_alarms_text, unwatched_text

    workspace = Workspace.open(project)
    rules_in_force(workspace)  # a mistake in them is told here, not only when the service starts
    seen, quiet = status(workspace), silences(workspace)
    alarms, unwatched = seen["alarms"], unwatched_text(seen)
    if as_json:
        show_json({"alarms": alarms, "silences": [silence.to_json() for silence in quiet], "watch": seen["watch"]})
    else:
        if unwatched:
            click.secho(f"WATCH       {unwatched}", fg="red")
        elif not alarms:
            click.echo("No rule has been evaluated yet.")
        for line in render_alarms_text(alarms, paper(WIDTH)).splitlines():
            state, space, rest = line.partition(" ")
            click.echo(click.style(state, fg=COLORS.get(state)) + space + rest)
    for silence in () if as_json else quiet:
        of = "".join(f" {name}={value}" for name, value in silence.labels.items())
        click.echo(words(f"SILENCE     {silence.id} {silence.rule}{of} until {silence.until}, by {silence.by}: {silence.reason}"))
    sys.exit(1 if unwatched or any(alarm["ringing"] for alarm in alarms) else 0)


@command.command("silence", epilog='Example: gonogo alarms silence drift --hours 2 --reason "the source is mended until noon"')
@click.argument("name", metavar="ALARM-or-all")
@click.option("--hours", type=click.FloatRange(min=0, min_open=True, max=720), required=True, help="when it ends by itself")
@click.option("--reason", required=True, help="why nobody needs to hear of it")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="only what carries this label (repeatable): feature=age")
@PROJECT
@JSON
@verb
def silence(name: str, hours: float, reason: str, labels: tuple[str, ...], project: Path, as_json: bool) -> None:
    """Tell nobody of an alarm for a while. It is judged, shown and recorded all the same; what rings on when it ends is told then."""
    from gonogo.errors import UsageError
    from gonogo.operations import alarms
    from gonogo.operations.workspace import Workspace

    wrong = [label for label in labels if "=" not in label]
    if wrong:
        raise UsageError(f"{wrong[0]!r} is no label.", hint="Write --label feature=age")
    chosen = dict(label.split("=", 1) for label in labels)
    workspace = Workspace.open(project)
    made = alarms.silence(workspace, name, hours=hours, reason=reason, labels=chosen)
    if as_json:
        show_json(made.to_json())
    else:
        click.echo(f"{made.rule} is silent until {made.until} (end it: gonogo alarms unsilence {made.id})")
        if not alarms.silenced(workspace, made):
            click.echo("note: no alarm that there is now is silenced by it; `gonogo alarms --json` shows their labels", err=True)


@command.command("unsilence", epilog="Example: gonogo alarms unsilence 3f9c2a10")
@click.argument("silence_id", metavar="ID")
@PROJECT
@JSON
@verb
def unsilence(silence_id: str, project: Path, as_json: bool) -> None:
    """End a silence now."""
    from gonogo.operations import alarms
    from gonogo.operations.workspace import Workspace

    ended = alarms.unsilence(Workspace.open(project), silence_id)
    if as_json:
        show_json(ended.to_json())
    else:
        click.echo(f"{ended.rule} is heard again")


@command.command("ack", epilog='Example: gonogo alarms ack drift --note "looking at the weather feed"')
@click.argument("name", metavar="ALARM-or-KEY")
@click.option("--note", default="", help="what you are doing about it")
@PROJECT
@JSON
@verb
def ack(name: str, note: str, project: Path, as_json: bool) -> None:
    """Say that you look after an alarm that rings: nobody else is asked, and it is not told again until it is over."""
    from gonogo.operations.alarms import acknowledge
    from gonogo.operations.workspace import Workspace

    made = acknowledge(Workspace.open(project), name, note=note)
    if as_json:
        show_json({"acknowledged": [asdict(one) for one in made]})
    else:
        for one in made:
            click.echo(words(f"{one.key}: {one.by} looks after it"))


@command.command("explain", epilog="Example: gonogo alarms explain drift")
@click.argument("name", metavar="ALARM")
@PROJECT
@JSON
@verb
def explain(name: str, project: Path, as_json: bool) -> None:
    """Say all about one alarm: when it rings, how often for nothing, how it stands, and what to do."""
    from gonogo.operations.alarms import explain_alarm
    from gonogo.operations.workspace import Workspace

    explained = explain_alarm(Workspace.open(project), name)
    if as_json:
        show_json(_document(explained))
    else:
        _show(explained)


def _document(explained: Explained) -> dict[str, Any]:
    return {
        "rule": asdict(explained.rule),
        "overrides": list(explained.overrides),
        "false_alarms_a_month": explained.false_alarms,
        "then": explained.then,
        "alarms": [dict(alarm) for alarm in explained.alarms],
        "runbook": explained.page,
        "own_runbook": explained.section,
    }


def _show(explained: Explained) -> None:
    from gonogo.reports.status import answered_text

    rule = explained.rule
    click.secho(rule.name, bold=True)
    click.echo(words(f"  {rule.words}" + (f"; {', '.join(rule.rows)}" if rule.rows else "")))
    for change in explained.overrides:
        click.secho(words(f"  ! otherwise than the pack: {change}"), fg="yellow")
    if explained.false_alarms is not None:
        click.echo(f"  with nothing wrong it rings {explained.false_alarms:.2g} times in 30 days, at {rule.min_n} samples a window")
    if explained.then:
        click.echo(words(f"  {explained.then}"))
    for alarm in explained.alarms:
        click.echo(words(f"  {alarm['state']}  {alarm['text']}{answered_text(alarm)}"))
    for text in (explained.page, explained.section):
        for line in ("", *text.splitlines()) if text else ():
            click.echo(words(line))
