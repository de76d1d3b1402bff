"""The judge: items and evidence in, GO or NO-GO out. Pure: no file, no clock, no network.

The world is closed: GO needs every item to have one of the good words (PASS, WAIVED, NOT_APPLICABLE), every mandatory one PASS, at
least one mandatory item, and a subject. Outcomes of an item with a check, in the order in which they are decided:

    an answer says that it does not apply ........ NOT_APPLICABLE   (conditional and optional items, with a reason)
    a conditional item without an answer ......... NOT_RUN
    no evidence .................................. NOT_RUN
    evidence of another item or malformed ........ ERROR
    another check, options, input or bundle ...... STALE            (also an input that is gone, over-age, from the future)
    the check could not measure .................. ERROR
    a requirement cannot be judged ............... ERROR
    a requirement is not met ..................... FAIL, or WAIVED when every offender has a live waiver
    otherwise .................................... PASS

Laws (tests/properties/test_verdict_laws.py): removing evidence never improves a verdict; adding an item to a checklist with a mandatory
item never turns NO-GO into GO; the order of evidence, sign-offs and waivers does not matter; judging again gives the same verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from gonogo.base.canonical import digest
from gonogo.base.clock import parse_stamp, stamp
from gonogo.checklist.evaluate import Judged, evaluate
from gonogo.checklist.expression import ExpressionError, parse
from gonogo.checklist.items import Checklist, Item
from gonogo.errors import UsageError
from gonogo.evidence.record import Evidence
from gonogo.verdict.apart import Someone
from gonogo.verdict.outcome import GOOD, Decision, ItemResult, Outcome, Verdict
from gonogo.verdict.phases import overruns
from gonogo.verdict.sign_off import SignOff, judge_sign_offs
from gonogo.verdict.waiver import Waiver, in_force, independent, live_waivers, offenders, waivable

MISSING = "missing:"  #: how `current_inputs` says that an input cannot be had


@dataclass(frozen=True)
class Answer:
    """Whether a conditional or optional item applies, and why. Without a reason it is no answer."""

    applies: bool
    reason: str


def judge(
    checklist: Checklist,
    *,
    system: str,
    subject: str | None,
    evidence: Mapping[str, Evidence],
    current_inputs: Mapping[str, Mapping[str, str]],
    sign_offs: Sequence[SignOff],
    answers: Mapping[str, Answer],
    now: datetime,
    waivers: Sequence[Waiver] = (),
    notes: Sequence[str] = (),
    policy: str | None = None,
    distrust: str = "",
    author: Someone | None = None,
) -> Verdict:
    """Judge a checklist. `current_inputs` holds, by item, the digest of every input as it is now ("missing:<why>" when it is gone).

    `policy` is the digest of the policy in force; `distrust` says why nobody's word counts at the moment, and then nothing is GO.
    `author` is who made the candidate.

    Raises UsageError for an empty checklist: nothing demanded is nothing shown.
    """
    if not checklist.items:
        raise UsageError(f"the checklist {checklist.title!r} is empty.", hint="A checklist has at least one item.")
    results: dict[str, ItemResult] = {}
    free = independent(waivers, checklist, author)
    for item in checklist.items:
        result = _by_answer(item, answers.get(item.id))
        if result is None and item.check is not None:
            result = _by_evidence(item, subject, evidence.get(item.id), current_inputs.get(item.id), now)
            if result.offenders and (excuses := live_waivers(item, subject, result.offenders, free, now)):
                result = _waived(result, excuses)
        if result is not None:
            results[item.id] = result
    measured = evidence_digest(checklist, results.values(), author)
    to_sign = [item for item in checklist.items if item.id not in results]
    given = judge_sign_offs(checklist, to_sign, subject=subject, evidence_digest=measured, sign_offs=sign_offs, now=now, author=author)
    for name, result in given.items():
        void = distrust and result.outcome is Outcome.PASS
        results[name] = replace(result, outcome=Outcome.STALE, reason=f"{result.reason}, but {distrust}") if void else result
    draft = "" if checklist.status == "ready" else f"{checklist.title} is a draft, and a draft is never GO."
    blocked = tuple(why for why in (distrust, draft) if why)
    ordered = tuple(results[item.id] for item in checklist.items)
    return Verdict(
        system=system,
        decision=decide(ordered, subject, blocked),
        subject=subject,
        checklist_digest=checklist.digest,
        evidence_digest=measured,
        items=ordered,
        time=stamp(now),
        notes=(
            *notes,
            *overruns(checklist, evidence),
            *_idle_waivers([one for one in waivers if one.subject == subject], free, checklist, ordered, now),
        ),
        policy=policy,
        blocked=blocked,
        author=author,
    )


def decide(results: Sequence[ItemResult], subject: str | None, blocked: Sequence[str] = ()) -> Decision:
    """GO only for a subject, with nothing `blocked`, every item good, every mandatory one PASS, and at least one mandatory."""
    every_good = all(result.outcome in GOOD for result in results)
    mandatory = [result for result in results if result.mandatory]
    every_mandatory = bool(mandatory) and all(result.outcome is Outcome.PASS for result in mandatory)
    return Decision.GO if subject and every_good and every_mandatory and not blocked else Decision.NO_GO


def evidence_digest(checklist: Checklist, results: Iterable[ItemResult], author: Someone | None = None) -> str:
    """The digest of all that people sign for besides bundle and checklist: what was measured, what does not apply, what is waived, and
    whose work it is.

    It can be computed again from a verdict's own items, so a stranger can check it.
    """
    by_id = {result.item: result for result in results}
    parts: dict[str, Any] = {}
    for item in checklist.items:
        result = by_id.get(item.id)
        if result is not None and result.outcome is Outcome.NOT_APPLICABLE:
            parts[item.id] = {"not_applicable": result.reason}
        elif item.check is not None and result is not None:
            waived = {"waived": result.reason} if result.outcome is Outcome.WAIVED else {}
            parts[item.id] = {"evidence": result.evidence, **waived}
    whose = {"author": author.to_json()} if author else {}
    return digest({"format": "gonogo-evidence-set/1", "items": parts, **whose})


def _by_answer(item: Item, answer: Answer | None) -> ItemResult | None:
    """What the recorded answer decides; None when the item is to be judged. Mandatory items always are."""
    if item.kind == "mandatory":
        return None
    if answer is not None and answer.reason.strip():
        if answer.applies:
            return None
        return ItemResult(item.id, Outcome.NOT_APPLICABLE, answer.reason, mandatory=False)
    if item.kind == "conditional":
        said = f"nobody has said whether it applies: set items.{item.id}.applies and .reason in gonogo.yaml"
        return ItemResult(item.id, Outcome.NOT_RUN, said, mandatory=False)
    return None


def _by_evidence(item: Item, subject: str | None, found: Evidence | None, current: Mapping[str, str] | None, now: datetime) -> ItemResult:
    mandatory = item.kind == "mandatory"
    if found is None:
        gone = [f"{name} is missing: {why}" for name, why in _gone(current or {})]
        return ItemResult(item.id, Outcome.NOT_RUN, "; ".join(["nothing was measured", *gone]), mandatory=mandatory)
    result = ItemResult(item.id, Outcome.ERROR, "", evidence=found.digest, mandatory=mandatory)
    unfit = _unfit(item, subject, found, current, now)
    if unfit is not None:
        return replace(result, outcome=unfit[0], reason=unfit[1])
    judged = [_requirement(text, found, item.confidence) for text in item.require]
    result = replace(result, requirements=tuple(_shown(one) for one in judged))
    errors = [one.reason for one in judged if one.error]
    failures = [one.reason for one in judged if not one.met]
    if errors:
        return replace(result, outcome=Outcome.ERROR, reason="; ".join(errors))
    if failures:
        offending = offenders(item, found, [one.required for one in judged if not one.met])
        return replace(result, outcome=Outcome.FAIL, reason="; ".join(failures), offenders=offending)
    return replace(result, outcome=Outcome.PASS, reason="; ".join(one.measured for one in judged))


def meets(item: Item, found: Evidence) -> bool:
    """Whether evidence, whatever it was measured on, meets every requirement of its item."""
    judged = [_requirement(text, found, item.confidence) for text in item.require]
    return found.status == "measured" and bool(judged) and all(one.met and not one.error for one in judged)


def _unfit(
    item: Item, subject: str | None, found: Evidence, current: Mapping[str, str] | None, now: datetime
) -> tuple[Outcome, str] | None:
    """Why the evidence cannot be judged at all, or None."""
    if found.item != item.id:
        return Outcome.ERROR, f"the evidence belongs to the item {found.item}"
    try:
        stale = next(_stale(item, subject, found, current, now), "")
    except ValueError as error:
        return Outcome.ERROR, f"the evidence is malformed: {error}"
    if stale:
        return Outcome.STALE, stale
    if found.status != "measured":
        return Outcome.ERROR, found.message or "the check could not measure"
    return None if item.require else (Outcome.ERROR, "the item has no requirement")


def _stale(item: Item, subject: str | None, found: Evidence, current: Mapping[str, str] | None, now: datetime) -> Iterator[str]:
    """Why the evidence no longer speaks for what is there now. Raises ValueError for a time that cannot be read."""
    started, finished = parse_stamp(found.started), parse_stamp(found.finished)
    if finished < started:
        raise ValueError(f"it ended ({found.finished}) before it began ({found.started})")
    if found.check != item.check:
        yield f"it was measured by the check {found.check}, the item now asks for {item.check}"
    if found.options != digest(dict(item.options)):
        yield "the check's options changed since it was measured"
    if current is None or not found.inputs:
        yield "nothing says on which inputs it was measured, or what they are now"
    changed = _changed(found, current or {})
    if changed:
        yield f"changed since it was measured: {', '.join(changed)}"
    if found.status == "measured" and found.inputs.get("bundle", subject) != subject:
        yield "it was measured on another bundle"
    if finished > now:
        yield f"it was measured in the future ({found.finished})"
    if item.max_age is not None and (now - started).total_seconds() > item.max_age:
        yield f"it is older than {timedelta(seconds=item.max_age)} (measured {found.started})"


def _changed(found: Evidence, current: Mapping[str, str]) -> list[str]:
    """The inputs that are not what was measured. An error about an input that is still missing is not stale, it is an error."""
    names = sorted(found.inputs.keys() | current.keys())
    changed = [name for name in names if found.inputs.get(name) != current.get(name)]
    gone = dict(_gone(current))
    if not changed and found.status == "measured":
        changed = list(gone)
    return [f"{name} ({gone[name]})" if name in gone else name for name in changed]


def _gone(current: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, value.removeprefix(MISSING).strip()) for name, value in sorted(current.items()) if value.startswith(MISSING)]


def _requirement(text: str, found: Evidence, confidence: float | None) -> Judged:
    try:
        return evaluate(parse(text), found.facts, confidence)
    except ExpressionError as error:
        return Judged(False, "", text, f"{text!r} is no requirement: {error}", error=True)


def _shown(judged: Judged) -> dict[str, Any]:
    return {
        "required": judged.required,
        "measured": judged.measured,
        "met": judged.met,
        "error": judged.error,
        "reason": judged.reason,
    }


def _waived(result: ItemResult, excuses: Sequence[Waiver]) -> ItemResult:
    said = [f"{one.offender!r} is waived until {one.until} by {one.person} ({one.role}): {one.reason}" for one in excuses]
    return replace(result, outcome=Outcome.WAIVED, reason="; ".join([result.reason, *said]))


def _idle_waivers(
    waivers: Sequence[Waiver], free: Sequence[Waiver], checklist: Checklist, results: Sequence[ItemResult], now: datetime
) -> list[str]:
    """A waiver that excuses nothing is itself worth saying. Those of other bundles are part of the past."""
    items = {item.id: item for item in checklist.items}
    offending = {result.item: result.offenders for result in results}
    said = set()
    for waiver in waivers:
        if waiver.item not in items or not waivable(items[waiver.item]):
            why = "nothing can be waived there"
        elif not in_force(waiver, now):
            why = f"it is in force from {waiver.time} to {waiver.until}, for {waiver.reason.strip() or 'no reason'}"
        elif waiver not in free:
            why = f"the author, or nobody knows who, gave it as {waiver.role}"
        elif waiver.offender not in offending[waiver.item]:
            why = f"{waiver.offender!r} is no offender now"
        else:
            continue
        said.add(f"the waiver for {waiver.item} by {waiver.person} excuses nothing: {why}")
    return sorted(said)
