"""`gonogo serve`"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gonogo.cli.door import JSON, PROJECT, show_json, verb
from gonogo.errors import UsageError

if TYPE_CHECKING:
    from gonogo.service.logs import Form, Requests

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("serve", epilog="Example: gonogo serve credit-risk@1.0.0 --dashboard 8401")
@click.argument("reference", metavar="[REF]", required=False)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(min=0, max=65535), default=8400, show_default=True, help="0 takes a free one")
@click.option("--processes", type=click.IntRange(min=1, max=64), help="worker processes per release; default: a core each")
@click.option("--tls-cert", type=FILE, help="PEM certificate chain: speak HTTPS; read again when it changes")
@click.option("--tls-key", type=FILE, help="PEM private key of --tls-cert")
@click.option("--behind-proxy", is_flag=True, help="another program ends TLS before this one")
@click.option("--log", type=click.Choice(["text", "json"]), default="text", show_default=True, help="text; or JSON lines on standard error")
@click.option("--access-log", type=click.Choice(["all", "errors", "none"]), default="errors", show_default=True, help="requests to log")
@click.option("--dashboard", type=click.IntRange(min=0, max=65535), help="serve the dashboard on this port of this machine")
@PROJECT
@JSON
@verb
def command(
    reference: str | None,
    host: str,
    port: int,
    processes: int | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    behind_proxy: bool,
    log: Form,
    access_log: Requests,
    dashboard: int | None,
    project: Path,
    as_json: bool,
) -> None:
    """Answer predictions until stopped (Ctrl-C). REF is needed once: the first release to put into production."""
    if (tls_cert is None) != (tls_key is None):
        raise UsageError("--tls-cert and --tls-key go together.", hint="Name both.")
    if os.getpid() == 1:
        from gonogo.service.supervising.first_process import run_as_child

        sys.exit(run_as_child([sys.executable, *sys.orig_argv[1:]]))
    tls = (tls_cert, tls_key) if tls_cert and tls_key else None
    from gonogo.operations.serve import serve
    from gonogo.operations.workspace import Workspace

    workspace, door = Workspace.open(project), None
    if dashboard is not None:
        from gonogo.http.dashboard import open_dashboard

        door = open_dashboard(workspace, port=dashboard)

    def announce(release: str, url: str) -> None:
        if as_json:
            show_json({"release": release, "url": url})
        else:
            if door is not None:
                click.echo(f"dashboard at {door.url}")
            click.echo(f"{release} answers at {url}/predict")

    serve(
        workspace,
        reference,
        host=host,
        port=port,
        processes=processes,
        tls=tls,
        behind_proxy=behind_proxy,
        log=log,
        requests=access_log,
        door=door,
        announce=announce,
    )
