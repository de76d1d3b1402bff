"""`gonogo packs`"""

from __future__ import annotations

import click

from gonogo.cli.door import JSON, show_json, verb
from gonogo.errors import UsageError


@click.command("packs", epilog="Example: gonogo packs")
@click.argument("name", required=False)
@click.option("--yaml", "as_yaml", is_flag=True, help="print the gate.yaml of the pack NAME, with all that it extends")
@JSON
@verb
def command(name: str | None, as_yaml: bool, as_json: bool) -> None:
    """List the ready-made checklists, or print one, to start a pack of your own from."""
    from gonogo.checklist.load import bundled_packs, load_pack
    from gonogo.checklist.write import gate_yaml

    if as_yaml or name:
        if not (as_yaml and name):
            raise UsageError("a name and --yaml go together.", hint="For example: gonogo packs starter --yaml")
        click.echo(gate_yaml(load_pack(name).gate), nl=False)
        return
    packs = bundled_packs()
    if as_json:
        show_json({"packs": [{"name": p.name, "title": p.title, "items": len(p.gate.items), "roles": dict(p.roles)} for p in packs]})
        return
    for pack in packs:
        click.echo(f"{click.style(pack.name, bold=True):<30} {len(pack.gate.items):>3} items   {pack.title}")
