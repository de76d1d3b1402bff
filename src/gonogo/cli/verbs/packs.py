"""`gonogo packs`"""

from __future__ import annotations

import sys

import click

from gonogo.cli.door import JSON, show_json, verb


@click.group("packs", invoke_without_command=True, epilog="Example: gonogo packs lint ./my-pack")
@JSON
@click.pass_context
@verb
def command(context: click.Context, as_json: bool) -> None:
    """List the ready-made checklists."""
    from gonogo.checklist.load import bundled_packs

    if context.invoked_subcommand:
        return
    packs = bundled_packs()
    if as_json:
        show_json({"packs": [{"name": p.name, "title": p.title, "items": len(p.gate.items), "roles": dict(p.roles)} for p in packs]})
        return
    for pack in packs:
        click.echo(f"{click.style(pack.name, bold=True):<30} {len(pack.gate.items):>3} items   {pack.title}")


@command.command("show", epilog="Example: gonogo packs show starter > my-pack/gate.yaml")
@click.argument("name")
@JSON
@verb
def show(name: str, as_json: bool) -> None:
    """Print the gate.yaml of a pack, with all that it extends, to start a pack of your own from."""
    from gonogo.checklist.load import load_pack
    from gonogo.checklist.write import gate_yaml

    gate = load_pack(name).gate
    if as_json:
        show_json(gate.to_json())
    else:
        click.echo(gate_yaml(gate), nl=False)


@command.command("lint", epilog="Example: gonogo packs lint ./my-pack")
@click.argument("names", nargs=-1, metavar="[NAME-or-FOLDER]...")
@JSON
@verb
def lint(names: tuple[str, ...], as_json: bool) -> None:
    """Look for contradictions in packs (all ready-made ones when none is named), or in a project's pack with the rules and demands of its
    gonogo.yaml: `gonogo packs lint .`. Exit code 1 when there is one."""
    from gonogo.operations.packs import lint_packs

    found = lint_packs(names)
    if as_json:
        show_json({"packs": {name: list(findings) for name, findings in found.items()}})
    else:
        for name, findings in found.items():
            click.echo(f"{name}: {'no contradiction' if not findings else ''}")
            for finding in findings:
                click.echo(f"  {finding}")
    sys.exit(1 if any(found.values()) else 0)
