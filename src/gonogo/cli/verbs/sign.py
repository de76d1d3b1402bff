"""`gonogo sign`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gonogo.cli.door import JSON, PROJECT, show_json, verb, words

if TYPE_CHECKING:
    from gonogo.operations.policy import PolicyState
    from gonogo.operations.sign import Signed, SignedPolicy
    from gonogo.operations.sign_elsewhere import Asked

FILE = click.Path(path_type=Path)
MOST_PASSING = 12  #: items that pass and are shown one by one; whatever does not pass, and every change, always is


@click.command("sign", epilog="Example: gonogo sign technical-lead")
@click.argument("role", required=False)
@click.option("--key", type=FILE, help="your private key [default: the one that lies on this machine]")
@click.option("--reject", metavar="REASON", help="say no, with a reason")
@click.option("--policy", is_flag=True, help="sign changed people, keys or demands, so that they come into force")
@click.option("--request", type=FILE, metavar="FILE", help="write what is to be signed, for a person on another machine")
@click.option(
    "--answer", type=FILE, metavar="FILE", help="judge a request again and show it; with --key and --out also sign it. Needs no project"
)
@click.option("--out", type=FILE, metavar="FILE", help="where the signature goes, with --answer")
@click.option("--import", "imported", type=FILE, metavar="FILE", help="verify the signature that came back, and record it")
@PROJECT
@JSON
@verb
def command(
    role: str | None,
    key: Path | None,
    reject: str | None,
    policy: bool,
    request: Path | None,
    answer: Path | None,
    out: Path | None,
    imported: Path | None,
    project: Path,
    as_json: bool,
) -> None:
    """Sign, in a ROLE, for exactly what was measured; a later change of anything voids the signature."""
    from gonogo.errors import UsageError
    from gonogo.operations.sign import sign, sign_changed_policy
    from gonogo.operations.sign_elsewhere import answer_request, import_answer, read_request, write_request
    from gonogo.operations.workspace import Workspace

    if sum(one is not None for one in (request, answer, imported)) > 1 or (policy and reject):
        raise UsageError("these options exclude each other.", hint="See `gonogo sign --help`.")
    if answer is not None:
        if (out is None) != (key is None):
            raise UsageError("to sign, --answer needs --key, your private key, and --out, where the signature goes; to look, neither.")
        if out is None or key is None:
            _show_asked(read_request(answer), None, as_json)
        else:
            name, asked = answer_request(answer, key=key, out=out, reject=reject)
            _show_asked(asked, f"{name} signs{f' that they reject it: {reject}' if reject else ''}; send back {out}", as_json)
        return
    workspace = Workspace.open(project)
    if imported is not None:
        said = import_answer(workspace, imported)
        show_json({"recorded": said}) if as_json else click.echo("\n".join(f"recorded: {line}" for line in said))
        return
    if role is None:
        raise UsageError("which role?", hint="For example: gonogo sign technical-lead")
    if request is not None:
        wanted = write_request(workspace, role, request, policy=policy)
        show_json({"file": str(request), "asks": wanted}) if as_json else click.echo(f"{request} asks a {role} for: {', '.join(wanted)}")
    elif policy:
        _show_policy(sign_changed_policy(workspace, role, key=key), role, as_json)
    else:
        _show(sign(workspace, role, key=key, reject=reject), as_json)


def _show(signed: Signed, as_json: bool) -> None:
    record = signed.sign_off
    if as_json:
        document: dict[str, Any] = {
            "role": record.role,
            "person": record.person,
            "decision": record.decision,
            "items": list(record.items),
            "subject": record.subject,
            "evidence": record.evidence_digest,
            "checklist": record.checklist_digest,
            "outcomes": dict(signed.outcomes),
            "open": list(signed.open_items),
            "changes": None if signed.changes is None else list(signed.changes),
            "pinned": signed.pinned.digest if signed.pinned else None,
        }
        show_json(document)
        return
    click.echo(words(f"{record.person} signs as {record.role}: {record.decision} {', '.join(record.items)}"))
    click.echo(f"  subject    {record.subject}\n  evidence   {record.evidence_digest}\n  checklist  {record.checklist_digest}")
    click.echo(f"  measured   {', '.join(f'{count} {outcome}' for outcome, count in signed.outcomes.items())}")
    if signed.changes is not None:
        _listed(f"since the last sign-off as {record.role}", signed.changes or ("nothing changed",))
    if signed.open_items:
        click.secho(f"  ! signed although these do not pass: {', '.join(signed.open_items)}", fg="yellow")
    if signed.pinned:
        _show_pinned(signed.pinned)


def _show_pinned(state: PolicyState) -> None:
    click.echo(f"  policy     {state.digest}")
    click.echo("    pinned by this signature, the first one here: from now on only these people count, and only these demands hold")
    for role, members in state.people.items():
        click.echo(words(f"    {role}: {', '.join(f'{name} (key {key.key_id[:16]})' for name, key in members)}"))


def _show_policy(signed: SignedPolicy, role: str, as_json: bool) -> None:
    if as_json:
        show_json(
            {
                "person": signed.person,
                "role": role,
                "policy": signed.digest,
                "changes": list(signed.changes),
                "lacking": list(signed.lacking),
            }
        )
        return
    click.echo(f"{signed.person} signs as {role}: the policy {signed.digest}")
    _listed("which says", signed.changes)
    click.echo(f"  it still needs: {', '.join(signed.lacking)}" if signed.lacking else "  it is in force now")


def _show_asked(asked: Asked, done: str | None, as_json: bool) -> None:
    said = asked.to_json()
    if as_json:
        show_json(said | {"signed": done is not None})
        return
    click.echo(words(f"{asked.system} asks {' or '.join(said['people'])} to sign as {asked.role}"))
    for name in ("subject", "evidence", "checklist", "policy"):
        if said[name]:
            click.echo(f"  {name:<10} {words(said[name])}")
    for title, lines in asked.shown.items():
        _listed(title, lines)
    click.echo(f"  {done or 'nothing is signed: add --key and --out'}")


def _listed(title: str, lines: tuple[str, ...] | list[str]) -> None:
    click.echo(f"  {title}:")
    passing = [line for line in lines if line.startswith("PASS ")]
    for line in lines:
        if line not in passing[MOST_PASSING:]:
            click.echo(f"    {words(line)}")
    if len(passing) > MOST_PASSING:
        click.echo(f"    … and {len(passing) - MOST_PASSING} more that pass (--json shows all)")
