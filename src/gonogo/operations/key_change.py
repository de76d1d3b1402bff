"""`gonogo key new NAME --replace` and `gonogo key revoke NAME`: another key for the same person, and a key that signs nothing any more.

A replaced key is kept, under another name, where private keys lie: what it signed in other projects needs it until they have been changed,
too. The new policy is signed with the old key at once when that is all that changed; else by the roles that sign policies.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gonogo import settings
from gonogo.base.files import storage, write_atomic
from gonogo.errors import NotFoundError, UsageError, VerificationError
from gonogo.operations.key_new import private_keys, private_path
from gonogo.operations.policy import add_policy_signature, policy_state
from gonogo.operations.workspace import Workspace
from gonogo.registry.trust_log import record_revocation
from gonogo.trust.keys import generate_key
from gonogo.trust.signers.file import FileSigner
from gonogo.verdict.policy import replaced_key, sign_policy


@dataclass(frozen=True)
class ReplacedKey:
    """The new pair, and where the old private key lies now (None: it was not here). `lacking` are the roles that still have to sign the
    policy with the new key; empty when it is in force."""

    name: str
    private: Path
    public: tuple[Path, ...]
    key_id: str
    kept: Path | None
    lacking: tuple[str, ...]


@dataclass(frozen=True)
class RevokedKey:
    name: str
    key_id: str
    reason: str


def key_replace(name: str, workspace: Workspace) -> ReplacedKey:
    """A new key for a person of the project, in every role that they have.

    Raises NotFoundError when the project names nobody so, VerificationError when the log was tampered with.
    """
    people = [person for persons in workspace.project.people.values() for person in persons if person.name == name]
    places = tuple(dict.fromkeys(person.key for person in people))
    if not places:
        raise NotFoundError(f"{workspace.project.file.name} names nobody {name!r}.", hint=f"gonogo key new {name} --role ROLE")
    state = policy_state(workspace)
    if not state.intact:
        raise VerificationError(state.problem)
    private = private_path(places[0].stem)  # a file's stem leads nowhere else, whatever the person is called
    kept = _set_aside(private)
    with storage(private, "create"):
        private.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = generate_key(private)
    for public in places:
        write_atomic(public, key.pem.encode())
    return ReplacedKey(name, private, places, key.key_id, kept, _signed_by_the_old_key(workspace))


def _set_aside(private: Path) -> Path | None:
    """Rename the private key that lies there, and its public half with it; where it is now."""
    if not private.exists():
        return None
    old = FileSigner(private)
    kept = private.with_name(f"{private.stem}-until-{old.key_id[:8]}.key")
    write_atomic(kept.with_suffix(".pub"), old.public.pem.encode())
    with storage(private, "rename"):
        private.rename(kept)
        private.with_suffix(".pub").unlink(missing_ok=True)
    return kept


def key_revoke(name: str, workspace: Workspace, reason: str) -> RevokedKey:
    """Record that a person's key counts no more. `name` may also be the start of a key's id (8 digits at least).

    It can only take trust away, so it needs no signature: from now on nothing is GO until a policy without the key is signed, and the key
    is never accepted again. Raises NotFoundError when the policy names no such person or key.
    """
    if not reason.strip():
        raise UsageError("a revocation needs a reason.", hint="For example: --reason 'laptop stolen'")
    state = policy_state(workspace)
    if not state.intact:
        raise VerificationError(state.problem)
    named = {
        key.key_id: who
        for policy in (state.log.pinned.policy if state.log.pinned else state.declared, state.declared)
        for members in policy.people.values()
        for who, key in members
        if who == name or (len(name) >= 8 and key.key_id.startswith(name))
    }
    live = {key_id: who for key_id, who in named.items() if key_id not in state.log.revoked}
    if len(live) != 1:
        listed = ", ".join(key_id[:16] for key_id in live)
        if not live:
            raise NotFoundError(f"the policy names no {name!r} with a key that is not revoked yet.", hint="See `gonogo policy`.")
        raise UsageError(f"{name} has {len(live)} keys: {listed}.", hint="Give the start of the key's id instead of the name.")
    [(key_id, who)] = live.items()
    with workspace.store().transaction() as tx:
        record_revocation(tx, workspace.project.system, key_id, who, reason, settings.actor())
    return RevokedKey(who, key_id, reason)


def _signed_by_the_old_key(workspace: Workspace) -> tuple[str, ...]:
    """Sign the new policy with the key that it replaces, if that suffices and the key is here; who still has to sign."""
    state = policy_state(workspace)
    pinned = state.log.pinned
    if pinned is None:
        return ()
    old = replaced_key(pinned.policy, state.declared)
    here = private_keys({old}) if old and old not in state.log.revoked else []
    if here:
        add_policy_signature(workspace, state, sign_policy(state.declared, pinned, FileSigner(here[0])))
    return policy_state(workspace).lacking
