"""`gonogo schema`"""

from __future__ import annotations

import click

from gonogo.cli.door import JSON, show_json, verb


@click.command("schema", epilog="Example: gonogo schema > gonogo.schema.json")
@JSON
@verb
def command(as_json: bool) -> None:
    """Print the JSON Schema of gonogo.yaml, so that an editor completes it."""
    from gonogo.checklist.project_schema import project_schema

    show_json(project_schema())
