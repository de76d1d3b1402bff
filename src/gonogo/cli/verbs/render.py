"""`gonogo render`"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gonogo.cli.door import JSON, PROJECT, show_json, verb

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("render", epilog="Example: gonogo render systemd --out deploy")
@click.argument("kind", metavar="systemd|container|compose|nginx|caddy|cron|systemd-timer|prometheus|alertmanager|grafana")
@click.option("--out", type=click.Path(path_type=Path), help="write what is rendered into this folder instead of printing it")
@click.option("--port", type=click.IntRange(1, 65535), default=8400, show_default=True, help="of the service")
@click.option("--public-port", type=click.IntRange(1, 65535), default=443, show_default=True, help="of nginx or Caddy")
@click.option("--server-name", default="localhost", show_default=True, help="the public name that nginx or Caddy answers to")
@click.option("--certificate", type=FILE, help="the certificate of nginx or Caddy (PEM)")
@click.option("--certificate-key", type=FILE, help="its private key; only its path is written down")
@click.option("--user", default="", help="the user that the service runs as; by default you")
@click.option("--prometheus", default="http://127.0.0.1:9090", show_default=True, help="as Grafana reaches it")
@click.option("--alertmanager", default="127.0.0.1:9093", show_default=True, help="as Prometheus reaches it")
@click.option("--every", type=click.IntRange(1, 60), default=15, show_default=True, help="seconds between two looks of Prometheus")
@PROJECT
@JSON
@verb
def command(
    kind: str, out: Path | None, project: Path, as_json: bool, prometheus: str, alertmanager: str, every: int, **options: Any
) -> None:
    """Render files for operators: a systemd unit, a Containerfile, a compose file, the front of nginx or Caddy; cron or a systemd timer
    for the reviews; and, from the alarms in force, those of Prometheus, Alertmanager and Grafana."""
    from gonogo.operations.render import render, schedule_files, write_rendered
    from gonogo.operations.render_tools import TOOLS, Places, render_tool
    from gonogo.operations.workspace import Workspace
    from gonogo.reports.deployment import SCHEDULES

    workspace = Workspace.open(project)
    if kind in TOOLS:
        files = render_tool(workspace, kind, Places(options["port"], prometheus, alertmanager, every, out))
    elif kind in SCHEDULES:
        files = schedule_files(workspace, kind, user=options["user"])
    else:
        files = dict([render(workspace, kind, **options)])
    paths = {name: write_rendered(out, name, text) for name, text in files.items()} if out else {}
    if as_json:
        rows = [{"name": name, "text": text, "path": str(paths[name]) if out else None} for name, text in files.items()]
        show_json({"kind": kind, "files": rows})
    elif out:
        click.echo("\n".join(f"wrote {path}" for path in paths.values()))
    else:
        click.echo("".join(files.values()), nl=False)
