"""`gonogo check`: build what would ship, measure what is missing or changed, and judge.

Judging alone (`judge_only`) never measures, builds or runs anything: it hashes the inputs as they lie there, and evidence of other inputs
is STALE.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gonogo.base import catalogue
from gonogo.base.canonical import canonical_bytes
from gonogo.base.files import write_atomic
from gonogo.checklist.items import Checklist, Item
from gonogo.checklist.load import load_pack
from gonogo.errors import GonogoError, KeyFileError, NotFoundError
from gonogo.evidence.check import asked_inputs
from gonogo.evidence.collect import collect, current_inputs
from gonogo.evidence.record import Evidence
from gonogo.evidence.store import EvidenceStore
from gonogo.operations.history import remember
from gonogo.operations.inputs import ProjectInputs
from gonogo.operations.workspace import Workspace
from gonogo.reports.report import Report
from gonogo.trust.keys import PublicKey
from gonogo.verdict.judge import Answer, judge
from gonogo.verdict.outcome import Verdict
from gonogo.verdict.sign_off import People, SignOff, read_sign_off

Progress = Callable[[str, int, int], None]


def silent(what: str, done: int, total: int) -> None:
    """No progress shown."""


@dataclass(frozen=True)
class Checked:
    """A verdict with all that it rests on. `sign_offs` holds, by file name, the envelopes that are about this very subject and evidence;
    `people` the names and public keys by role."""

    verdict: Verdict
    checklist: Checklist
    evidence: Mapping[str, Evidence]
    sign_offs: Mapping[str, bytes]
    people: People

    @property
    def report(self) -> Report:
        return Report(
            system=self.verdict.system, verdict=self.verdict, checklist=self.checklist, evidence=self.evidence, generated=self.verdict.time
        )


def check(workspace: Workspace, *, only: frozenset[str] = frozenset(), judge_only: bool = False, progress: Progress = silent) -> Checked:
    """Measure (all items, or `only` these) and judge. Raises NotFoundError for an item that the checklist does not have."""
    project = workspace.project
    checklist = load_pack(project.pack, project).gate
    unknown = only - {item.id for item in checklist.items}
    if unknown:
        raise NotFoundError(f"{checklist.title} has no item {', '.join(sorted(unknown))}.", hint="`gonogo check` lists the items.")
    store = EvidenceStore(workspace.evidence)
    previous = store.read_all(item.id for item in checklist.items if item.check)
    with ProjectInputs(workspace, build=not judge_only, progress=progress) as inputs:
        if judge_only:
            evidence = previous
        else:
            if _reads_load_test(checklist):
                inputs.run_load_test()
            evidence = collect(
                checklist,
                inputs,
                clock=workspace.clock,
                previous=previous,
                only=only or None,
                store=store,
                progress=_counted(checklist, progress),
            )
        now = current_inputs(checklist, inputs)
        subject = inputs.subject
        notes = [*store.notes, *inputs.notes]
    people, problems = _people(workspace)
    signed = _sign_offs(workspace, people, problems)
    verdict = judge(
        checklist,
        system=project.system,
        subject=subject,
        evidence=evidence,
        current_inputs=now,
        sign_offs=[record for record, _ in signed.values()],
        answers={
            item: Answer(override.applies, override.reason) for item, override in project.items.items() if override.applies is not None
        },
        now=workspace.clock.now(),
        notes=(*notes, *problems),
    )
    write_atomic(workspace.path / "verdict.json", canonical_bytes(verdict.to_json()))
    remember(workspace.history, verdict)
    about = (verdict.subject, verdict.evidence_digest, verdict.checklist_digest)
    current = {
        name: data for name, (record, data) in signed.items() if (record.subject, record.evidence_digest, record.checklist_digest) == about
    }
    return Checked(verdict, checklist, evidence, current, people)


def _reads_load_test(checklist: Checklist) -> bool:
    checks = {item.check for item in checklist.items if item.check}
    return any(asked.name == "load_result" for check in checks for asked in asked_inputs(catalogue.load("checks", check)))


def _counted(checklist: Checklist, progress: Progress) -> Callable[[Item, str], None]:
    """Progress of the collection as "which item, how many of how many"."""
    order = [item.id for item in checklist.items if item.check]

    def tell(item: Item, step: str) -> None:
        progress(f"{item.id}: {step}", order.index(item.id) + (step != "measuring"), len(order))

    return tell


def _people(workspace: Workspace) -> tuple[People, list[str]]:
    """Names and public keys by role; a key that cannot be read is a problem, and its person signs nothing."""
    people: dict[str, list[tuple[str, PublicKey]]] = {}
    problems = []
    for role, persons in workspace.project.people.items():
        people[role] = []
        for person in persons:
            try:
                people[role].append((person.name, PublicKey.load(person.key)))
            except KeyFileError as error:
                problems.append(str(error))
    return people, problems


def _sign_offs(workspace: Workspace, people: People, problems: list[str]) -> dict[str, tuple[SignOff, bytes]]:
    """Every envelope, by file name, whose signature is that of the person who has the role; the others become problems, never sign-offs."""
    signed = {}
    for path in sorted(workspace.sign_offs.glob("*.dsse.json")):
        data = path.read_bytes()
        try:
            signed[path.name] = (read_sign_off(data, people), data)
        except GonogoError as error:
            problems.append(f"{path.name} does not count: {error}")
    return signed
