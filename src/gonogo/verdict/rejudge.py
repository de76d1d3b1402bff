"""Judging again: whether a recorded verdict follows from the records beside it.

The judge is pure, so anybody who has the checklist, the evidence and the verified sign-offs can repeat it, as it was at the verdict's
own time. A sealed release is verified so: a verdict that was written by hand does not survive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gonogo.base.clock import parse_stamp
from gonogo.checklist.items import Checklist
from gonogo.errors import UsageError, VerificationError
from gonogo.evidence.record import Evidence
from gonogo.verdict.judge import Answer, judge
from gonogo.verdict.outcome import Decision, ItemResult, Outcome, Verdict
from gonogo.verdict.sign_off import SignOff
from gonogo.verdict.waiver import Waiver

FORMAT = "gonogo-verdict/1"


def read_verdict(data: Mapping[str, Any]) -> Verdict:
    """Inverse of `Verdict.to_json`. Raises ValueError for another format, unknown words, or missing or further keys."""
    try:
        items = tuple(
            ItemResult(**{**entry, "outcome": Outcome(entry["outcome"]), "requirements": tuple(entry["requirements"])})
            for entry in data["items"]
        )
        verdict = Verdict(
            system=data["system"],
            decision=Decision(data["verdict"]),
            subject=data["subject"],
            checklist_digest=data["checklist"],
            evidence_digest=data["evidence"],
            items=items,
            time=data["time"],
            notes=tuple(data["notes"]),
        )
        parse_stamp(verdict.time)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a verdict: {error}") from error
    if verdict.to_json() != data:
        raise ValueError("not a verdict: it has other keys or another format")
    return verdict


def confirm(
    verdict: Verdict,
    checklist: Checklist,
    evidence: Mapping[str, Evidence],
    sign_offs: Sequence[SignOff],
    waivers: Sequence[Waiver] = (),
) -> None:
    """Raise VerificationError, naming the items, unless judging these records again gives this verdict.

    Inputs are taken as the evidence names them: whether they were the current ones is what the verdict's signature vouches for.
    """
    if checklist.digest != verdict.checklist_digest:
        raise VerificationError("the verdict is about another checklist.")
    answers = {
        result.item: Answer(False, result.reason) if result.outcome is Outcome.NOT_APPLICABLE else Answer(True, "as judged")
        for result in verdict.items
    }
    try:
        again = judge(
            checklist,
            system=verdict.system,
            subject=verdict.subject,
            evidence=evidence,
            current_inputs={item: found.inputs for item, found in evidence.items()},
            sign_offs=sign_offs,
            waivers=waivers,
            answers=answers,
            now=parse_stamp(verdict.time),
        )
    except UsageError as error:
        raise VerificationError(f"the verdict cannot be judged again: {error}") from error
    recorded, repeated = _by_item(verdict), _by_item(again)
    other = sorted(item for item in recorded.keys() | repeated.keys() if recorded.get(item) != repeated.get(item))
    if other:
        raise VerificationError(f"the verdict does not follow from its records: {', '.join(other)}.")
    if (again.decision, again.evidence_digest) != (verdict.decision, verdict.evidence_digest):
        raise VerificationError(f"the verdict says {verdict.decision}, its records say {again.decision}.")


def _by_item(verdict: Verdict) -> dict[str, Any]:
    return {result.item: result.to_json() for result in verdict.items}
