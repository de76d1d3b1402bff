"""Signing on another machine, so that private keys never travel: `gonogo sign --request`, `--answer`, `--import`.

The request holds everything that is signed and all that it rests on: checklist, evidence, answers, and the policy with the one before it.
Whoever answers judges it all again on their own machine, so what they are shown follows from the evidence and not from somebody's word;
what they cannot see is whether the files of the project are still those that were measured. That is judged when the answer comes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gonogo.base.canonical import canonical_bytes, parse_json
from gonogo.base.clock import Clock, SystemClock, parse_stamp, stamp
from gonogo.base.files import storage, write_atomic
from gonogo.errors import KeyFileError, NotFoundError, RefusedError, UsageError, VerificationError
from gonogo.evidence.record import Evidence
from gonogo.operations.check import Checked, check
from gonogo.operations.policy import PolicyState, add_policy_signature, policy_state
from gonogo.operations.sign import add_sign_off, changes_since, drafted, must_pin_first, seen, what_is_new
from gonogo.operations.workspace import Workspace
from gonogo.release.statements import checklist_from_json
from gonogo.trust.envelope import peek_payload
from gonogo.trust.signers.file import FileSigner
from gonogo.verdict.apart import Someone
from gonogo.verdict.judge import Answer, judge
from gonogo.verdict.outcome import Outcome, Verdict
from gonogo.verdict.policy import PREDICATE as POLICY_PREDICATE
from gonogo.verdict.policy import Pinned, Policy, demands, follow_all, sign_policy
from gonogo.verdict.sign_off import SignOff, read_sign_off, sign_off
from gonogo.verdict.waiver import read_waiver

REQUEST, ANSWER = "gonogo-sign-request/1", "gonogo-sign-answer/1"


def write_request(workspace: Workspace, role: str, file: Path, *, policy: bool = False) -> list[str]:
    """Write what a person of `role` is to sign (with `policy`: the changed policy) to `file`, and say what that is. Raises as `sign`."""
    state = policy_state(workspace)
    if not state.intact:
        raise VerificationError(state.problem)
    document: dict[str, Any] = {"format": REQUEST, "system": workspace.project.system, "role": role, "policy": None, "sign_off": None}
    if policy:
        if not state.lacking:
            raise RefusedError("the policy in force is the one that the project declares; nothing is to be signed.")
        document["policy"] = _begun(workspace, state).declared.to_json()
    else:
        checked = check(workspace, judge_only=True)
        if must_pin_first(state, role, rejecting=False):
            document["policy"] = _begun(workspace, state).declared.to_json()
        document["sign_off"] = _asked(workspace, checked, role)
    document["policies"] = [data.decode() for data in (state.log.pinned.envelopes if state.log.pinned else ())]
    write_atomic(file.resolve(), canonical_bytes(document))
    return [name.replace("_", "-") for name in ("policy", "sign_off") if document[name]]


@dataclass(frozen=True)
class Asked:
    """A request, judged again. `policy` names the people who are asked, `proposed` is a policy to sign, `draft` the sign-off without its
    signer; `shown` says in words what a signature agrees to, by what it is about."""

    system: str
    role: str
    policy: Policy
    pinned: Pinned | None
    proposed: Policy | None
    draft: SignOff | None
    shown: Mapping[str, list[str]]

    def to_json(self) -> dict[str, Any]:
        return {
            "system": self.system,
            "role": self.role,
            "people": [name for name, _ in self.policy.people.get(self.role, ())],
            "subject": self.draft.subject if self.draft else None,
            "evidence": self.draft.evidence_digest if self.draft else None,
            "checklist": self.draft.checklist_digest if self.draft else None,
            "policy": (self.proposed or self.policy).digest,
            "shown": dict(self.shown),
        }


def read_request(file: Path) -> Asked:
    """Judge a request again, to look at it before signing.

    Raises VerificationError when the request contradicts itself: then somebody wants a signature for something else than is shown.
    """
    request = _read(file, REQUEST, ("system", "role", "policy", "policies", "sign_off"))
    try:
        pinned = follow_all([str(text).encode() for text in request["policies"]])
        proposed = None if request["policy"] is None else Policy.from_json(request["policy"])
        policy = pinned.policy if pinned else proposed
        if policy is None or {policy.system, (proposed or policy).system} != {request["system"]}:
            raise VerificationError("the request does not say under which policy it is to be signed.")
        shown = {"the policy says": list(what_is_new(proposed, pinned))} if proposed else {}
        draft = None
        if request["sign_off"] is not None:
            draft, said = _judged_again(request, policy)
            shown.update(said)
        return Asked(request["system"], str(request["role"]), policy, pinned, proposed, draft, shown)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise VerificationError(
            f"{file} is no whole request: {error!r}.", hint="Ask for it again: gonogo sign ROLE --request FILE"
        ) from error


def answer_request(file: Path, *, key: Path, out: Path, reject: str | None = None, clock: Clock | None = None) -> tuple[str, Asked]:
    """Sign a request that was judged again, and write the signature to `out`. Who signed, and what they were shown.

    Raises as `read_request`, and KeyFileError when the key is none that the request's policy names for the role.
    """
    asked, signer = read_request(file), FileSigner(key)
    name = _member(asked.policy, asked.role, signer)
    if reject and asked.draft is None:
        raise UsageError("a policy is not rejected: it stays out of force until it is signed.")
    envelopes = [sign_policy(asked.proposed, asked.pinned, signer)] if asked.proposed and not reject else []
    if asked.draft:
        decided = replace(
            asked.draft,
            person=name,
            key_id=signer.key_id,
            decision="reject" if reject else "approve",
            reason=reject or "",
            time=stamp((clock or SystemClock()).now()),
        )
        envelopes.append(sign_off(decided, signer))
    answer = {"format": ANSWER, "system": asked.system, "envelopes": [data.decode() for data in envelopes]}
    write_atomic(out.resolve(), canonical_bytes(answer))
    return name, asked


def import_answer(workspace: Workspace, file: Path) -> list[str]:
    """Verify what came back and record it; says what. Raises VerificationError for a signature that does not count here, RefusedError
    when it is for something that has changed since."""
    answer = _read(file, ANSWER, ("system", "envelopes"))
    if answer["system"] != workspace.project.system:
        raise VerificationError(f"{file} is about {answer['system']}, not about {workspace.project.system}.")
    said = []
    for text in answer["envelopes"]:
        data = str(text).encode()
        state = policy_state(workspace)
        if not state.intact:
            raise VerificationError(state.problem)
        if peek_payload(data).get("predicateType") == POLICY_PREDICATE:
            add_policy_signature(workspace, state, data)
            after = policy_state(workspace)
            said.append(f"the policy {after.declared.digest}; still needed: {', '.join(after.lacking) or 'nobody, it is in force'}")
        else:
            said.append(_import_sign_off(workspace, state, data))
    return said


def _import_sign_off(workspace: Workspace, state: PolicyState, data: bytes) -> str:
    record = read_sign_off(data, state.people)
    if must_pin_first(state, record.role, rejecting=record.decision == "reject"):
        raise RefusedError(state.problem, hint="Ask again: gonogo sign ROLE --request FILE")
    checked = check(workspace, judge_only=True)
    verdict = checked.verdict
    if (record.subject, record.evidence_digest, record.checklist_digest) != (
        verdict.subject,
        verdict.evidence_digest,
        verdict.checklist_digest,
    ):
        raise RefusedError(
            f"{record.person} signed as {record.role} on {record.time}, but bundle, evidence or checklist changed since.", hint="Ask again."
        )
    if data not in [recorded.envelope for recorded in state.log.sign_offs]:
        add_sign_off(workspace, data, seen(workspace, checked))
    return f"{record.person} as {record.role}: {record.decision} {', '.join(record.items)}"


def _begun(workspace: Workspace, state: PolicyState) -> PolicyState:
    """The same once the store has its key: the first policy names it."""
    workspace.store()
    return policy_state(workspace) if state.log.pinned is None else state


def _asked(workspace: Workspace, checked: Checked, role: str) -> dict[str, Any]:
    """All that a sign-off rests on. Whose it will be is open yet."""
    draft = drafted(workspace, checked, role, ("", ""), None)
    overrides = workspace.project.items.items()
    said = changes_since(workspace, checked, role)
    return {
        "items": list(draft.items),
        "subject": draft.subject,
        "evidence_digest": draft.evidence_digest,
        "time": checked.verdict.time,
        "checklist": checked.checklist.to_json(),
        "evidence": {item: evidence.to_json() for item, evidence in checked.evidence.items()},
        "waivers": [data.decode() for data in checked.waivers.values()],
        "answers": {item: {"applies": one.applies, "reason": one.reason} for item, one in overrides if one.applies is not None},
        "changes": None if said is None else list(said),
        "author": checked.verdict.author.to_json() if checked.verdict.author else None,
    }


def _judged_again(request: Mapping[str, Any], policy: Policy) -> tuple[SignOff, dict[str, list[str]]]:
    """The sign-off without its signer, and what is shown for it, from the evidence in the request alone."""
    asked = request["sign_off"]
    checklist = checklist_from_json(asked["checklist"])
    evidence = {item: Evidence.from_json(data) for item, data in asked["evidence"].items()}
    verdict = judge(
        checklist,
        system=policy.system,
        subject=asked["subject"],
        evidence=evidence,
        current_inputs={item: one.inputs for item, one in evidence.items()},
        sign_offs=(),
        answers={item: Answer(one["applies"], one["reason"]) for item, one in asked["answers"].items()},
        waivers=[read_waiver(text.encode(), policy.people) for text in asked["waivers"]],
        author=Someone(**asked["author"]) if asked["author"] else None,
        now=parse_stamp(asked["time"]),
    )
    items = tuple(item.id for item in checklist.items if item.sign_off == request["role"])
    if (policy.checklist, dict(policy.items)) != (checklist.digest, demands(checklist)) or list(items) != asked["items"]:
        raise VerificationError("the checklist in the request is not the one of its policy.")
    if verdict.evidence_digest != asked["evidence_digest"]:
        raise VerificationError("the evidence in the request is not what it asks a signature for.")
    draft = SignOff(
        role=request["role"],
        person="",
        key_id="",
        items=items,
        subject=asked["subject"],
        evidence_digest=asked["evidence_digest"],
        checklist_digest=checklist.digest,
        decision="approve",
        reason="",
        time=asked["time"],
    )
    shown = {"measured": _results(verdict, {item.id for item in checklist.items if item.check})}
    if asked["changes"] is not None:
        shown["since the last sign-off in this role, as the project says"] = [str(line) for line in asked["changes"]]
    return draft, shown


def _results(verdict: Verdict, measured: set[str]) -> list[str]:
    """The measured items, those that do not pass first."""
    found = [one for one in verdict.items if one.item in measured]
    found.sort(key=lambda one: one.outcome is Outcome.PASS)
    return [f"{one.outcome:<14} {one.item}: {one.reason}" for one in found]


def _member(policy: Policy, role: str, signer: FileSigner) -> str:
    for name, key in policy.people.get(role, ()):
        if key.key_id == signer.key_id:
            return name
    names = " or ".join(name for name, _ in policy.people.get(role, ())) or "nobody"
    raise KeyFileError(f"this key is not that of {names}, who is asked as {role}.", hint="Sign with the key that the policy names.")


def _read(file: Path, form: str, keys: tuple[str, ...]) -> dict[str, Any]:
    if not file.is_file():
        raise NotFoundError(f"there is no file {file}.", hint="gonogo sign --request writes it, gonogo sign --answer answers it.")
    with storage(file, "read"):
        data = file.read_bytes()
    try:
        document = parse_json(data)
    except ValueError as error:
        raise UsageError(f"{file} is not JSON: {error}.") from error
    if not isinstance(document, dict) or document.get("format") != form or document.keys() != {"format", *keys}:
        raise UsageError(f"{file} is not of the form {form}.", hint="It is written by gonogo sign --request, and answered by --answer.")
    return document
