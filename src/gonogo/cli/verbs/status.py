"""`gonogo status`"""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.door import JSON, PROJECT, paper, show_json, verb


@click.command("status", epilog="Example: gonogo status --html status.html")
@click.option("--html", type=click.Path(path_type=Path), help="write the status page to a file")
@PROJECT
@JSON
@verb
def command(html: Path | None, project: Path, as_json: bool) -> None:
    """Say what is live, since when and by whom, how the traffic is shared, and whether it is well."""
    from gonogo.operations.status import status
    from gonogo.operations.workspace import Workspace
    from gonogo.reports.status import WIDTH, render_status_text

    document = status(Workspace.open(project))
    if html is not None:
        from gonogo.base.files import write_atomic
        from gonogo.web.page import render_status

        write_atomic(html.resolve(), render_status(document).encode())
    if as_json:
        show_json(document)
    else:
        click.echo(render_status_text(document, paper(WIDTH)))
