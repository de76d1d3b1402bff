"""`gonogo sign`"""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.door import JSON, PROJECT, show_json, verb


@click.command("sign", epilog="Example: gonogo sign technical-lead")
@click.argument("role")
@click.option("--key", type=click.Path(path_type=Path), help="your private key [default: the one `gonogo key new` made]")
@click.option("--reject", metavar="REASON", help="say no, with a reason")
@PROJECT
@JSON
@verb
def command(role: str, key: Path | None, reject: str | None, project: Path, as_json: bool) -> None:
    """Sign, in a ROLE, for exactly what was measured; a later change of anything voids the signature."""
    from gonogo.operations.sign import sign
    from gonogo.operations.workspace import Workspace

    signed = sign(Workspace.open(project), role, key=key, reject=reject)
    record = signed.sign_off
    if as_json:
        show_json(
            {
                "role": record.role,
                "person": record.person,
                "decision": record.decision,
                "items": list(record.items),
                "subject": record.subject,
                "evidence": record.evidence_digest,
                "checklist": record.checklist_digest,
                "file": str(signed.path),
                "open": list(signed.open_items),
            }
        )
        return
    click.echo(f"{record.person} signs as {record.role}: {record.decision} {', '.join(record.items)}")
    click.echo(f"  subject    {record.subject}\n  evidence   {record.evidence_digest}\n  checklist  {record.checklist_digest}")
    if signed.open_items:
        click.secho(f"  ! signed although these do not pass: {', '.join(signed.open_items)}", fg="yellow")
