"""`gonogo render`"""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.door import JSON, PROJECT, show_json, verb

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("render", epilog="Example: gonogo render systemd --out deploy")
@click.argument("kind", metavar="systemd|container|compose|nginx|caddy")
@click.option("--out", type=click.Path(path_type=Path), help="write the file into this folder instead of printing it")
@click.option("--port", type=click.IntRange(1, 65535), default=8400, show_default=True, help="of the service")
@click.option("--public-port", type=click.IntRange(1, 65535), default=443, show_default=True, help="of nginx or Caddy")
@click.option("--server-name", default="localhost", show_default=True, help="the public name that nginx or Caddy answers to")
@click.option("--certificate", type=FILE, help="the certificate of nginx or Caddy (PEM)")
@click.option("--certificate-key", type=FILE, help="its private key; only its path is written down")
@click.option("--user", default="", help="the user that the service runs as; by default you")
@PROJECT
@JSON
@verb
def command(kind: str, out: Path | None, project: Path, as_json: bool, **options: object) -> None:
    """Render a file for operators: a systemd unit, a Containerfile, a compose file, or the front of nginx or Caddy."""
    from gonogo.operations.render import render, write_rendered
    from gonogo.operations.workspace import Workspace

    name, text = render(Workspace.open(project), kind, **options)  # type: ignore[arg-type]
    path = write_rendered(out, name, text) if out else None
    if as_json:
        show_json({"kind": kind, "name": name, "text": text, "path": str(path) if path else None})
    elif path:
        click.echo(f"wrote {path}")
    else:
        click.echo(text, nl=False)
