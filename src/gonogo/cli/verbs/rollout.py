"""`gonogo rollout stage | start | status | pause | resume | promote | abort`"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gonogo.cli.door import JSON, PROJECT, show_json, verb
from gonogo.cli.looks import show_end, show_looks


@click.group("rollout")
def command() -> None:
    """Move traffic to a release in judged steps, and back by itself when it is worse."""


@command.command("stage", epilog="Example: gonogo rollout stage credit-risk@1.1.0")
@click.argument("reference", metavar="REF")
@click.option("--reason", default="by hand", show_default=True)
@PROJECT
@JSON
@verb
def stage(reference: str, reason: str, project: Path, as_json: bool) -> None:
    """Put the pointer `staging` at REF, to be looked at before it meets traffic: `SYSTEM@staging` names it then. No traffic moves."""
    from gonogo.operations.staging import stage as stage_release
    from gonogo.operations.workspace import Workspace

    entry = stage_release(Workspace.open(project), reference, reason=reason)
    if as_json:
        show_json({"release": entry.ref, "pointer": "staging"})
    else:
        click.echo(f"{entry.ref} stands at {entry.system}@staging")


@command.command("start", epilog="Example: gonogo rollout start credit-risk@1.1.0")
@click.argument("reference", metavar="REF")
@PROJECT
@JSON
@verb
def start(reference: str, project: Path, as_json: bool) -> None:
    """Start a rollout to REF and drive it to its end. Exit code 0 when it completed, 1 when it was taken back."""
    from gonogo.operations.rollout import start as start_rollout
    from gonogo.operations.workspace import Workspace

    with show_looks(as_json) as look:
        rolled = start_rollout(Workspace.open(project), reference, look=look)
    sys.exit(show_end(rolled, as_json))


@command.command("resume", epilog="Example: gonogo rollout resume")
@click.option("--take-over", is_flag=True, help="replace a controller that still holds the rollout")
@PROJECT
@JSON
@verb
def resume(take_over: bool, project: Path, as_json: bool) -> None:
    """Go on with a paused rollout, or with one whose controller died."""
    from gonogo.operations.rollout import resume as resume_rollout
    from gonogo.operations.workspace import Workspace

    with show_looks(as_json) as look:
        rolled = resume_rollout(Workspace.open(project), take_over=take_over, look=look)
    sys.exit(show_end(rolled, as_json))


@command.command("abort", epilog="Example: gonogo rollout abort --reason 'wrong release'")
@click.option("--reason", default="asked to", show_default=True)
@PROJECT
@JSON
@verb
def abort(reason: str, project: Path, as_json: bool) -> None:
    """Stop and go back. Accepted in every state; wins over everything."""
    from gonogo.operations.rollout import abort as abort_rollout
    from gonogo.operations.workspace import Workspace

    with show_looks(as_json) as look:
        rolled = abort_rollout(Workspace.open(project), reason=reason, look=look)
    show_end(rolled, as_json)


@command.command("pause", epilog="Example: gonogo rollout pause --reason 'looking at scores'")
@click.option("--reason", default="asked to", show_default=True)
@PROJECT
@JSON
@verb
def pause(reason: str, project: Path, as_json: bool) -> None:
    """Stay at the present share. What protects goes on: a failing release is still taken back."""
    from gonogo.operations.rollout import pause as pause_rollout
    from gonogo.operations.workspace import Workspace

    _told(pause_rollout(Workspace.open(project), reason=reason), as_json)


@command.command("promote", epilog="Example: gonogo rollout promote --reason 'verified by hand'")
@click.option("--reason", default="asked to", show_default=True)
@PROJECT
@JSON
@verb
def promote(reason: str, project: Path, as_json: bool) -> None:
    """Go from a stage under analysis to 100 %, past the steps that are left, without the judge; recorded as your decision."""
    from gonogo.operations.rollout import promote as promote_rollout
    from gonogo.operations.workspace import Workspace

    _told(promote_rollout(Workspace.open(project), reason=reason), as_json)


@command.command("status", epilog="Example: gonogo rollout status")
@PROJECT
@JSON
@verb
def status(project: Path, as_json: bool) -> None:
    """Show the newest rollout: where it is, its shares, its e-values."""
    from gonogo.operations.rollout import view
    from gonogo.operations.workspace import Workspace
    from gonogo.reports.rollout import render_rollout_text

    rollout = view(Workspace.open(project))
    if as_json:
        show_json(rollout)
    else:
        click.echo(render_rollout_text(rollout) if rollout else "There has been no rollout.")


def _told(document: dict[str, object], as_json: bool) -> None:
    if as_json:
        show_json(document)
    else:
        click.echo(f"{document['verb']}: told to the rollout of {document['new']} ({document['state']})")
