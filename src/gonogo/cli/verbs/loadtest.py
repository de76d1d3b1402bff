"""`gonogo loadtest`"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gonogo.cli.door import JSON, PROJECT, show_json, verb


@click.command("loadtest", epilog="Example: gonogo loadtest http://127.0.0.1:8400 --requests 5000")
@click.argument("target", metavar="[REF-OR-URL]", required=False)
@click.option("--requests", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option("--concurrency", type=click.IntRange(min=1, max=1000), default=100, show_default=True)
@click.option("--allow-remote", is_flag=True, help="allow a URL that is not this machine")
@PROJECT
@JSON
@verb
def command(target: str | None, requests: int, concurrency: int, allow_remote: bool, project: Path, as_json: bool) -> None:
    """Send many requests at once: to the bundle of the files as they are, to a release, or to a running service.

    Exit code 1 when a request failed.
    """
    from gonogo.operations.loadtest import loadtest
    from gonogo.operations.workspace import Workspace

    tested = loadtest(Workspace.open(project), target, requests=requests, concurrency=concurrency, allow_remote=allow_remote)
    result = tested.result
    if as_json:
        show_json({"target": tested.target, **result.to_json()})
    else:
        click.echo(f"{tested.target}: {result.requests} requests, {result.concurrency} at a time, {result.errors} errors")
        click.echo(
            f"  P50 {result.p50_ms:.1f} ms   P95 {result.p95_ms:.1f} ms   P99 {result.p99_ms:.1f} ms   {result.throughput:.0f} requests/s"
        )
        if result.max_answer_difference is not None:
            same = "the same" if result.max_answer_difference == 0 else f"apart by {result.max_answer_difference:.2g} at most"
            click.echo(f"  {result.answers_compared} answers to rows that had one already: {same}")
        if result.memory_mb is not None:
            click.echo(f"  {result.memory_mb:.0f} MB at the peak")
        for kind, count in result.error_kinds.items():
            click.secho(f"  ! {count} × {kind}", fg="red")
    sys.exit(1 if result.errors else 0)
