"""`gonogo select`"""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.door import JSON, PROJECT, show_json, verb, words


@click.command("select", epilog='Example: gonogo select crf --reason "best recall at half the size" --risk LOW --fallback position')
@click.argument("name", required=False)
@click.option("--reason", help="why this one; a few words")
@click.option("--risk", type=click.Choice(["LOW", "MEDIUM", "HIGH"]), help="how much is unproven; HIGH needs a second person: --accept")
@click.option("--fallback", metavar="NAME", help="the candidate to take when this one fails")
@click.option("--reject", "rejected", multiple=True, metavar="NAME=REASON", help="write down why another is not taken (repeatable)")
@click.option("--accept", metavar="ROLE", help="accept the high risk of the decision as it stands, as a person of a role; signed")
@click.option("--key", type=click.Path(path_type=Path), help="your private key, with --accept [default: the one that lies on this machine]")
@PROJECT
@JSON
@verb
def command(
    name: str | None,
    reason: str | None,
    risk: str | None,
    fallback: str | None,
    rejected: tuple[str, ...],
    accept: str | None,
    key: Path | None,
    project: Path,
    as_json: bool,
) -> None:
    """Choose the candidate that goes to the gate, and write down why. Without NAME and reason: say which one is recommended, and why."""
    from gonogo.errors import UsageError
    from gonogo.operations.select import accept_risk, recommend, select
    from gonogo.operations.workspace import Workspace

    workspace = Workspace.open(project)
    if accept is not None:
        done = accept_risk(workspace, accept, key=key)
    elif reason is None and risk is None and fallback is None and name is None:
        _, found = recommend(workspace)
        if as_json:
            show_json({"name": found.name, "why": found.why, "ties": list(found.ties)})
        else:
            click.echo(words(f"recommended: {found.name or '–'}: {found.why}"))
            for tie in found.ties:
                click.echo(words(f"  not told apart from it: {tie}"))
            click.echo(f'next: gonogo select {found.name or "NAME"} --reason "…" --risk LOW|MEDIUM|HIGH --fallback NAME')
        return
    else:
        if not (reason and risk and fallback):
            raise UsageError("a choice needs a reason, a risk level and a fallback.", hint="--reason … --risk LOW --fallback NAME")
        pairs = [text.partition("=") for text in rejected]
        if not all(one and why for one, _, why in pairs):
            raise UsageError("--reject is NAME=REASON.", hint='For example: --reject "baseline=finds too few"')
        done = select(workspace, name, reason=reason, risk=risk, fallback=fallback, rejected={one: why for one, _, why in pairs})
    if as_json:
        show_json({**done.record, "file": workspace.project.shown(done.file), "next": list(done.next)})
        return
    record = done.record
    click.echo(words(f"chosen: {record['recommended']}, risk {record['risk']}, fallback {record['fallback']}"))
    click.echo(f"  written to {workspace.project.shown(done.file)}")
    for one in record["candidates"]:
        if one["name"] != record["recommended"]:
            click.echo(words(f"  {one['name']}: {one['status']}, {one['reason']}"))
    for line in done.next:
        click.echo(words(f"next: {line}"))
