"""`gonogo doctor`"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gonogo.cli.door import JSON, PROJECT, show_json, verb


@click.command("doctor", epilog="Example: gonogo doctor")
@PROJECT
@JSON
@verb
def command(project: Path, as_json: bool) -> None:
    """Diagnose this machine and this project. Exit code 1 when something needs mending."""
    from gonogo.operations.doctor import doctor

    findings = doctor(project)
    if as_json:
        show_json(
            {
                "ok": all(found.ok for found in findings),
                "findings": [{"what": found.what, "ok": found.ok, "detail": found.detail} for found in findings],
            }
        )
    else:
        for found in findings:
            click.echo(f"{click.style('ok  ', fg='green') if found.ok else click.style('MEND', fg='red')}  {found.what:<17} {found.detail}")
    sys.exit(0 if all(found.ok for found in findings) else 1)
