"""`gonogo review`: a checklist of what was in service over a period, measured on what is live, judged as the gate is, and filed.

Filing: the report lies in `reviews/` of the store, whole, and an event of the signed log names it with its digest. Persons sign a review
that is filed: for that release, that evidence and that checklist, as at the gate; then it is judged and filed again, beside the first.
A report that is not the one that the log names is not believed. Reviewing moves no traffic and changes no release.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from gonogo import settings
from gonogo.base.clock import parse_stamp, stamp
from gonogo.base.files import storage, write_atomic
from gonogo.base.tree import file_digest
from gonogo.checklist.items import Checklist, Review
from gonogo.checklist.load import load_pack
from gonogo.checklist.periods import Period
from gonogo.errors import NotFoundError, RefusedError, VerificationError
from gonogo.evidence.collect import collect, current_inputs
from gonogo.evidence.record import Evidence
from gonogo.monitor.due import GRACE, Plan, plan
from gonogo.operations.facts import read_facts
from gonogo.operations.live import Live, live_release
from gonogo.operations.policy import by_known_keys, policy_state
from gonogo.operations.progress import Progress, silent
from gonogo.operations.review_inputs import ReviewInputs
from gonogo.operations.sign import add_sign_off, find_signer
from gonogo.operations.workspace import Workspace
from gonogo.reports.html import render_html
from gonogo.reports.markdown import render_markdown
from gonogo.reports.review import ReviewReport, render_review_json
from gonogo.verdict.judge import Answer, judge
from gonogo.verdict.outcome import Decision, Verdict
from gonogo.verdict.sign_off import SignOff, read_sign_off, sign_off

KIND = "review"


@dataclass(frozen=True)
class Filed:
    """One review as the log has it. `name` is that of its files; `id` stays the same when it is signed."""

    id: str
    name: str
    period: Period
    release: str
    time: str
    well: bool
    findings: tuple[str, ...]
    report: str
    by: str


@dataclass(frozen=True)
class Reviewed:
    """A review with all that it rests on, and where it is filed."""

    report: ReviewReport
    filed: Filed

    @property
    def well(self) -> bool:
        return self.report.go


@dataclass(frozen=True)
class Scheduled:
    """A review of the pack: the one made last of this release, if any, and when the next one is due."""

    review: Review
    last: Filed | None
    plan: Plan | None  #: None when nothing is in production


def review(workspace: Workspace, period: str, *, progress: Progress = silent) -> Reviewed:
    """Measure, judge and file the review of a period up to now.

    Raises NotFoundError for a period that the pack does not review or when nothing is in production, StorageError when it cannot be filed.
    """
    asked = _asked(workspace, period)
    live, now = live_release(workspace), workspace.clock.now()
    with ReviewInputs(workspace, asked, live, now, made=partial(_made, workspace), progress=progress) as inputs:
        evidence = collect(asked.checklist, inputs, clock=workspace.clock, previous={}, progress=_told(asked.checklist, progress))
        verdict = _judged(workspace, asked.checklist, inputs.subject, evidence, current_inputs(asked.checklist, inputs), inputs.notes)
    report = ReviewReport.of(verdict, asked, evidence, release=live.release, now=now, live_since=live.since)
    return _file(workspace, report, f"{period}-{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03}Z", signatures=0)


def sign_review(
    workspace: Workspace, period: str, role: str, *, key: Path | None = None, note: str = "", reject: str | None = None
) -> Reviewed:
    """Sign the last review of a period, as a person of the role: that it was read, with a note (what was seen, what was decided); or, with
    `reject`, that it is not accepted. Raises as `sign`, RefusedError when the review is not the present one any more."""
    asked = _asked(workspace, period)
    last = next((one for one in reversed(filed_reviews(workspace)) if one.period == period), None)
    if last is None:
        raise NotFoundError(f"no review of a {period} was made yet.", hint=f"gonogo review {period}")
    name, signer = find_signer(policy_state(workspace), role, key)
    items = tuple(item.id for item in asked.checklist.items if item.sign_off == role)
    if not items:
        raise NotFoundError(f"{asked.checklist.title} asks for no sign-off of the role {role!r}.")
    document, evidence = _believed(workspace, last)
    if document["checklist"] != asked.checklist.digest:
        raise RefusedError(f"{last.id} was made by another checklist than the present one.", hint=f"gonogo review {period}")
    now = stamp(workspace.clock.now())
    record = SignOff(
        role=role,
        person=name,
        key_id=signer.key_id,
        items=items,
        subject=str(document["subject"]),
        evidence_digest=str(document["evidence"]),
        checklist_digest=asked.checklist.digest,
        decision="reject" if reject else "approve",
        reason=reject or note,
        time=now,
    )
    shown = {item["item"]: f"{item['outcome']}: {item['reason']}"[:200] for item in document["items"]}
    add_sign_off(workspace, sign_off(record, signer), shown)
    inputs = {item: one.inputs for item, one in evidence.items()}
    verdict = _judged(workspace, asked.checklist, document["subject"], evidence, inputs, document["notes"])
    report = ReviewReport(
        system=workspace.project.system, verdict=verdict, checklist=asked.checklist, evidence=evidence, generated=now, **_about(document)
    )
    return _file(workspace, report, last.id, signatures=int(last.name.partition(".signed-")[2] or 0) + 1)


def filed_reviews(workspace: Workspace) -> list[Filed]:
    """Every review of this system as it stands now, oldest first: one that was signed stands as it was filed last."""
    found: dict[str, Filed] = {}
    for event in workspace.store().events(kinds=[KIND]) if workspace.has_log() else ():
        body = event.body
        if body.get("system") == workspace.project.system:
            keys = ("id", "name", "period", "release", "time", "well", "report")
            found[str(body["id"])] = Filed(**{key: body[key] for key in keys}, findings=tuple(body["findings"]), by=event.actor)
    return list(found.values())


def schedule(workspace: Workspace) -> list[Scheduled]:
    """Every review of the pack, shortest period first, with when it is due."""
    reviews = load_pack(workspace.project.pack, workspace.project).reviews
    try:
        live = live_release(workspace)
    except NotFoundError:
        return [Scheduled(one, None, None) for one in reviews.values()]
    made = filed_reviews(workspace)
    found = []
    for one in reviews.values():
        last = next((filed for filed in reversed(made) if filed.period == one.period and filed.release == live.release), None)
        when = parse_stamp(last.time) if last else None
        found.append(Scheduled(one, last, plan(one.seconds, repeats=one.repeats, live_since=live.since, last=when)))
    return found


def filed_page(workspace: Workspace, name: str, kind: str) -> str:
    """The page of a filed review, by its id or its period (then the last one): html, md or json. Raises NotFoundError,
    VerificationError when it is not the one that the log names."""
    made = [one for one in filed_reviews(workspace) if name in (one.id, one.period)]
    if not made:
        raise NotFoundError(f"no review is called {name!r}.", hint="`gonogo review` lists those that were made.")
    _believed(workspace, made[-1])
    path = _folder(workspace) / f"{made[-1].name}.{kind}"
    with storage(path, "read"):
        return path.read_text(encoding="utf-8")


def _asked(workspace: Workspace, period: str) -> Review:
    reviews = load_pack(workspace.project.pack, workspace.project).reviews
    found = next((one for name, one in reviews.items() if name == period), None)
    if found is None:
        raise NotFoundError(f"the pack {workspace.project.pack} has no review of a {period}.", hint=f"It has: {', '.join(reviews)}.")
    return found


def _judged(
    workspace: Workspace,
    checklist: Checklist,
    subject: str | None,
    evidence: Mapping[str, Evidence],
    now: Mapping[str, Mapping[str, str]],
    notes: list[str],
) -> Verdict:
    """The judge of the gate, with the signatures of the log that are about these items. Who made the release does not matter here."""
    policy = policy_state(workspace)
    mine = {item.id for item in checklist.items}
    signed = [read_sign_off(one.envelope, policy.people) for one in policy.log.sign_offs if by_known_keys(one.envelope, policy.people)]
    overrides = workspace.project.items.items()
    return judge(
        checklist,
        system=workspace.project.system,
        subject=subject,
        evidence=evidence,
        current_inputs=now,
        sign_offs=[one for one in signed if mine & set(one.items)],
        answers={item: Answer(one.applies, one.reason) for item, one in overrides if one.applies is not None},
        now=workspace.clock.now(),
        notes=list(dict.fromkeys([*notes, *policy.notes])),
        policy=policy.digest,
        distrust=policy.problem,
    )


def _file(workspace: Workspace, report: ReviewReport, review_id: str, *, signatures: int) -> Reviewed:
    """Write the report, then the event that names it: a report without an event counts for nothing, and is written over."""
    name = review_id + (f".signed-{signatures}" if signatures else "")
    file = _folder(workspace) / f"{name}.json"
    write_atomic(file, (json.dumps(render_review_json(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())
    write_atomic(file.with_name(f"{name}.html"), render_html(report).encode())
    write_atomic(file.with_name(f"{name}.md"), render_markdown(report).encode())
    findings = tuple(f"{entry.item.id}: {entry.outcome}" for entry in report.blocking) + tuple(report.verdict.blocked)
    filed = Filed(
        review_id,
        name,
        report.period,
        report.release,
        report.until,
        report.verdict.decision is Decision.GO,
        findings,
        file_digest(file),
        settings.actor(),
    )
    body = {
        "system": report.system, "id": filed.id, "name": name, "period": filed.period, "release": filed.release, "time": filed.time,
        "well": filed.well, "findings": list(findings), "report": filed.report, "subject": report.verdict.subject,
        "evidence": report.verdict.evidence_digest, "checklist": report.verdict.checklist_digest,
    }  # fmt: skip
    with workspace.store().transaction() as tx:
        tx.append(KIND, body, filed.by)
    return Reviewed(report, filed)


def _made(workspace: Workspace, present: Review, live: Live, now: datetime) -> dict[str, Any]:
    """The input `reviews` of checks: what was reviewed, in seconds since 1970, and what is overdue beside the `present` review."""
    reviews = load_pack(workspace.project.pack, workspace.project).reviews
    made = [
        {"id": one.id, "period": one.period, "at": parse_stamp(one.time).timestamp(), "well": one.well, "findings": list(one.findings)}
        for one in filed_reviews(workspace)
    ]
    planned = [one for one in schedule(workspace) if one.plan and one.review.period != present.period]
    return {
        "seconds": {period: one.seconds for period, one in reviews.items()},
        "grace": GRACE,
        "now": now.timestamp(),
        "live_since": live.since.timestamp(),
        "made": made,
        "overdue": [one.review.period for one in planned if one.plan and one.plan.is_overdue(now)],
    }


def _believed(workspace: Workspace, filed: Filed) -> tuple[dict[str, Any], dict[str, Evidence]]:
    """The report and evidence of a filed review. Raises VerificationError unless its bytes are those that the log names."""
    file = _folder(workspace) / f"{filed.name}.json"
    if not file.is_file() or file_digest(file) != filed.report:
        raise VerificationError(
            f"the report of {filed.id} is not the one that the log names.", hint="Restore it from a backup, or review again."
        )
    document: dict[str, Any] = json.loads(file.read_bytes())
    return document, read_facts(file)[1]


def _about(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: document["review"][key] for key in ("period", "release", "since", "until", "seconds")}


def _folder(workspace: Workspace) -> Path:
    return workspace.path / "reviews"


def _told(checklist: Checklist, progress: Progress) -> Any:
    order = [item.id for item in checklist.items if item.check]
    return lambda item, step: progress(f"{item.id}: {step}", order.index(item.id) + (step != "measuring"), len(order))


def review_due(workspace: Workspace, *, progress: Progress = silent) -> list[Reviewed]:
    """Make every review that is due now."""
    now = workspace.clock.now()
    return [review(workspace, one.review.period, progress=progress) for one in schedule(workspace) if one.plan and one.plan.is_due(now)]


def schedule_document(workspace: Workspace) -> dict[str, Any]:
    """The schedule as JSON: of each review the last one, when the next one is due, and in `state` whether it is `due`, `overdue`, `later`,
    asked for `no more` of this release, or whether `nothing is live`."""
    now = workspace.clock.now()
    return {"time": stamp(now), "reviews": [_scheduled(one, now) for one in schedule(workspace)]}


def _scheduled(one: Scheduled, now: datetime) -> dict[str, Any]:
    planned, last = one.plan, one.last
    if planned is None:
        state = "nothing is live"
    elif planned.due is None:
        state = "no more"
    else:
        state = "overdue" if planned.is_overdue(now) else "due" if planned.is_due(now) else "later"
    made = {key: getattr(last, key) for key in ("id", "release", "time", "well", "by")} if last else None
    return {
        "period": one.review.period,
        "title": one.review.checklist.title,
        "repeats": one.review.repeats,
        "state": state,
        "due": stamp(planned.due) if planned and planned.due else None,
        "last": made | {"findings": list(last.findings)} if made and last else None,
    }
