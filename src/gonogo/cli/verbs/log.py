"""`gonogo log`"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from gonogo.cli.door import JSON, PROJECT, show_json, verb, words


@click.command("log", epilog="Example: gonogo log --verify")
@click.option("--verify", "verified", is_flag=True, help="check the chain, every signature and the anchor; exit code 1 if broken")
@click.option("--anchor", type=click.Path(path_type=Path), help="verify against a copy of anchor.json that you kept elsewhere, too")
@click.option("--last", type=click.IntRange(min=1), help="only the newest N events")
@PROJECT
@JSON
@verb
def command(verified: bool, anchor: Path | None, last: int | None, project: Path, as_json: bool) -> None:
    """Print the audit log: who did what, when, to which digest."""
    from gonogo.operations.audit_log import audit_log
    from gonogo.operations.workspace import Workspace
    from gonogo.registry.trust_log import told

    log = audit_log(Workspace.open(project), verify=verified, last=last, anchor=anchor)
    if as_json:
        document = {"events": [event.to_json() for event in log.events]}
        show_json(
            document
            if log.problems is None
            else document | {"chain": "broken" if log.problems else "intact", "problems": list(log.problems)}
        )
    else:
        for event in log.events:
            body = told(event)
            reason = f"  {body.pop('reason')}" if body.get("reason") else ""  # why it was done is never cut off
            said = json.dumps(body, ensure_ascii=False)[:150]
            click.echo(words(f"{event.seq:>5}  {event.time}  {event.actor:<14} {event.kind:<22} {said}{reason}"))
        if log.problems is not None:
            ok = f"chain intact: {log.total} events, every hash, signature and the anchor agree"
            click.echo(
                click.style("chain BROKEN:\n  " + "\n  ".join(log.problems), fg="red") if log.problems else click.style(ok, fg="green")
            )
    sys.exit(1 if log.problems else 0)
