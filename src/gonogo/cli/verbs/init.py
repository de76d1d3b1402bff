"""`gonogo init`"""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.door import JSON, show_json, verb


@click.command("init", epilog="Example: gonogo init --target churn")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True), default=Path())
@click.option("--pack", default="starter", show_default=True, help="a pack of `gonogo packs`, or a path")
@click.option("--system", help="name of the system [default: the folder's]")
@click.option("--model", type=click.Path(path_type=Path), help="the model file, if there are several")
@click.option("--target", help="the column to predict")
@click.option("--time", "time_column", help="the column that orders the rows")
@JSON
@verb
def command(
    folder: Path, pack: str, system: str | None, model: Path | None, target: str | None, time_column: str | None, as_json: bool
) -> None:
    """Write a gonogo.yaml for a FOLDER that holds a model and tables."""
    from gonogo.operations.init import init

    written = init(folder, pack=pack, system=system, model=model, target=target, time=time_column)
    if as_json:
        show_json({"file": str(written.file), "system": written.system, "found": written.found, "notes": list(written.notes)})
        return
    click.echo(f"Wrote {written.file} for the system {written.system}:")
    for what, value in written.found.items():
        click.echo(f"  {what:<12}{value}")
    for note in written.notes:
        click.secho(f"  ! {note}", fg="yellow")
    keys = "".join(f"gonogo key new NAME --role {role}, " for role in written.roles)
    click.echo(f"Next: {keys}{'then ' if keys else ''}gonogo check")
