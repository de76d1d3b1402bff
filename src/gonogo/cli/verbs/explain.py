"""`gonogo explain`"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gonogo.cli.door import JSON, PROJECT, paper, show_json, verb


@click.command("explain", epilog="Example: gonogo explain model-quality")
@click.argument("item")
@PROJECT
@JSON
@verb
def command(item: str, project: Path, as_json: bool) -> None:
    """Say all about one ITEM: question, why it matters, required against measured, evidence, how to repair."""
    from gonogo.operations.explain import explain
    from gonogo.operations.workspace import Workspace
    from gonogo.reports.text import WIDTH, render_item

    explained = explain(Workspace.open(project), item)
    if as_json:
        show_json(explained.to_json())
        return
    click.echo(render_item(explained.item, explained.result, explained.evidence, color=sys.stdout.isatty(), width=paper(WIDTH)))
