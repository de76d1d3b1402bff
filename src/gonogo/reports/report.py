"""What every report shows: a verdict with the checklist and the evidence behind it, arranged for a reader.

Rules it keeps:
* Blocking items come first, mandatory ones before the others, in the order of the checklist.
* A report adds nothing and leaves nothing out: every item of the verdict is shown, also one that the checklist no longer knows.
* What the checklist says (statement, why, remedy) and what was measured are strangers' words; each format escapes them in its own way.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gonogo.checklist.items import Checklist, Item
from gonogo.checklist.units import UNITS, shown
from gonogo.evidence.record import Evidence, Fact
from gonogo.verdict.outcome import GOOD, Decision, ItemResult, Outcome, Verdict
from gonogo.verdict.phases import PhaseState, phase_states
from gonogo.verdict.score import Score, scores

OBSTACLE = re.compile(r"input \w+: (.+)", re.DOTALL)
WORDS = {
    Outcome.PASS: "pass",
    Outcome.FAIL: "fail",
    Outcome.ERROR: "could not be measured",
    Outcome.NOT_RUN: "not done yet",
    Outcome.STALE: "out of date",
    Outcome.WAIVED: "waived",
    Outcome.NOT_APPLICABLE: "do not apply",
}
MARKS = {
    Outcome.PASS: "✓",
    Outcome.FAIL: "✗",
    Outcome.ERROR: "!",
    Outcome.NOT_RUN: "○",
    Outcome.STALE: "↻",
    Outcome.WAIVED: "~",
    Outcome.NOT_APPLICABLE: "–",
}


@dataclass(frozen=True)
class Entry:
    """One item with its result and evidence. `overridden` names what differs from the pack."""

    item: Item
    result: ItemResult
    evidence: Evidence | None = None
    overridden: tuple[str, ...] = ()
    review: str = ""  #: the period whose review it is an item of; of the gate: none

    @property
    def good(self) -> bool:
        return self.result.outcome in GOOD

    @property
    def change(self) -> str:
        """What this project has otherwise than the pack, in one sentence; "" when nothing."""
        return changed(self.item, self.overridden)

    @property
    def outcome(self) -> str:
        """The outcome, with the source's own word for it where the pack gives one: "FAIL (DIRTY)"."""
        outcome = str(self.result.outcome)
        word = printable(self.item.words.get(outcome, ""))
        return f"{outcome} ({word})" if word else outcome

    @property
    def obstacle(self) -> str:
        """Why an input of the check was not there; empty when it was. Items with the same obstacle are told together."""
        found = OBSTACLE.match(self.result.reason) if self.result.outcome is Outcome.ERROR else None
        return found[1] if found else ""

    @property
    def remedy(self) -> str:
        """How to repair what was measured. Where an input was not there nothing was; what is out of date is only to be measured again."""
        outdated = self.result.outcome is Outcome.STALE and self.item.check is not None
        return "" if self.obstacle or outdated else self.item.remedy

    @property
    def everything(self) -> str:
        """What to type to be told all findings."""
        return f"gonogo review show {self.review} --json" if self.review else f"gonogo explain {self.item.id}"

    @property
    def again(self) -> str:
        """What to type once it is mended."""
        if self.review:
            return f"gonogo review sign {self.review} {self.item.sign_off}" if self.item.sign_off else f"gonogo review run {self.review}"
        return f"gonogo sign {self.item.sign_off}" if self.item.sign_off else f"gonogo check --only {self.item.id}"

    @property
    def wants_signature(self) -> bool:
        """A signature would do. A conditional item wants an answer first: whether it applies."""
        return self.item.sign_off is not None and self.item.kind == "mandatory" and self.result.outcome in (Outcome.NOT_RUN, Outcome.STALE)

    @property
    def lacks_signature(self) -> bool:
        return self.wants_signature and self.result.outcome is Outcome.NOT_RUN


def changed(item: Item, keys: Iterable[str]) -> str:
    """Which keys of an item differ from the pack, what the pack asks, and why it is otherwise here; "" when none does."""
    said = ", ".join(keys)
    said += f"; the pack asks {item.pack_demand}" if said and item.pack_demand else ""
    return said + (f"; reason: {item.reason}" if said and item.reason else "")


@dataclass(frozen=True)
class Report:
    """A verdict, ready to be rendered. `generated` is RFC 3339 in UTC; `unmanned` are the roles that sign and that nobody has."""

    system: str
    verdict: Verdict
    checklist: Checklist
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    generated: str = ""
    unmanned: tuple[str, ...] = ()

    @property
    def go(self) -> bool:
        return self.verdict.decision is Decision.GO

    @property
    def word(self) -> str:
        """The decision."""
        return str(self.verdict.decision)

    @property
    def reviewed(self) -> str:
        """The period that it is the review of; "" for a gate."""
        return ""

    @property
    def changes(self) -> Mapping[str, str]:
        """Item → what this project has otherwise than the pack, and why."""
        known = {item.id: item for item in self.checklist.items}
        return {name: changed(known[name], keys) for name, keys in self.checklist.overrides.items() if name in known}

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Every item of the verdict, in its order."""
        known = {item.id: item for item in self.checklist.items}
        return tuple(
            Entry(
                known.get(result.item) or Item(result.item, "Unknown", "The checklist does not have this item."),
                result,
                self.evidence.get(result.item),
                tuple(self.checklist.overrides.get(result.item, ())),
                self.reviewed,
            )
            for result in self.verdict.items
        )

    @property
    def blocking(self) -> tuple[Entry, ...]:
        return tuple(sorted((entry for entry in self.entries if not entry.good), key=lambda entry: not entry.result.mandatory))

    @property
    def obstacles(self) -> Mapping[str, tuple[Entry, ...]]:
        """The entries that one missing input keeps from being measured, by its reason."""
        kept = [entry for entry in self.blocking if entry.obstacle]
        return {reason: tuple(entry for entry in kept if entry.obstacle == reason) for reason in dict.fromkeys(e.obstacle for e in kept)}

    @property
    def sections(self) -> tuple[tuple[str, tuple[Entry, ...]], ...]:
        """Sections in the checklist's order, each with its entries."""
        entries = self.entries
        names = dict.fromkeys(entry.item.section for entry in entries)
        return tuple((name, tuple(entry for entry in entries if entry.item.section == name)) for name in names)

    @property
    def notes(self) -> tuple[str, ...]:
        """What stands above all items first, then what else is to be known."""
        return tuple(dict.fromkeys((*self.verdict.blocked, *self.verdict.notes)))

    @property
    def waived(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.result.outcome is Outcome.WAIVED)

    @property
    def scores(self) -> tuple[Score, ...]:
        """The checklist's scores: information, never a reason to open the gate."""
        return scores(self.checklist, self.verdict)

    @property
    def phases(self) -> tuple[PhaseState, ...]:
        """How far the flow has come, in its order; empty for a checklist without phases."""
        return phase_states(self.checklist, self.verdict.items)

    @property
    def minutes(self) -> float:
        """The time that the checklist gives all its phases together; 0 when it gives none."""
        return sum(phase.minutes or 0.0 for phase in self.phases)

    @property
    def sign_offs(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.item.sign_off)

    @property
    def counts(self) -> tuple[tuple[Outcome, int], ...]:
        """How many items have which outcome, in the order of the words; outcomes without items are left out."""
        return tuple((outcome, count) for outcome in Outcome if (count := self.verdict.count(outcome)))

    @property
    def _void(self) -> bool:
        """Whether a signature would change nothing now, for a reason above all items. The first one of all does: it pins the policy."""
        signed = any(entry.wants_signature and entry.result.outcome is Outcome.STALE for entry in self.blocking)
        return bool(self.verdict.blocked) and (not self.blocking or signed or self.verdict.policy is not None)

    @property
    def headline(self) -> str:
        """One sentence: why it is GO, or how much stands in the way."""
        total, blocking = len(self.verdict.items), self.blocking
        if self.go:
            return f"All {total} items are satisfied."
        if not blocking and self.verdict.blocked:
            return f"All {total} items are satisfied, but {self.verdict.blocked[0]}"
        if self._void and all(entry.wants_signature for entry in blocking):
            return f"Everything measured passes, but {self.verdict.blocked[0]}"
        if not blocking:
            return "No bundle could be built, so there is nothing to approve." if self.verdict.subject is None else "It is not approved."
        if all(entry.lacks_signature for entry in blocking):
            return f"Everything measured passes; {_count(len(blocking), 'signature is', 'signatures are')} missing."
        return f"{len(blocking)} of {total} items block the release."

    @property
    def next_step(self) -> str:
        """What to type next."""
        if self.go:
            return "gonogo release"
        others = [entry for entry in self.blocking if not entry.wants_signature]
        if not others and self._void:
            known = self.verdict.policy and self.checklist.status == "ready"
            return "gonogo policy" if known else "mend what is said above, then gonogo check"
        if others and others[0].obstacle:
            return "mend the reason given above, then gonogo check"
        if others:
            return f"gonogo explain {others[0].item.id}"
        roles = dict.fromkeys(str(entry.item.sign_off) for entry in self.blocking)
        if nobody := [role for role in roles if role in self.unmanned]:
            return ", ".join(f"gonogo key new NAME --role {role}" for role in nobody) + ", then gonogo check"
        return ", ".join(f"gonogo sign {role}" for role in roles) or "gonogo check"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def requirement_lines(entry: Entry) -> tuple[tuple[str, str, bool], ...]:
    """Per requirement: what is required, what was measured, whether it is met. Requirements that were not judged have no measurement."""
    if entry.result.requirements:
        return tuple(_requirement(requirement) for requirement in entry.result.requirements)
    return tuple((text, "not judged", False) for text in entry.item.require)


def _requirement(requirement: Mapping[str, Any]) -> tuple[str, str, bool]:
    measured = str(requirement.get("reason" if requirement.get("error") else "measured") or "not measured")
    return str(requirement.get("required") or ""), measured, requirement.get("met") is True and not requirement.get("error")


def reason_beyond(entry: Entry) -> str:
    """The result's reason, less what `requirement_lines` have said already; empty when nothing is left to say."""
    result = entry.result
    said = [str(requirement.get("measured")) for requirement in result.requirements]
    if entry.good and result.requirements and result.reason == "; ".join(said):
        return ""
    errors = [str(one.get("reason")) for one in result.requirements if one.get("error")]
    failures = [str(one.get("reason")) for one in result.requirements if not one.get("met")]
    if not result.requirements or result.reason != "; ".join(errors or failures):
        return result.reason
    return "" if errors else "; ".join(reason for reason in failures if not reason.endswith(" is required"))


def fact_text(fact: Fact) -> str:
    """A fact for people: value and unit, its interval, the number of samples."""
    value = fact.value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if not math.isfinite(value):
        return str(value)
    text = shown(value, fact.unit) if fact.unit in UNITS else f"{value:g} {fact.unit}"
    if fact.low is not None and fact.high is not None:
        level = f" at {fact.level:.0%}" if fact.level is not None else ""
        text += f" ({fact.low:.4g} to {fact.high:.4g}{level})"
    return text + (f", n = {fact.n:,}" if fact.n is not None else "")


def printable(text: str) -> str:
    """Text without control characters, which could move a terminal's cursor, and without marks that turn the direction of reading."""
    return "".join(_plain(character) for character in text)


def _plain(character: str) -> str:
    if character in "\n\t":
        return " "
    return "\ufffd" if unicodedata.category(character) in ("Cc", "Cf", "Cn", "Co", "Cs") and character != "\u00ad" else character


def short(digest: str | None) -> str:
    """The first digits of a digest, enough to recognise it."""
    return f"{digest[:19]}…" if digest and len(digest) > 20 else digest or "none"


def joined(lines: Iterable[str]) -> str:
    return "\n".join(line.rstrip() for line in lines)
