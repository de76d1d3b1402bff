"""`gonogo waive`"""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.door import JSON, PROJECT, show_json, verb, words


@click.command(
    "waive",
    epilog='Example: gonogo waive model-card --offender "no section: limitation" --until 2026-12-31 --reason review --role owner',
)
@click.argument("item")
@click.option("--offender", required=True, help="the finding, or the requirement, that is excused: a line of `gonogo explain ITEM`")
@click.option("--until", required=True, metavar="DATE", help="the last day on which it counts")
@click.option("--reason", required=True, help="why it may stay as it is until then")
@click.option("--role", required=True, help="the role in which you sign")
@click.option("--key", type=click.Path(path_type=Path), help="your private key [default: the one `gonogo key new` made]")
@PROJECT
@JSON
@verb
def command(item: str, offender: str, until: str, reason: str, role: str, key: Path | None, project: Path, as_json: bool) -> None:
    """Excuse one offender of an optional ITEM until a date, signed, for this bundle only; shown in every report."""
    from gonogo.operations.waive import waive
    from gonogo.operations.workspace import Workspace

    record = waive(Workspace.open(project), item, offender, until=until, reason=reason, role=role, key=key)
    if as_json:
        show_json(record.to_json())
        return
    click.echo(words(f"{record.person} ({record.role}) waives {record.item} until {record.until}: {record.offender}"))
    click.echo(f"  subject  {record.subject}")
    click.echo(words(f"  reason   {record.reason}"))
