"""`gonogo check`: build what would ship, measure what is missing or changed, and judge.

Judging alone (`judge_only`) never measures, builds or runs anything: it hashes the inputs as they lie there, and evidence of other inputs
is STALE.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from gonogo.base import catalogue
from gonogo.base.canonical import canonical_bytes
from gonogo.base.files import write_atomic
from gonogo.checklist.items import Checklist, Item, Pack
from gonogo.checklist.load import load_pack
from gonogo.checklist.project import Project
from gonogo.errors import GonogoError, KeyFileError, NotFoundError
from gonogo.evidence.check import asked_inputs
from gonogo.evidence.collect import collect, current_inputs
from gonogo.evidence.record import Evidence
from gonogo.evidence.store import EvidenceStore
from gonogo.operations.facts import read_facts
from gonogo.operations.history import remember
from gonogo.operations.inputs import ProjectInputs
from gonogo.operations.policy import PolicyState, by_known_keys, policy_state
from gonogo.operations.progress import Progress, silent
from gonogo.operations.workspace import Workspace
from gonogo.registry.trust_log import Recorded
from gonogo.reports.report import Report
from gonogo.trust.keys import PublicKey
from gonogo.verdict.apart import Someone
from gonogo.verdict.judge import Answer, judge, meets
from gonogo.verdict.outcome import Verdict
from gonogo.verdict.sign_off import People, SignOff, read_sign_off
from gonogo.verdict.waiver import Waiver, read_waiver

S = TypeVar("S", SignOff, Waiver)
#: What `data` of gonogo.yaml declares so that items measure it, and the checks that do. `gonogo certify` cuts its folds by it, too.
MEASURED_BY = {"group": ("group_overlap", "window_overlap"), "embargo": ("temporal_split", "cross_validation")}


@dataclass(frozen=True)
class Checked:
    """A verdict with all that it rests on. `sign_offs` holds, by file name, the envelopes that are about this very subject and evidence,
    `waivers` those about this subject; `policy` whose word counts, and why."""

    verdict: Verdict
    checklist: Checklist
    evidence: Mapping[str, Evidence]
    sign_offs: Mapping[str, bytes]
    policy: PolicyState
    waivers: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def people(self) -> People:
        """Names and public keys by role, as the policy in force names them."""
        return self.policy.people

    @property
    def report(self) -> Report:
        asked = dict.fromkeys(item.sign_off for item in self.checklist.items if item.sign_off)
        return Report(
            system=self.verdict.system,
            verdict=self.verdict,
            checklist=self.checklist,
            evidence=self.evidence,
            generated=self.verdict.time,
            unmanned=tuple(role for role in asked if not self.policy.declared.people.get(role)),
        )

    @property
    def signatures(self) -> tuple[SignOff, ...]:
        """What the envelopes in `sign_offs` say."""
        return tuple(read_sign_off(data, self.people) for data in self.sign_offs.values())


def check(workspace: Workspace, *, only: frozenset[str] = frozenset(), judge_only: bool = False, progress: Progress = silent) -> Checked:
    """Measure (all items, or `only` these) and judge. Raises NotFoundError for an item that the checklist does not have.

    An item that is named and has failed is measured again though nothing changed, its load test included: a machine that was busy is no
    input of the gate. One that has passed keeps its evidence, for which people may have signed.
    """
    pack = load_pack(workspace.project.pack, workspace.project)
    checklist = pack.gate
    unknown = only - {item.id for item in checklist.items}
    if unknown:
        raise NotFoundError(f"{checklist.title} has no item {', '.join(sorted(unknown))}.", hint="`gonogo check` lists the items.")
    store = EvidenceStore(workspace.evidence)
    previous = store.read_all(item.id for item in checklist.items if item.check)
    repeated = [item for item in checklist.items if item.id in only and item.id in previous and not meets(item, previous[item.id])]
    with ProjectInputs(workspace, build=not judge_only, progress=progress) as inputs:
        if judge_only:
            evidence = previous
        else:
            if _reads(checklist.items, "load_result"):
                inputs.run_load_test(again=_reads(repeated, "load_result"))
            if _reads(checklist.items, "scores_test"):
                inputs.count_test_use()
            evidence = collect(
                checklist,
                inputs,
                clock=workspace.clock,
                previous={name: found for name, found in previous.items() if name not in {item.id for item in repeated}},
                only=only or None,
                store=store,
                progress=_counted(checklist, progress),
            )
        now = current_inputs(checklist, inputs)
        subject = inputs.subject
        notes = [*store.notes, *inputs.notes, *inputs.test_use_notes(), *_undemanded(workspace.project, checklist)]
    checked = _judged(workspace, pack, subject, evidence, now, notes)
    write_atomic(workspace.path / "verdict.json", canonical_bytes(checked.verdict.to_json()))
    remember(workspace.history, checked.verdict)
    return checked


def check_facts(workspace: Workspace, file: Path) -> Checked:
    """Judge the evidence of a saved report (`gonogo check --json`) under today's checklist and policy.

    Nothing is measured, and the inputs are taken as the evidence names them: the verdict says what today's demands make of yesterday's
    facts. It is kept nowhere, and no release comes of it. Raises DataError when the file is no such report.
    """
    subject, evidence = read_facts(file)
    pack = load_pack(workspace.project.pack, workspace.project)
    asked = {item.id: evidence[item.id] for item in pack.gate.items if item.id in evidence}
    note = f"judged from the facts in {file.name}, not from the files as they are: no release comes of it"
    return _judged(workspace, pack, subject, asked, {item: one.inputs for item, one in asked.items()}, [note])


def _judged(
    workspace: Workspace,
    pack: Pack,
    subject: str | None,
    evidence: Mapping[str, Evidence],
    now: Mapping[str, Mapping[str, str]],
    notes: Sequence[str],
) -> Checked:
    """The verdict on the evidence, with the signatures of the log."""
    policy = policy_state(workspace, pack)
    problems = list(policy.notes)
    signed = _read(policy, policy.log.sign_offs, "sign-off", read_sign_off, problems)
    waived = _read(policy, policy.log.waivers, "waiver", read_waiver, problems)
    author = _author(workspace, problems)
    overrides = workspace.project.items.items()
    verdict = judge(
        pack.gate,
        system=workspace.project.system,
        subject=subject,
        evidence=evidence,
        current_inputs=now,
        sign_offs=[record for record, _ in signed.values()],
        answers={item: Answer(override.applies, override.reason) for item, override in overrides if override.applies is not None},
        now=workspace.clock.now(),
        notes=(*notes, *problems),
        waivers=[record for record, _ in waived.values()],
        policy=policy.digest,
        distrust=policy.problem,
        author=author,
    )
    about = (verdict.subject, verdict.evidence_digest, verdict.checklist_digest)
    current = {
        name: data for name, (record, data) in signed.items() if (record.subject, record.evidence_digest, record.checklist_digest) == about
    }
    excuses = {name: data for name, (record, data) in waived.items() if record.subject == subject}
    return Checked(verdict, pack.gate, evidence, current, policy, excuses)


def _undemanded(project: Project, checklist: Checklist) -> list[str]:
    """What `data` declares and no item measures: whoever declared it takes the tables for kept apart."""
    asked = {item.check for item in checklist.items}
    return [
        f"data.{name} is declared, but no item of {checklist.title} measures it: a pack of your own can, with the check {checks[0]}"
        for name, checks in MEASURED_BY.items()
        if getattr(project.data, name) is not None and not asked & set(checks)
    ]


def _reads(items: Iterable[Item], name: str) -> bool:
    """Whether a check of the items asks for the input."""
    checks = {item.check for item in items if item.check}
    return any(asked.name == name for check in checks for asked in asked_inputs(catalogue.load("checks", check)))


def _counted(checklist: Checklist, progress: Progress) -> Callable[[Item, str], None]:
    """Progress of the collection as "which item, how many of how many"."""
    order = [item.id for item in checklist.items if item.check]

    def tell(item: Item, step: str) -> None:
        progress(f"{item.id}: {step}", order.index(item.id) + (step != "measuring"), len(order))

    return tell


def _read(
    policy: PolicyState, recorded: Sequence[Recorded], what: str, read: Callable[[bytes, People], S], problems: list[str]
) -> dict[str, tuple[S, bytes]]:
    """Every sign-off or waiver of the log whose signature is that of a person who has the role now; others are problems.

    Those by keys that have left the policy are part of the past and said nothing about.
    """
    signed = {}
    for one in recorded:
        if not by_known_keys(one.envelope, policy.people):
            continue
        try:
            record = read(one.envelope, policy.people)
            signed[f"{one.seq:06}-{record.role}.dsse.json"] = (record, one.envelope)
        except GonogoError as error:
            problems.append(f"the {what} of event {one.seq} does not count: {error}")
    return signed


def _author(workspace: Workspace, problems: list[str]) -> Someone | None:
    author = workspace.project.author
    try:
        return None if author is None else Someone(author.name, PublicKey.load(author.key).key_id if author.key else None)
    except KeyFileError as error:
        problems.append(f"the author's key does not count: {error}")
        return None
