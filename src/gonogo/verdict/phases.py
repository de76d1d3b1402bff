"""How far the flow of a gate has come, phase by phase. Pure; the order of phases is the order of work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from gonogo.base.clock import parse_stamp
from gonogo.checklist.items import Checklist
from gonogo.evidence.record import Evidence
from gonogo.verdict.outcome import GOOD, ItemResult


@dataclass(frozen=True)
class PhaseState:
    """A step of the flow: `passed`, `open` (work is here), or `waits` for an earlier one. `done` of `items` let through."""

    id: str
    title: str
    status: Literal["passed", "open", "waits"]
    minutes: float | None = None
    done: int = 0
    items: int = 0

    @property
    def said(self) -> str:
        """The state with how far it has come and the time that the pack gives it."""
        budget = f", {self.minutes:g} min" if self.minutes else ""
        return f"{self.status}, {self.done} of {self.items}{budget}"


def phase_states(checklist: Checklist, results: Sequence[ItemResult]) -> tuple[PhaseState, ...]:
    """Every phase in its order; empty for a checklist without phases. What runs on demand or all the time holds nobody up."""
    return tuple(_states(checklist, {result.item: result for result in results}))


def _states(checklist: Checklist, results: Mapping[str, ItemResult]) -> Iterator[PhaseState]:
    earlier_open = False
    for phase in checklist.phases:
        items = [item.id for item in checklist.items if item.phase == phase.id]
        done = sum(item in results and results[item].outcome in GOOD for item in items)
        passed = bool(items) and done == len(items)
        status: Literal["passed", "open", "waits"] = "passed" if passed else "waits" if earlier_open else "open"
        earlier_open = earlier_open or (phase.when == "gate" and not passed)
        yield PhaseState(phase.id, phase.title, status, phase.minutes, done, len(items))


def open_before(checklist: Checklist, results: Sequence[ItemResult], role: str) -> tuple[str, ...]:
    """The titles of the phases that must pass before `role` signs: those of the gate before the first phase with an item of the role."""
    order = [phase.id for phase in checklist.phases]
    signs = [order.index(item.phase) for item in checklist.items if item.sign_off == role and item.phase in order]
    states = phase_states(checklist, results)[: min(signs, default=0)]
    needed = {phase.id for phase in checklist.phases if phase.when == "gate"}
    return tuple(state.title for state in states if state.id in needed and state.status != "passed")


def overruns(checklist: Checklist, evidence: Mapping[str, Evidence]) -> list[str]:
    """Notices: phases whose measurements together took longer than their budget. They block nothing."""
    said = []
    for phase in checklist.phases:
        took = timedelta()
        for item in checklist.items:
            if item.phase == phase.id and item.id in evidence:
                took += _duration(evidence[item.id])
        if phase.minutes is not None and took > timedelta(minutes=phase.minutes):
            said.append(f"the phase {phase.title} took {took.total_seconds() / 60:.1f} min to measure; its budget is {phase.minutes:g} min")
    return said


def _duration(evidence: Evidence) -> timedelta:
    try:
        return max(timedelta(), parse_stamp(evidence.finished) - parse_stamp(evidence.started))
    except ValueError:
        return timedelta()  # the judge calls such evidence malformed
