"""`gonogo packs`"""

from __future__ import annotations

import click

from gonogo.cli.door import JSON, show_json, verb


@click.command("packs", epilog="Example: gonogo packs")
@JSON
@verb
def command(as_json: bool) -> None:
    """List the ready-made checklists."""
    from gonogo.checklist.load import bundled_packs

    packs = bundled_packs()
    if as_json:
        show_json({"packs": [{"name": p.name, "title": p.title, "items": len(p.gate.items), "roles": dict(p.roles)} for p in packs]})
        return
    for pack in packs:
        click.echo(f"{click.style(pack.name, bold=True):<30} {len(pack.gate.items):>3} items   {pack.title}")
