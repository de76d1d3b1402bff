"""The alarm's state machine: pure, one step a look.

            breach             breach for as long as the rule says            clear
      OK ───────────▶ PENDING ─────────────────────────────▶ FIRING ───────────────▶ RECOVERING ──clear for as long──▶ OK
       ◀──not breach────┘                                      ◀──not clear──────────────┘

      any ──nothing to judge──▶ UNKNOWN ──something to judge──▶ where it was

Rules it keeps:
* UNKNOWN neither advances nor resets: what was held stays held, and time that was not seen does not count. A gap in the data does not end
  an alarm and does not start one over.
* An alarm rings in FIRING and RECOVERING, and in UNKNOWN when it came from there.
* A rule with `times` counts windows instead of seconds: one judgement for each window that was seen, the next one not before another whole
  window has been seen; a window that says nothing is waited out.
* Everything is in the state, so an alarm that is stored outlives the process that watches it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

from gonogo.monitor.alarms.rule import Condition, Rule


class Phase(StrEnum):
    OK = "OK"
    PENDING = "PENDING"
    FIRING = "FIRING"
    RECOVERING = "RECOVERING"
    UNKNOWN = "UNKNOWN"


RINGING = frozenset({Phase.FIRING, Phase.RECOVERING})


@dataclass(frozen=True)
class AlarmState:
    """`before` is where UNKNOWN came from; `held` are the seconds (windows) seen towards the next phase; `waited` the seconds seen since
    the last window that was judged, None before the first."""

    phase: Phase = Phase.UNKNOWN
    before: Phase = Phase.OK
    held: float = 0.0
    waited: float | None = None

    @property
    def ringing(self) -> bool:
        return (self.before if self.phase is Phase.UNKNOWN else self.phase) in RINGING

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "phase": str(self.phase), "before": str(self.before)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> AlarmState:
        known = {field.name: data[field.name] for field in fields(cls) if field.name in data}
        return cls(**{**known, "phase": Phase(data["phase"]), "before": Phase(data["before"])})


def step(rule: Rule, state: AlarmState, condition: Condition, elapsed: float) -> AlarmState:
    """The next state. `elapsed`: seconds seen since the last look."""
    came_back = state.phase is Phase.UNKNOWN
    phase = state.before if came_back else state.phase
    if condition is Condition.UNKNOWN:
        return replace(state, phase=Phase.UNKNOWN, before=phase)
    # What lay between the last thing seen and this one was not seen: it does not count.
    seen = 0.0 if came_back else max(0.0, elapsed)
    state = replace(state, phase=phase)
    if not rule.times:
        return _seen(rule, state, condition, seen, first=0.0)
    waited = None if state.waited is None else state.waited + seen
    if waited is not None and waited < (rule.window_seconds or 0.0):
        return replace(state, waited=waited)
    return replace(_seen(rule, state, condition, 1.0, first=1.0), waited=0.0)


def _seen(rule: Rule, state: AlarmState, condition: Condition, more: float, *, first: float) -> AlarmState:
    """`first` is what the look counts for that begins a phase, `more` what each later one adds."""
    if state.phase in RINGING:
        if condition is not Condition.CLEAR:
            return replace(state, phase=Phase.FIRING, held=0.0)
        held = state.held + more if state.phase is Phase.RECOVERING else first
        over = held >= rule.over_after
        return replace(state, phase=Phase.OK if over else Phase.RECOVERING, held=0.0 if over else held)
    if condition is not Condition.BREACH:
        return replace(state, phase=Phase.OK, held=0.0)
    held = state.held + more if state.phase is Phase.PENDING else first
    fires = held >= rule.rings_after
    return replace(state, phase=Phase.FIRING if fires else Phase.PENDING, held=0.0 if fires else held)
