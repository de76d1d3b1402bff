"""`gonogo sign`: a person's signature, in a role, over exactly what was measured; or over a changed policy.

The first signature of a store also pins the policy: from then on people, keys and demands are those that it saw. Everything signed is an
event of the log (see `registry/trust_log.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gonogo import settings
from gonogo.base.clock import stamp
from gonogo.errors import KeyFileError, NotFoundError, RefusedError, UsageError, VerificationError
from gonogo.operations.check import Checked, check
from gonogo.operations.key_new import private_keys
from gonogo.operations.policy import PolicyState, add_policy_signature, by_known_keys, policy_state
from gonogo.operations.workspace import Workspace
from gonogo.registry.trust_log import SIGN_OFF, record_envelope
from gonogo.trust.keys import Signer
from gonogo.trust.signers.file import FileSigner
from gonogo.verdict.apart import Someone, clashes
from gonogo.verdict.outcome import GOOD, Outcome
from gonogo.verdict.phases import open_before
from gonogo.verdict.policy import Pinned, Policy, changes, sign_policy
from gonogo.verdict.sign_off import SignOff, read_sign_off, sign_off

UNMEASURED = frozenset({Outcome.STALE, Outcome.NOT_RUN})
DECLARED = "gonogo.yaml "  #: before the name of a part of the project; no item has such a name
MOST_TEXT = 200  #: so much of what was measured is remembered for "what changed since"


@dataclass(frozen=True)
class Signed:
    """What was signed. `outcomes` counts what was measured, `open_items` are the measured items that do not pass, `changes` what is
    otherwise than at the last sign-off of the role (None: there was none): the signer has seen them all. `pinned` is the policy's state
    when this signature was the one that pinned it."""

    sign_off: SignOff
    outcomes: Mapping[str, int]
    open_items: tuple[str, ...]
    changes: tuple[str, ...] | None
    pinned: PolicyState | None = None


@dataclass(frozen=True)
class SignedPolicy:
    """A signature under a policy: what it changes, and the roles whose signature it still lacks."""

    person: str
    digest: str
    changes: tuple[str, ...]
    lacking: tuple[str, ...]


def sign(workspace: Workspace, role: str, *, key: Path | None = None, reject: str | None = None) -> Signed:
    """Sign every item of `role` for the bundle and evidence as they are now; `reject` is the reason of a refusal.

    Raises NotFoundError for a role that nobody has or the checklist does not ask for, KeyFileError when the key is not that of one of the
    role's people, RefusedError when something has not been measured yet (an approval of it would be void as soon as it is), when the
    policy is another one than the signed one, or when the role may not pin the first one.
    """
    state = policy_state(workspace)
    name, signer = find_signer(state, role, key)
    checked = check(workspace, judge_only=True)
    record = drafted(workspace, checked, role, (name, signer.key_id), reject)
    first = must_pin_first(checked.policy, role, rejecting=reject is not None)
    said = changes_since(workspace, checked, role)
    if first:
        pin_first(workspace, signer)
    add_sign_off(workspace, sign_off(record, signer), seen(workspace, checked))
    outcomes = Counter(str(one.outcome) for one in checked.verdict.items if checked.checklist.item(one.item).check)
    return Signed(record, outcomes, open_items(checked), said, policy_state(workspace) if first else None)


def sign_changed_policy(workspace: Workspace, role: str, *, key: Path | None = None) -> SignedPolicy:
    """Sign what gonogo.yaml and its pack declare now, as a person of the policy in force (or of the first one). Raises as `sign`."""
    state = policy_state(workspace)
    name, signer = find_signer(state, role, key)
    said = what_is_new(state.declared, state.log.pinned)
    if state.log.pinned is None:
        pin_first(workspace, signer)
    else:
        if not state.lacking:
            raise RefusedError("the policy in force is the one that the project declares; nothing is to be signed.")
        add_policy_signature(workspace, state, sign_policy(state.declared, state.log.pinned, signer))
    after = policy_state(workspace)
    return SignedPolicy(name, after.declared.digest, said, after.lacking)


def find_signer(state: PolicyState, role: str, key: Path | None) -> tuple[str, FileSigner]:
    """Name and signer of a person of the role: with `key`, or with the one private key of them that lies on this machine."""
    if not state.intact:
        raise VerificationError(state.problem)
    members = {public.key_id: (name, public) for name, public in state.people.get(role, ())}
    if not members:
        asked = {str(one["sign_off"]) for one in state.declared.items.values() if one.get("sign_off")} | set(state.declared.policy_roles)
        hint = f"gonogo key new NAME --role {role}" if role in asked else f"The gate asks for: {', '.join(sorted(asked))}."
        if state.log.pinned and state.declared.people.get(role):
            hint = "The policy in force does not know that role's people yet: gonogo sign ROLE --policy, by those whom it names."
        raise NotFoundError(f"nobody has the role {role!r} ({', '.join(state.people) or 'nobody has any yet'}).", hint=hint)
    names = " or ".join(name for name, _ in members.values())
    if key is None:
        here = private_keys(members.keys() - state.log.revoked.keys())
        if len(here) > 1:
            raise UsageError(
                f"the keys of several people who are {role} lie here.", hint=f"Say which: {', '.join(f'--key {one}' for one in here)}"
            )
        if not here:
            raise KeyFileError(
                f"no private key of {names} lies in {settings.text('keys')}.",
                hint="Name it with --key FILE, or let them sign elsewhere: gonogo sign ROLE --request FILE",
            )
        key = here[0]
    signer = FileSigner(key)
    if signer.key_id not in members:
        raise KeyFileError(f"this key is not {names}'s, who has the role {role!r}.", hint="Sign with their private key: --key FILE.")
    if signer.key_id in state.log.revoked:
        raise KeyFileError(f"this key is revoked ({state.log.revoked[signer.key_id]}).", hint="docs/how-to-keys.md says what to do.")
    return members[signer.key_id][0], signer


def drafted(workspace: Workspace, checked: Checked, role: str, person: tuple[str, str], reject: str | None) -> SignOff:
    """What the person (name, key id) would sign now. Raises RefusedError when it could not count."""
    items = tuple(item.id for item in checked.checklist.items if item.sign_off == role)
    if not items:
        raise NotFoundError(f"{checked.checklist.title} asks for no sign-off of the role {role!r}.")
    asked = {item.id for item in checked.checklist.items if item.check}
    unmeasured = [result.item for result in checked.verdict.items if result.item in asked and result.outcome in UNMEASURED]
    if unmeasured and not reject:
        raise RefusedError(
            f"{', '.join(unmeasured)}: not measured for the files, packages and demands as they are now.",
            hint="Run `gonogo check`, then sign.",
        )
    own_work = clashes(checked.checklist.apart, {role: [Someone(*person)]}, checked.verdict.author).get(role)
    if own_work and not reject:
        raise RefusedError(f"{own_work}.", hint="Let somebody else sign; docs/how-to-approve.md says who may.")
    waiting = open_before(checked.checklist, checked.verdict.items, role)
    if waiting and not reject:
        raise RefusedError(f"{', '.join(waiting)} must pass before {role} signs.", hint="`gonogo check` says what is open there.")
    if checked.verdict.subject is None or not checked.evidence:
        raise RefusedError("nothing has been measured for the project as it is now.", hint="Run `gonogo check` first.")
    return SignOff(
        role=role,
        person=person[0],
        key_id=person[1],
        items=items,
        subject=checked.verdict.subject,
        evidence_digest=checked.verdict.evidence_digest,
        checklist_digest=checked.verdict.checklist_digest,
        decision="reject" if reject else "approve",
        reason=reject or "",
        time=stamp(workspace.clock.now()),
    )


def must_pin_first(state: PolicyState, role: str, *, rejecting: bool) -> bool:
    """Whether this signature has to pin the policy. A rejection pins nothing, and is heard under whatever policy. Raises RefusedError
    when the role cannot sign now."""
    if rejecting or not state.problem:
        return False
    if state.log.pinned is None and role in state.declared.policy_roles:
        return True
    if state.log.pinned is None:
        roles = state.declared.policy_roles
        hint = f"Let somebody sign first who is {' or '.join(roles)}; before what is measured, with `--policy`."
        raise RefusedError(state.problem, hint=hint)
    raise RefusedError(state.problem, hint="See `gonogo policy`.")


def pin_first(workspace: Workspace, signer: Signer) -> None:
    """The first policy of the store, on the word of this signer. The log is begun when there is none."""
    workspace.store()
    state = policy_state(workspace)
    add_policy_signature(workspace, state, sign_policy(state.declared, None, signer))


def add_sign_off(workspace: Workspace, envelope: bytes, shown: Mapping[str, str]) -> None:
    with workspace.store().transaction() as tx:
        record_envelope(tx, SIGN_OFF, workspace.project.system, envelope, settings.actor(), shown)


def open_items(checked: Checked) -> tuple[str, ...]:
    """The measured items that do not pass."""
    return tuple(
        result.item for result in checked.verdict.items if result.outcome not in GOOD and checked.checklist.item(result.item).check
    )


def seen(workspace: Workspace, checked: Checked) -> dict[str, str]:
    """What a signer is shown: of every item that is measured its outcome and reason, and what gonogo.yaml declared, by digest."""
    asked = {item.id for item in checked.checklist.items if item.check}
    items = {one.item: f"{one.outcome}: {one.reason}"[:MOST_TEXT] for one in checked.verdict.items if one.item in asked}
    project = workspace.project
    return items | {f"{DECLARED}{part}": project.digest(part) for part in project.to_json() if part not in ("format", "people", "items")}


def changes_since(workspace: Workspace, checked: Checked, role: str) -> tuple[str, ...] | None:
    """What is otherwise than when somebody last signed in this role; None when nobody has."""
    for recorded in reversed(checked.policy.log.sign_offs):
        if by_known_keys(recorded.envelope, checked.people) and read_sign_off(recorded.envelope, checked.people).role == role:
            break
    else:
        return None
    last = read_sign_off(recorded.envelope, checked.people)
    verdict, now, before = checked.verdict, seen(workspace, checked), recorded.seen
    found = ["the bundle is another one"] if last.subject != verdict.subject else []
    found += ["the checklist is another one"] if last.checklist_digest != verdict.checklist_digest else []
    for item in dict.fromkeys([*before, *now]):
        if before.get(item) != now.get(item) and item.startswith(DECLARED):
            found.append(f"{workspace.project.file.name} declares another {item.removeprefix(DECLARED)}")
        elif before.get(item) != now.get(item):
            found.append(f"{item}: {before.get(item, 'not there')} → {now.get(item, 'not there')}")
    if not found and last.evidence_digest != verdict.evidence_digest:
        found.append("it was measured again, with the same results")
    return tuple(found)


def what_is_new(declared: Policy, pinned: Pinned | None) -> tuple[str, ...]:
    """What a signature under the declared policy agrees to, in words."""
    if pinned:
        return changes(pinned.policy, declared)
    people = [f"{name} (key {key.key_id[:16]}) is {role}" for role, members in declared.people.items() for name, key in members]
    return (*people, f"the pack {declared.pack} demands {len(declared.items)} items")
