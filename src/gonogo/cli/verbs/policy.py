"""`gonogo policy`"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gonogo.cli.door import JSON, PROJECT, show_json, verb, words

if TYPE_CHECKING:
    from gonogo.operations.policy import PolicyState
    from gonogo.verdict.policy import People


@click.command("policy", epilog="Example: gonogo policy")
@PROJECT
@JSON
@verb
def command(project: Path, as_json: bool) -> None:
    """Show whose word counts, what is pinned, and what the project declares otherwise; exit code 1 when nobody's word counts."""
    from gonogo.operations.policy import policy_state
    from gonogo.operations.workspace import Workspace

    state = policy_state(Workspace.open(project))
    if as_json:
        show_json(_document(state))
    else:
        _show(state)
    sys.exit(1 if state.problem else 0)


def _document(state: PolicyState) -> dict[str, Any]:
    pinned = state.log.pinned
    return {
        "in_force": not state.problem,
        "problem": state.problem,
        "pinned": pinned.policy.to_json() | {"digest": pinned.policy.digest, "number": pinned.number} if pinned else None,
        "declared": state.declared.digest,
        "changes": list(state.changes),
        "signed": [name for name, _ in _signers(state)],
        "lacking": list(state.lacking),
        "revoked": dict(state.log.revoked),
    }


def _show(state: PolicyState) -> None:
    pinned = state.log.pinned
    if pinned:
        click.echo(f"policy {pinned.number} of {pinned.policy.system}  {pinned.policy.digest}")
        roles = " and ".join(pinned.policy.policy_roles)
        click.echo(words(f"  pack {pinned.policy.pack}, {len(pinned.policy.items)} items; signed as {roles}"))
        _people(pinned.policy.people)
        alone = [role for role in pinned.policy.policy_roles if len(pinned.policy.people.get(role, ())) < 2]
        if alone:
            click.echo(f"  one person alone is {' and '.join(alone)}: a lost key ends this store, see docs/how-to-keys.md")
    for key_id, why in state.log.revoked.items():
        click.echo(words(f"  revoked: {key_id[:16]}  {why}"))
    for change in state.changes:
        click.secho(words(f"  ! declared otherwise: {change}"), fg="yellow")
    for name, key_id in _signers(state):
        click.echo(words(f"  signed already by {name} (key {key_id[:16]})"))
    if state.problem:
        click.secho(words(f"  ! {state.problem}"), fg="red")


def _people(people: People) -> None:
    for role, members in people.items():
        click.echo(words(f"  {role}: " + (", ".join(f"{name} (key {key.key_id[:16]})" for name, key in members) or "nobody")))


def _signers(state: PolicyState) -> list[tuple[str, str]]:
    policy = state.log.pinned.policy if state.log.pinned else state.declared
    return [(policy.names_of(key_id), key_id) for key_id in state.signed]
