"""`gonogo retrain`"""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.door import JSON, PROJECT, show_json, verb, words


@click.command("retrain", epilog='Example: gonogo retrain --reason "a year of new data"')
@click.option("--reason", default="by hand", show_default=True, help="why; it stays in the log")
@click.option("--status", is_flag=True, help="train nothing; show what asks for a training, and those that were made")
@PROJECT
@JSON
@verb
def command(reason: str, status: bool, project: Path, as_json: bool) -> None:
    """Run the training of the project once, on the record. What comes of it is a candidate for the gate; nothing is promoted."""
    from gonogo.operations.retrain import retrain, retraining
    from gonogo.operations.workspace import Workspace

    workspace = Workspace.open(project)
    if status:
        document = retraining(workspace, workspace.clock.now())
        if as_json:
            show_json(document)
            return
        asked = [f"  {one['cause']}: {one['words']}" for one in document["reasons"]]
        click.echo(words("\n".join(["asked for:", *asked] if asked else ["nothing asks for a training"])))
        for one in document["trainings"]:
            click.echo(words(f"{one['id']}  {one['state']:<8} {one.get('reason', '')}  {one.get('problem', '')}".rstrip()))
        return
    done = retrain(workspace, reason=reason)
    if as_json:
        show_json({"id": done.id, "seconds": done.seconds, "model": done.model, "changed": done.changed, "log": str(done.log)})
        return
    click.echo(f"{done.id}: trained in {done.seconds:.1f} s, log in {workspace.project.shown(done.log)}")
    click.echo(f"  candidate  {done.model}" if done.changed else "  the model is byte for byte the one before")
    click.echo("next: gonogo check")
