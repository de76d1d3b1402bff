"""The approval: the only thing that lets a bundle be sealed, and only a GO makes one.

approval = approve(verdict)          # or NotApprovedError
seal(bundle, approval, …)            # release: refuses a bundle whose digest is not approval.subject
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gonogo.base.canonical import digest
from gonogo.errors import NotApprovedError
from gonogo.verdict.judge import decide
from gonogo.verdict.outcome import GOOD, Decision, ItemResult, Outcome, Verdict

_FROM_A_VERDICT = object()
NAMED = 5  #: at most so many items are named in a refusal


@dataclass(frozen=True)
class Approval:
    """A GO for exactly one subject. Made by `approve` alone. `verdict_digest` is the digest of the verdict's JSON."""

    system: str
    subject: str
    verdict_digest: str
    verdict: Verdict
    proof: object = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.proof is not _FROM_A_VERDICT:
            raise TypeError("an Approval is made by approve(verdict), not by hand")


def approve(verdict: Verdict) -> Approval:
    """Turn a GO into an approval. Raises NotApprovedError naming what is in the way; a GO that its own items contradict is refused too."""
    go = verdict.decision is Decision.GO and decide(verdict.items, verdict.subject, verdict.blocked) is Decision.GO
    if not go or verdict.subject is None:
        raise NotApprovedError(_refusal(verdict), hint=_next_step(verdict))
    return Approval(verdict.system, verdict.subject, digest(verdict.to_json()), verdict, proof=_FROM_A_VERDICT)


def _blocking(verdict: Verdict) -> list[ItemResult]:
    return [one for one in verdict.items if one.outcome not in GOOD or (one.mandatory and one.outcome is not Outcome.PASS)]


def _refusal(verdict: Verdict) -> str:
    name = f"{verdict.system} ({verdict.subject[:19]}…)" if verdict.subject else verdict.system
    blocking = _blocking(verdict)
    if verdict.blocked:
        return f"{name} is not approved: {verdict.blocked[0]}"
    if not blocking:
        why = "there is no bundle" if verdict.subject is None else "no mandatory item was judged"
        return f"{name} is not approved: {why}."
    listed = ", ".join(result.item for result in blocking[:NAMED]) + (", …" if len(blocking) > NAMED else "")
    failed = "failed" if all(result.outcome is Outcome.FAIL for result in blocking) else "did not pass"
    return f"{name} is not approved: {len(blocking)} of {len(verdict.items)} items {failed} ({listed})."


def _next_step(verdict: Verdict) -> str:
    blocking = _blocking(verdict)
    if verdict.blocked:
        return "See `gonogo policy`."
    failed = [result.item for result in blocking if result.outcome in (Outcome.FAIL, Outcome.ERROR)]
    if failed and all(result.outcome is not Outcome.STALE for result in blocking):
        return f"See `gonogo explain {failed[0]}`."
    return "Run `gonogo check` first: it measures what is missing or stale, and says who has still to sign."
