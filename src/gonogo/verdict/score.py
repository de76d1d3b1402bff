"""Two numbers that say how ready a system is. Pure, and for information only: neither ever opens the gate.

**Readiness** (source S2, rows S2-7a to S2-7f): items carry weights, and a section's weight is their sum. A section scores all of it when
every item that applies has passed, and nothing otherwise: a share of a section would let many small passes hide the one failure (K53).

**ML Test Score** (Breck et al., "The ML Test Score", IEEE Big Data 2017): 28 tests in four groups of seven. A test that runs by itself
scores 1, one that a person vouches for 0.5; the score is the smallest of the four sums, so that no strong group buys off a weak one.

Only PASS counts. A waiver excuses an item at the gate; it does not make it done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gonogo.checklist.items import Checklist, Item
from gonogo.verdict.outcome import Outcome, Verdict

GROUPS = {
    "Data": range(1, 8),
    "Model development": range(8, 15),
    "ML infrastructure": range(15, 22),
    "Monitoring": range(22, 29),
}
AUTOMATIC, BY_HAND = 1.0, 0.5
#: Highest score of each band, with what the paper says of it.
BANDS = (
    (0.0, "more a research project than a production system"),
    (1.0, "not untested, but serious holes are likely"),
    (2.0, "a first pass at production, more is needed"),
    (3.0, "reasonably tested, more could run by itself"),
    (5.0, "strongly tested and monitored, fit for critical uses"),
    (7.0, "exceptionally tested and monitored"),
)


@dataclass(frozen=True)
class Part:
    """A section or group: what it scores of what it could."""

    name: str
    points: float
    most: float


@dataclass(frozen=True)
class Score:
    """A total with the parts that it comes from. `most` is the highest total there is."""

    name: str
    total: float
    most: float
    parts: tuple[Part, ...]
    says: str

    @property
    def line(self) -> str:
        """The score in one line, for reports; it always says that it opens nothing."""
        parts = ", ".join(f"{part.name} {part.points:g}/{part.most:g}" for part in self.parts)
        return f"{self.name} {self.total:g} of {self.most:g} ({parts}): {self.says}. It never opens the gate."

    def to_json(self) -> dict[str, Any]:
        parts = [{"name": part.name, "points": part.points, "most": part.most} for part in self.parts]
        return {"name": self.name, "total": self.total, "most": self.most, "parts": parts, "says": self.says}


def scores(checklist: Checklist, verdict: Verdict) -> tuple[Score, ...]:
    """The scores that this checklist has: readiness when its items carry weights, the ML Test Score when they name its tests."""
    given = (readiness(checklist, verdict), ml_test_score(checklist, verdict))
    return tuple(score for score in given if score is not None)


def readiness(checklist: Checklist, verdict: Verdict) -> Score | None:
    """The weights of the sections in which everything that applies has passed; None when no item carries a weight."""
    outcomes = _outcomes(verdict)
    parts = []
    for section in checklist.sections:
        items = [item for item in checklist.items if item.section == section]
        applying = [item for item in items if outcomes.get(item.id) is not Outcome.NOT_APPLICABLE]
        most = sum(item.weight for item in items)
        done = bool(applying) and all(outcomes.get(item.id) is Outcome.PASS for item in applying)
        if most > 0:
            parts.append(Part(section, most if done else 0.0, most))
    if not parts:
        return None
    total, most = sum(part.points for part in parts), sum(part.most for part in parts)
    first = next((part.name for part in parts if part.points < part.most), "")
    says = f"not ready, {first} comes first" if first else "every section that counts has passed"
    return Score("Readiness", total, most, tuple(parts), says)


def ml_test_score(checklist: Checklist, verdict: Verdict) -> Score | None:
    """The smallest of the four groups' sums; None when no item names a test. A test scores what the weakest of its items does."""
    outcomes = _outcomes(verdict)
    tests: dict[int, list[float]] = {}
    for item in checklist.items:
        for test in item.ml_test:
            tests.setdefault(test, []).append(_points(item, outcomes))
    if not tests:
        return None
    parts = tuple(Part(name, sum(min(tests.get(test, [0.0])) for test in group), float(len(group))) for name, group in GROUPS.items())
    total = min(part.points for part in parts)
    return Score("ML Test Score", total, 7.0, parts, next(words for most, words in BANDS if total <= most))


def _points(item: Item, outcomes: Mapping[str, Outcome]) -> float:
    if outcomes.get(item.id) is not Outcome.PASS:
        return 0.0
    return BY_HAND if item.sign_off else AUTOMATIC


def _outcomes(verdict: Verdict) -> dict[str, Outcome]:
    return {result.item: result.outcome for result in verdict.items}
