"""The alarm's state machine: pure, one step a look.

            breach             breach for `for_seconds`            clear
      OK ───────────▶ PENDING ──────────────────────▶ FIRING ───────────────▶ RECOVERING ──clear for `over_after`──▶ OK
       ◀──not breach────┘         (told: fired)          ◀──not clear──────────────┘            (told: resolved)

      any ──nothing to judge──▶ UNKNOWN ──something to judge──▶ where it was

Rules it keeps:
* UNKNOWN neither advances nor resets: what was held stays held, and time that was not seen does not count. A gap in the data does not end
  an alarm and does not start one over.
* An alarm rings in FIRING and RECOVERING, and in UNKNOWN when it came from there.
* Not seeing for `blind_seconds` is told once, and so is seeing again.
* Everything is in the state, so an alarm that is stored outlives the process that watches it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from gonogo.monitor.alarms.rule import Condition, Rule
from gonogo.monitor.notice import NoticeKind


class Phase(StrEnum):
    OK = "OK"
    PENDING = "PENDING"
    FIRING = "FIRING"
    RECOVERING = "RECOVERING"
    UNKNOWN = "UNKNOWN"


RINGING = frozenset({Phase.FIRING, Phase.RECOVERING})


@dataclass(frozen=True)
class AlarmState:
    """`before` is where UNKNOWN came from; `held` are the seconds seen towards the next phase; `blind` those not seen in a row."""

    phase: Phase = Phase.UNKNOWN
    before: Phase = Phase.OK
    held: float = 0.0
    blind: float = 0.0
    blind_told: bool = False

    @property
    def ringing(self) -> bool:
        return (self.before if self.phase is Phase.UNKNOWN else self.phase) in RINGING

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "phase": str(self.phase), "before": str(self.before)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> AlarmState:
        return cls(**{**data, "phase": Phase(data["phase"]), "before": Phase(data["before"])})


Step = tuple[AlarmState, NoticeKind | None]


def step(rule: Rule, state: AlarmState, condition: Condition, elapsed: float) -> Step:
    """The next state and what to tell. `elapsed`: seconds seen since the last look."""
    if condition is Condition.UNKNOWN:
        return _not_seen(rule, state, elapsed)
    came_back = state.phase is Phase.UNKNOWN
    told: NoticeKind | None = "seeing" if state.blind_told else None
    phase = state.before if came_back else state.phase
    # What lay between the last thing seen and this one was not seen: it does not count.
    state = replace(state, phase=phase, blind=0.0, blind_told=False)
    after, kind = _seen(rule, state, condition, 0.0 if came_back else max(0.0, elapsed))
    return after, kind or told


def _not_seen(rule: Rule, state: AlarmState, elapsed: float) -> Step:
    before = state.before if state.phase is Phase.UNKNOWN else state.phase
    blind = state.blind + max(0.0, elapsed)
    tell = blind >= rule.blind_seconds and not state.blind_told
    after = replace(state, phase=Phase.UNKNOWN, before=before, blind=blind, blind_told=state.blind_told or tell)
    return after, "blind" if tell else None


def _seen(rule: Rule, state: AlarmState, condition: Condition, elapsed: float) -> Step:
    if state.phase in RINGING:
        if condition is not Condition.CLEAR:
            return replace(state, phase=Phase.FIRING, held=0.0), None
        held = state.held + elapsed if state.phase is Phase.RECOVERING else 0.0
        if held >= rule.over_after:
            return replace(state, phase=Phase.OK, held=0.0), "resolved"
        return replace(state, phase=Phase.RECOVERING, held=held), None
    if condition is not Condition.BREACH:
        return replace(state, phase=Phase.OK, held=0.0), None
    held = state.held + elapsed if state.phase is Phase.PENDING else 0.0
    if held >= rule.for_seconds:
        return replace(state, phase=Phase.FIRING, held=0.0), "fired"
    return replace(state, phase=Phase.PENDING, held=held), None
