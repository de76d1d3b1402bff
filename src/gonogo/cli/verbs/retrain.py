"""`gonogo retrain`"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gonogo.cli.door import JSON, PROJECT, progress, redraw, show_json, verb, words

if TYPE_CHECKING:
    from gonogo.operations.promotion import Retrained


@click.command("retrain", epilog='Example: gonogo retrain --reason "a year of new data"')
@click.option("--reason", default="by hand", show_default=True, help="why; it stays in the log")
@click.option("--resume", "go_on", is_flag=True, help="go on with the last one: after its last whole step, or once it is signed for")
@click.option("--put-back", "back", is_flag=True, help="train nothing; put back the files as they were before the last one")
@click.option("--status", is_flag=True, help="train nothing; show what asks for a training, and those that were made")
@PROJECT
@JSON
@verb
def command(reason: str, go_on: bool, back: bool, status: bool, project: Path, as_json: bool) -> None:
    """Run the training of the project, step by step, and take the new model as far as it goes: compared with the one in production, judged
    by the gate, released, and put at `staging`. Exit code 0 when it is where `retrain.then` wants it, 1 when it stopped before."""
    from gonogo.cli.looks import show_looks
    from gonogo.errors import UsageError
    from gonogo.operations.promotion import Doors
    from gonogo.operations.retrain import resume, retrain, take_back
    from gonogo.operations.workspace import Workspace

    if go_on + back + status > 1:
        raise UsageError("--resume, --put-back and --status do not go together.")
    workspace = Workspace.open(project)
    if status:
        _status(workspace, as_json)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # whoever ends us ends the training, too
    if back:
        name, changed = take_back(workspace)
        if as_json:
            show_json({"id": name, "put_back": changed})
        else:
            click.echo(words(f"{name}: put back {', '.join(changed) if changed else 'nothing: all is as it was before'}"))
        return
    with show_looks(as_json) as look:
        doors = Doors(told=_told(as_json), progress=progress(as_json), look=look)
        done = resume(workspace, doors=doors) if go_on else retrain(workspace, reason=reason, doors=doors)
    _show(done, as_json)
    sys.exit(0 if done.arrived else 1)


def _told(as_json: bool) -> Any:
    """One line for each step; on a terminal, what it says meanwhile, drawn over."""
    if as_json:
        return lambda step, said: None
    live = sys.stdout.isatty()

    def told(step: str, said: str) -> None:
        if said.startswith("done in ") or said == "is whole already":
            if live:
                redraw("")
            click.echo(words(f"{step:<9} {said}"))
        elif live:
            redraw(words(f"{step:<9} {said}"))

    return told


def _show(done: Retrained, as_json: bool) -> None:
    if as_json:
        keys = ("id", "seconds", "model", "changed", "outcome", "version", "comparison", "arrived", "next")
        show_json({**{key: getattr(done, key) for key in keys}, "words": list(done.words), "folder": str(done.folder)})
        return
    click.echo(f"{done.id}: {click.style(done.outcome, fg='green' if done.arrived else 'yellow')}")
    for line in done.words:
        click.echo(words(f"  {line}"))
    if done.next:
        click.echo(f"next: {done.next}")


def _status(workspace: Any, as_json: bool) -> None:
    from gonogo.operations.trainings import retraining

    document = retraining(workspace, workspace.clock.now())
    if as_json:
        show_json(document)
        return
    click.echo("asked for:" if document["reasons"] else "nothing asks for a training")
    for one in document["reasons"]:
        click.echo(words(f"  {one['cause']}: {one['words']}"))
    for one in document["trainings"]:
        said = one.get("outcome") or one["state"]
        click.echo(words(f"{one['id']}  {said:<10} {one['reason']}  {one.get('problem', '')}".rstrip()))
        for step in one["steps"]:
            took = f"{step['seconds']:.1f} s" if "seconds" in step else ""
            click.echo(words(f"  {step['step']:<9} {step['state']:<8} {took}{step.get('problem', '')}".rstrip()))
