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
    """Say all about one ITEM: question, why it matters, required against measured, evidence, history, how to repair, the runbook."""
    from gonogo.operations.explain import explain
    from gonogo.operations.workspace import Workspace
    from gonogo.reports.explanation import render_explanation
    from gonogo.reports.text import WIDTH

    explained = explain(Workspace.open(project), item)
    if as_json:
        show_json(explained.to_json())
        return
    click.echo(render_explanation(explained, color=sys.stdout.isatty(), width=paper(WIDTH)))
