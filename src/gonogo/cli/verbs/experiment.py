"""`gonogo experiment split | shadow | show | end`"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gonogo.cli.door import JSON, PROJECT, show_json, verb

SHARE = click.FloatRange(min=0.01, max=100)


@click.group("experiment")
def command() -> None:
    """Traffic for a release that no judge decides about: A/B, or copies that nobody is answered with."""


@command.command("split", epilog="Example: gonogo experiment split credit-risk@1.1.0 --share 50 --sticky x-user-id")
@click.argument("reference", metavar="REF")
@click.option("--share", type=SHARE, default=50.0, show_default=True, help="of the requests or callers, in per cent")
@click.option("--sticky", default="", metavar="HEADER", help="request header whose value keeps a caller with his release")
@PROJECT
@JSON
@verb
def split(reference: str, share: float, sticky: str, project: Path, as_json: bool) -> None:
    """Have REF answer a share of the traffic, beside the release in production."""
    from gonogo.operations.experiment import split as start
    from gonogo.operations.workspace import Workspace

    _show(start(Workspace.open(project), reference, share_percent=share, sticky=sticky), as_json)


@command.command("shadow", epilog="Example: gonogo experiment shadow credit-risk@1.1.0 --share 10")
@click.argument("reference", metavar="REF")
@click.option("--share", type=SHARE, default=100.0, show_default=True, help="of the requests, in per cent")
@PROJECT
@JSON
@verb
def shadow(reference: str, share: float, project: Path, as_json: bool) -> None:
    """Ask REF for copies of answered requests, and compare its answers with those that were given."""
    from gonogo.operations.experiment import shadow as start
    from gonogo.operations.workspace import Workspace

    _show(start(Workspace.open(project), reference, share_percent=share), as_json)


@command.command("show", epilog="Example: gonogo experiment show")
@PROJECT
@JSON
@verb
def show(project: Path, as_json: bool) -> None:
    """Show the shares, and what was counted since they hold."""
    from gonogo.operations.experiment import show as look
    from gonogo.operations.workspace import Workspace

    _show(look(Workspace.open(project)), as_json)


@command.command("end", epilog="Example: gonogo experiment end")
@PROJECT
@JSON
@verb
def end(project: Path, as_json: bool) -> None:
    """Give all traffic back to the release in production, and end the shadow."""
    from gonogo.operations.experiment import end as stop
    from gonogo.operations.workspace import Workspace

    _show(stop(Workspace.open(project)), as_json)


def _show(shown: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(shown)
        return
    for arm in shown["arms"]:
        click.echo(f"{arm['percent']:6.2f} %  {arm['release']}  {arm['n']} requests, {arm['bad']} bad")
    if shown["sticky"]:
        click.echo(f"a caller keeps his release by the header {shown['sticky']}")
    cast = shown["shadow"]
    if cast is not None:
        click.echo(f"shadow: {cast['release']}, copies of {cast['percent']:g} % of the requests")
    if cast is not None and "n" in cast:
        click.echo(f"  {cast['n']} sent, {cast['failed']} failed, {cast['dropped']} dropped; {cast['rows']} rows compared,")
        click.echo(f"  {cast['labels']} with another label, scores at most {cast['largest']:.3g} apart")
