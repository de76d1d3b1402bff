"""The policy as the project declares it, against the one that is pinned in the store's log; `gonogo policy`.

Nobody's word counts (`PolicyState.problem`) when one of these holds, and then there is no GO:
  1. the log of the store was removed, cut or edited, or lies in the future of the clock;
  2. no policy is pinned yet, and the checklist asks for signatures;
  3. what gonogo.yaml and its pack declare is not what is pinned: a key, a person, a pack, a threshold, an answer;
  4. a key of the pinned policy is revoked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gonogo import settings
from gonogo.base.clock import parse_stamp
from gonogo.checklist.items import Pack, Review
from gonogo.checklist.load import load_pack
from gonogo.checklist.project import Project
from gonogo.errors import GonogoError, KeyFileError, VerificationError
from gonogo.operations.workspace import Workspace
from gonogo.registry.trust_log import POLICY, TrustLog, fold_trust, record_envelope
from gonogo.trust.envelope import claimed_key_ids, peek_payload
from gonogo.trust.keys import PublicKey
from gonogo.verdict.policy import People, Policy, changes, demands, lacking, policy_roles, read_policy

SKEW = timedelta(minutes=5)  #: so far may the clocks of the machines that write one log differ
AUTHORISED = "retrain then"  #: the setting that lets a retrained model go further than `staging`
MOST_CHANGES = 8  #: so many are named in a note


@dataclass(frozen=True)
class PolicyState:
    """Where the trust of a store stands. `problem` says why nobody's word counts, "" when it does; `notes` say it for a verdict. When the
    log is not `intact`, nothing in it is believed."""

    declared: Policy
    log: TrustLog
    problem: str
    notes: tuple[str, ...]
    intact: bool = True

    @property
    def digest(self) -> str | None:
        """Of the policy in force; None when there is none."""
        return self.log.pinned.policy.digest if self.log.pinned else None

    @property
    def people(self) -> People:
        """Whose signatures are read: those whom the pinned policy names, not those whom a file names."""
        return self.log.pinned.policy.people if self.log.pinned else self.declared.people

    @property
    def changes(self) -> tuple[str, ...]:
        """What is declared otherwise than pinned."""
        return changes(self.log.pinned.policy, self.declared) if self.log.pinned else ()

    @property
    def signed(self) -> tuple[str, ...]:
        """The keys that have signed the declared policy while it is not in force."""
        pending = self.log.pending.get(self.declared.digest)
        return read_policy(pending, self.log.pinned, self.log.revoked)[1] if pending else ()

    @property
    def lacking(self) -> tuple[str, ...]:
        """The roles that still have to sign the declared policy; empty when it is in force."""
        if self.log.pinned and self.log.pinned.policy.digest == self.declared.digest:
            return ()
        return lacking(self.declared, self.log.pinned, self.signed, self.log.revoked)

    @property
    def statements(self) -> Mapping[str, bytes]:
        """The line of policies, as it lies in a release."""
        envelopes = self.log.pinned.envelopes if self.log.pinned else ()
        return {f"policy/{number:04}.dsse.json": data for number, data in enumerate(envelopes, 1)}


def policy_state(workspace: Workspace, pack: Pack | None = None) -> PolicyState:
    """What is declared and what is pinned. Reads the log and writes nothing. Raises ProjectFileError for a mistake in project or pack."""
    pack = pack or load_pack(workspace.project.pack, workspace.project)
    declared, notes = _declared(workspace, pack)
    try:
        log, last = read_log(workspace)
    except GonogoError as error:
        said = f"{error.message} {error.hint}".strip()
        return PolicyState(declared, TrustLog(), said, (*notes, said), intact=False)
    late = last is not None and last > workspace.clock.now() + SKEW
    problem = (
        f"the clock stands before the last event of the log ({last}); set it." if late else _problem(PolicyState(declared, log, "", ()))
    )
    return PolicyState(declared, log, problem, (*notes, problem) if problem else tuple(notes))


def read_log(workspace: Workspace) -> tuple[TrustLog, datetime | None]:
    """Everything that was signed in this store, and when the log's last event was.

    Raises VerificationError when the whole log is not as it was written.
    """
    if not workspace.has_log():
        return TrustLog(), None
    workspace.check_log()
    events = list(workspace.store().events())
    return fold_trust(events, workspace.project.system), parse_stamp(events[-1].time) if events else None


def add_policy_signature(workspace: Workspace, state: PolicyState, envelope: bytes) -> None:
    """Record a signature under the declared policy. Raises VerificationError unless it is one that counts; one that has come into force
    already is nothing new."""
    if state.log.pinned and peek_payload(envelope) == peek_payload(state.log.pinned.envelopes[-1]):
        return
    policy, signed = read_policy(envelope, state.log.pinned, state.log.revoked)
    if policy.digest != state.declared.digest:
        raise VerificationError("the signature is under another policy than this project declares now.", hint="Ask for it again.")
    voices = policy if state.log.pinned is None else state.log.pinned.policy
    if not voices.roles_of(signed) & set(voices.policy_roles) and lacking(policy, state.log.pinned, signed, state.log.revoked):
        raise VerificationError(f"{voices.names_of(signed[0])} has none of the roles that sign a policy: {', '.join(voices.policy_roles)}.")
    if set(signed) <= set(state.signed):
        return
    with workspace.store().transaction() as tx:
        record_envelope(tx, POLICY, policy.system, envelope, settings.actor())


def declared_people(workspace: Workspace) -> tuple[People, list[str]]:
    """Names and public keys by role, as the project names them; a key that cannot be read is a problem, and its person signs nothing."""
    people: dict[str, Sequence[tuple[str, PublicKey]]] = {}
    problems = []
    for role, persons in workspace.project.people.items():
        found = []
        for person in persons:
            try:
                found.append((person.name, PublicKey.load(person.key)))
            except KeyFileError as error:
                problems.append(str(error))
        people[role] = tuple(found)
    return people, problems


def by_known_keys(data: bytes, people: People) -> bool:
    """Whether an envelope is by keys of these people at all; the log also holds those of keys that are no longer in the policy."""
    return set(claimed_key_ids(data)) <= {key.key_id for members in people.values() for _, key in members}


def _declared(workspace: Workspace, pack: Pack) -> tuple[Policy, list[str]]:
    project = workspace.project
    people, problems = declared_people(workspace)
    policy = Policy(
        system=project.system,
        store=workspace.public_key().key_id if workspace.key_file.exists() else "",
        pack=pack.name,
        checklist=pack.gate.digest,
        items=demands(pack.gate),
        answers={item: override.applies for item, override in project.items.items() if override.applies is not None},
        settings={
            "isolation": project.isolation,
            **({AUTHORISED: project.retrain.then} if project.retrain.then != "staging" else {}),
            **({"retrain accept": project.retrain.accept} if project.retrain.accept != "better" else {}),
            "test_uses": project.policy.test_uses,
            **{f"alarm {rule.name}": rule.words for rule in pack.monitor.rules},
            **{f"review of the {period}": _made(review, project) for period, review in pack.reviews.items()},
            **{f"review item {item.id}": item.demand for review in pack.reviews.values() for item in review.checklist.items},
        },
        policy_roles=policy_roles(pack.gate, pack.policy_roles),
        people=people,
    )
    return policy, problems


def _made(review: Review, project: Project) -> str:
    return f"{review.words}; {'made by the service' if review.period in project.monitor.reviews else 'made by hand'}"


def _problem(state: PolicyState) -> str:
    pinned = state.log.pinned
    if pinned is None:
        roles = " or ".join(state.declared.policy_roles)
        first = f"no policy is pinned in this store yet: the first signature as {roles} pins people, keys and demands as they are now."
        return first if roles else ""
    for key_id, why in state.log.revoked.items():
        if key_id in pinned.policy.keys or key_id in state.declared.keys:
            return f"the key {key_id[:16]} is revoked ({why}): nothing counts until a policy without it is signed."
    if state.changes:
        named = "; ".join(state.changes[:MOST_CHANGES]) + ("; …" if len(state.changes) > MOST_CHANGES else "")
        roles = " and ".join(state.lacking)
        return (
            f"the policy is not the one that was signed: {named}. Nothing counts until it is signed as {roles} (gonogo sign ROLE --policy)."
        )
    return ""
