"""`gonogo ship`"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from gonogo.cli.door import JSON, PROJECT, paper, progress, show_json, verb
from gonogo.cli.looks import show_end, show_looks


@click.command("ship", epilog="Example: gonogo ship")
@PROJECT
@JSON
@verb
def command(project: Path, as_json: bool) -> None:
    """Check, release and roll out in one go. Exit code 1 when the gate or the judge said no."""
    from gonogo.operations.ship import ship
    from gonogo.operations.workspace import Workspace
    from gonogo.reports.json import render_json
    from gonogo.reports.report import short
    from gonogo.reports.text import WIDTH, render_text
    from gonogo.verdict.outcome import Decision

    def judged(checked: Any) -> None:
        verdict = checked.verdict
        if as_json:
            return
        if verdict.decision is Decision.GO:
            click.echo(f"{click.style('GO', fg='green')}  {len(verdict.items)} items, bundle {short(verdict.subject)}")
        else:
            click.echo(render_text(checked.report, color=sys.stdout.isatty(), width=paper(WIDTH)))

    def sealed(released: Any) -> None:
        if not as_json:
            said = "was sealed before" if released.known else "sealed"
            click.echo(f"{released.release.system}@{released.release.version} {said}: {released.release.path}")

    with show_looks(as_json) as look:
        shipped = ship(Workspace.open(project), progress=progress(as_json), judged=judged, sealed=sealed, look=look)
    if shipped.rolled is None:
        if as_json:
            show_json({"verdict": render_json(shipped.checked.report), "rollout": None})
        sys.exit(1)
    if as_json and shipped.released is not None:
        version = str(shipped.released.release.version)
        show_json({"verdict": "GO", "version": version, "rollout": shipped.rolled.to_json()})
        sys.exit(0 if shipped.rolled.completed else 1)
    sys.exit(show_end(shipped.rolled, as_json))
