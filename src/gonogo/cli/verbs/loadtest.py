"""`gonogo loadtest`"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gonogo.cli.door import JSON, PROJECT, progress, show_json, verb


@click.command("loadtest", epilog="Example: gonogo loadtest http://127.0.0.1:8400 --rate 500 --html load.html")
@click.argument("target", metavar="[REF-OR-URL]", required=False)
@click.option("--requests", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option("--concurrency", type=click.IntRange(min=1, max=1000), default=100, show_default=True, help="connections at most")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="send so many a second by a schedule, whatever is answered")
@click.option("--allow-remote", is_flag=True, help="allow a URL that is not this machine")
@click.option("--api-key-file", type=click.Path(path_type=Path), help="a file with the key for a URL; without it GONOGO_API_KEY")
@click.option("--html", type=click.Path(path_type=Path), help="write the result as a page to this file")
@PROJECT
@JSON
@verb
def command(
    target: str | None,
    requests: int,
    concurrency: int,
    rate: float | None,
    allow_remote: bool,
    api_key_file: Path | None,
    html: Path | None,
    project: Path,
    as_json: bool,
) -> None:
    """Send many requests at once: to the bundle of the files as they are, to a release, or to a running service.

    Each of so many clients sends its next request when it has its answer. With --rate requests leave by a schedule instead, and waiting
    counts from the moment that the schedule names. Golden requests are among them. Exit code 1 when a request failed or a row got two
    different answers.
    """
    from gonogo.operations.loadtest import Load, loadtest, read_api_key
    from gonogo.operations.workspace import Workspace
    from gonogo.reports.load import render_load_html, render_load_text

    load = Load(requests, concurrency, rate)
    key = read_api_key(api_key_file)
    tested = loadtest(Workspace.open(project), target, load, allow_remote=allow_remote, api_key=key, progress=progress(as_json))
    document = tested.to_json()
    if html is not None:
        from gonogo.base.files import write_atomic

        write_atomic(html.resolve(), render_load_html(document).encode())
    if as_json:
        show_json(document)
    else:
        click.echo(render_load_text(document))
    sys.exit(0 if tested.result.good else 1)
