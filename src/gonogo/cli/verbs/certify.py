"""`gonogo certify`"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gonogo.cli.door import JSON, PROJECT, progress, show_json, verb, words


@click.command("certify", epilog="Example: gonogo certify --out ../certificate.json")
@click.option("--status", is_flag=True, help="train nothing; say whether the newest certificate holds today")
@click.option("--out", type=click.Path(path_type=Path), help="also write the signed certificate to a file")
@PROJECT
@JSON
@verb
def command(status: bool, out: Path | None, project: Path, as_json: bool) -> None:
    """Train again and again on copies of the project, measure, and sign the certificate of the model. Exit code 0 for certified.

    What was killed goes on where it was. docs/how-to-certify.md says what the training must do for it.
    """
    from gonogo.base.files import write_atomic
    from gonogo.operations.certificates import newest
    from gonogo.operations.certify import certify, holding
    from gonogo.operations.workspace import Workspace
    from gonogo.reports.certification import render_certification, render_standing

    workspace = Workspace.open(project)
    if status:
        document = holding(workspace)
        good = not document["voided"]
        text = render_standing(document)
    else:
        certified = certify(workspace, progress=progress(as_json))
        document, good = certified.to_json(), certified.green
        text = render_certification(document)
    envelope = newest(workspace)
    if out is not None and good and envelope is not None:
        write_atomic(out.resolve(), envelope)
    if as_json:
        show_json(document)
    else:
        click.echo("\n".join(words(line) for line in text.split("\n")))
    sys.exit(0 if good else 1)
