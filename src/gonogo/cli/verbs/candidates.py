"""`gonogo candidates`"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gonogo.cli.door import JSON, PROJECT, progress, show_json, verb

FORMATS = ("html", "markdown", "json")


@click.command("candidates", epilog="Example: gonogo candidates --report html=.gonogo/candidates.html")
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="all runs, not only the ten newest")
@click.option("--report", "reports", multiple=True, metavar="FORMAT=FILE", help=f"write a report (repeatable): {', '.join(FORMATS)}")
@PROJECT
@JSON
@verb
def command(name: str | None, everything: bool, reports: tuple[str, ...], project: Path, as_json: bool) -> None:
    """Compare the runs of the ledger; with NAME the sheet of one. Exit code 1 when there is none."""
    import json

    from gonogo.base.files import write_atomic
    from gonogo.errors import NotFoundError, UsageError
    from gonogo.operations.select import survey
    from gonogo.operations.workspace import Workspace
    from gonogo.reports import candidates as shown

    wanted = [text.partition("=")[::2] for text in reports]
    for kind, file in wanted:
        if kind not in FORMATS or not file:
            raise UsageError(f"--report {kind!r} is not FORMAT=FILE.", hint=f"Formats: {', '.join(FORMATS)}.")
    workspace = Workspace.open(project)
    document = survey(workspace, progress=progress(as_json))
    one = None
    if name is not None:
        one = next((one for one in document["candidates"] if one["model"] == name), None)
        if one is None:
            raise NotFoundError(f"no candidate is called {name!r}.", hint="`gonogo candidates --all` lists them.")
    renders: dict[str, Callable[[Any], str]] = {
        "html": shown.render_candidates_html,
        "markdown": shown.render_candidates_markdown,
        "json": lambda found: json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
    }
    for kind, file in wanted:
        write_atomic(Path(file).resolve(), renders[kind](document).encode())
    if as_json:
        show_json(document if one is None else one)
    elif one is not None:
        click.echo(shown.render_sheet_text(one))
    else:
        click.echo(shown.render_candidates_text(document, everything=everything))
