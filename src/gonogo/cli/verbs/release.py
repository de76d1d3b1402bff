"""`gonogo release`"""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.door import JSON, PROJECT, show_json, verb


@click.command("release", epilog="Example: gonogo release")
@click.option("--version", "version", default="auto", show_default=True, help="three numbers, or auto: decided by what changed")
@PROJECT
@JSON
@verb
def command(version: str, project: Path, as_json: bool) -> None:
    """Seal what has a GO into a signed release: a folder and a .tar.gz. Refused without a GO for the files as they are now."""
    from gonogo.operations.release import release
    from gonogo.operations.workspace import Workspace

    done = release(Workspace.open(project), version=version)
    sealed = done.release
    if as_json:
        document = {"system": sealed.system, "version": str(sealed.version), "digest": sealed.digest}
        show_json(document | {"folder": str(sealed.path), "archive": str(done.archive), "known": done.known})
        return
    click.echo(f"{sealed.system}@{sealed.version} {'had been sealed before' if done.known else 'sealed'}")
    click.echo(f"  bundle   {sealed.digest}\n  folder   {sealed.path}\n  archive  {done.archive}")
