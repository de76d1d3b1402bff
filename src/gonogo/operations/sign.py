"""`gonogo sign`: a person's signature, in a role, over exactly what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gonogo.base.clock import stamp
from gonogo.base.files import write_atomic
from gonogo.errors import KeyFileError, NotFoundError, RefusedError
from gonogo.operations.check import Checked, check
from gonogo.operations.key_new import private_path
from gonogo.operations.workspace import Workspace
from gonogo.trust.keys import PublicKey
from gonogo.trust.signers.file import FileSigner
from gonogo.verdict.outcome import GOOD, Outcome
from gonogo.verdict.sign_off import SignOff, sign_off

UNMEASURED = frozenset({Outcome.STALE, Outcome.NOT_RUN})


@dataclass(frozen=True)
class Signed:
    """What was signed, and where the envelope lies. `open_items` are the measured items that do not pass: the signer has seen them."""

    sign_off: SignOff
    path: Path
    open_items: tuple[str, ...]


def sign(workspace: Workspace, role: str, *, key: Path | None = None, reject: str | None = None) -> Signed:
    """Sign every item of `role` for the bundle and evidence as they are now; `reject` is the reason of a refusal.

    Raises NotFoundError for a role that the checklist does not ask for, KeyFileError when the key is not that of the role's person,
    RefusedError when something has not been measured yet: an approval of it would be void as soon as it is.
    """
    project = workspace.project
    persons = project.people.get(role)
    if not persons:
        known = ", ".join(project.people) or "nobody yet"
        raise NotFoundError(f"nobody has the role {role!r} in {project.file.name} ({known}).", hint=f"gonogo key new NAME --role {role}")
    here = [path for path in (private_path(one.key.stem) for one in persons) if path.exists()]
    signer = FileSigner(key or (here[0] if here else private_path(persons[0].key.stem)))
    person = next((one for one in persons if PublicKey.load(one.key).key_id == signer.key_id), None)
    if person is None:
        raise KeyFileError(
            f"this key is not {' or '.join(one.name for one in persons)}'s, who has the role {role!r}.",
            hint=f"Sign with the private half of {' or '.join(one.key.name for one in persons)}: --key FILE.",
        )
    checked = check(workspace, judge_only=True)
    items = tuple(item.id for item in checked.checklist.items if item.sign_off == role)
    if not items:
        raise NotFoundError(f"{checked.checklist.title} asks for no sign-off of the role {role!r}.")
    unmeasured = [
        result.item for result in checked.verdict.items if checked.checklist.item(result.item).check and result.outcome in UNMEASURED
    ]
    if unmeasured and not reject:
        raise RefusedError(f"{', '.join(unmeasured)}: not measured for the files as they are now.", hint="Run `gonogo check`, then sign.")
    statement = _statement(workspace, checked, role, person.name, signer.key_id, items, reject)
    name = f"{role}-{signer.key_id[:8]}-{statement.time.replace(':', '').replace('.', '')}.dsse.json"
    path = workspace.sign_offs / name
    write_atomic(path, sign_off(statement, signer))
    missing = tuple(
        result.item for result in checked.verdict.items if result.outcome not in GOOD and checked.checklist.item(result.item).check
    )
    return Signed(statement, path, missing)


def _statement(  # the record's own fields
    workspace: Workspace, checked: Checked, role: str, name: str, key_id: str, items: tuple[str, ...], reject: str | None
) -> SignOff:
    subject = checked.verdict.subject
    if subject is None or not checked.evidence:
        raise RefusedError("nothing has been measured for the files as they are now.", hint="Run `gonogo check` first.")
    return SignOff(
        role=role,
        person=name,
        key_id=key_id,
        items=items,
        subject=subject,
        evidence_digest=checked.verdict.evidence_digest,
        checklist_digest=checked.verdict.checklist_digest,
        decision="reject" if reject else "approve",
        reason=reject or "",
        time=stamp(workspace.clock.now()),
    )
