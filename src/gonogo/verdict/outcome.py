"""The words of a verdict. Only PASS, and WAIVED where waiving is allowed, let an item through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gonogo.verdict.apart import Someone


class Outcome(StrEnum):
    """What became of one item. The world is closed: whatever is not one of the good words blocks."""

    PASS = "PASS"  # noqa: S105 - a word of the verdict, no password
    FAIL = "FAIL"  #: measured, and a requirement is not met; or a person said no
    ERROR = "ERROR"  #: could not be measured or judged
    NOT_RUN = "NOT_RUN"  #: nothing was measured, nobody has signed
    STALE = "STALE"  #: measured or signed for something else, or too long ago
    WAIVED = "WAIVED"  #: a live, signed exception for a conditional or optional item
    NOT_APPLICABLE = "NOT_APPLICABLE"  #: a recorded answer says that the item does not apply


GOOD = frozenset({Outcome.PASS, Outcome.WAIVED, Outcome.NOT_APPLICABLE})


class Decision(StrEnum):
    GO = "GO"
    NO_GO = "NO-GO"


@dataclass(frozen=True)
class ItemResult:
    """One item's outcome and the reason in words. `requirements` pairs each expression with what was measured, ready to show.

    `offenders` are what each needs a waiver before the failure is excused; empty when it cannot be.
    """

    item: str
    outcome: Outcome
    reason: str
    requirements: tuple[Mapping[str, Any], ...] = ()
    evidence: str | None = None  #: digest of the evidence or sign-off that was judged
    mandatory: bool = True
    offenders: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "item": self.item,
            "outcome": str(self.outcome),
            "reason": self.reason,
            "requirements": [dict(requirement) for requirement in self.requirements],
            "evidence": self.evidence,
            "mandatory": self.mandatory,
            **({"offenders": list(self.offenders)} if self.offenders else {}),
        }


@dataclass(frozen=True)
class Verdict:
    """GO or NO-GO for a subject under a checklist.

    `subject` is the bundle's root digest, or None when no bundle could be built (then it is never GO). `evidence_digest` is the
    digest of what was measured: sign-offs are bound to it. `time` is RFC 3339 in UTC. `policy` is the digest of the policy in force;
    `blocked` says what stands above all items: while there is anything in it, nothing is GO. `author` is whose
    work it is, when that was declared.
    """

    system: str
    decision: Decision
    subject: str | None
    checklist_digest: str
    evidence_digest: str
    items: tuple[ItemResult, ...]
    time: str
    notes: tuple[str, ...] = field(default=())
    policy: str | None = None
    blocked: tuple[str, ...] = ()
    author: Someone | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "format": "gonogo-verdict/1",
            "system": self.system,
            "verdict": str(self.decision),
            "subject": self.subject,
            "checklist": self.checklist_digest,
            "evidence": self.evidence_digest,
            "items": [item.to_json() for item in self.items],
            "time": self.time,
            "notes": list(self.notes),
            **({"policy": self.policy} if self.policy else {}),
            **({"blocked": list(self.blocked)} if self.blocked else {}),
            **({"author": self.author.to_json()} if self.author else {}),
        }

    def count(self, outcome: Outcome) -> int:
        return sum(item.outcome is outcome for item in self.items)
