"""`gonogo verify`"""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.door import JSON, PROJECT, show_json, verb


@click.command("verify", epilog="Example: gonogo verify credit-risk-1.2.0.tar.gz --key store.pub")
@click.argument("what", metavar="PATH-OR-REF")
@click.option("--key", type=click.Path(path_type=Path), help="the public key of the store that sealed it")
@PROJECT
@JSON
@verb
def command(what: str, key: Path | None, project: Path, as_json: bool) -> None:
    """Verify a release: every byte of every file, every signature, the verdict. Needs nothing but the public key."""
    from gonogo.operations.verify import verify

    verified = verify(what, key=key, project=project)
    if as_json:
        show_json({"verified": True, "system": verified.system, "version": str(verified.version), "digest": verified.digest})
        return
    click.echo(f"{click.style('verified', fg='green')}  {verified.system}@{verified.version}\n          {verified.digest}")
