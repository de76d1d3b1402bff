"""`gonogo feedback`"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from gonogo.cli.door import JSON, PROJECT, redraw, show_json, verb, words

BROKEN_LINES = 20  #: that are told on the terminal


@click.command("feedback", epilog="Example: gonogo feedback labels.csv")
@click.argument("file", type=click.Path(path_type=Path))
@PROJECT
@JSON
@verb
def command(file: Path, project: Path, as_json: bool) -> None:
    """Say what came true: join the labels of a .csv, .jsonl or .parquet file to what was predicted.

    Columns: prediction_id, label and, where a request had several rows, row (from 0). Lines of `gonogo predict` have prediction_row for
    that, which counts where both are; put the true label in the place of the predicted one. The last label of a row wins. A label whose
    prediction is not recorded yet waits for it. Exit code 1 when a line could not be taken; all others are.
    """
    from gonogo.operations.feedback import feedback
    from gonogo.operations.workspace import Workspace

    quiet = as_json or not sys.stderr.isatty()
    done = feedback(Workspace.open(project), file, lambda lines: None if quiet else redraw(f"{lines:,} lines", err=True))
    if as_json:
        show_json(asdict(done))
    else:
        for line, why in done.broken[:BROKEN_LINES]:
            click.echo(f"line {line}: {words(why)}", err=True)
        if done.refused > BROKEN_LINES:
            click.echo(f"… and {done.refused - BROKEN_LINES:,} more lines (--json tells the first thousand)", err=True)
        click.echo(
            f"{done.lines:,} lines: {done.joined:,} joined, {done.changed:,} corrected, {done.same:,} as before, "
            f"{done.waiting:,} waiting for their prediction, {done.refused:,} refused"
        )
    sys.exit(1 if done.refused else 0)
