"""Going back by rule: what follows when the alarm of a rule rings that says `then: rollback`. Pure; `operations/going_back.py` does it.

Rules it keeps:
* Only a reading that is above its limit at this very look decides: what is UNKNOWN, stale or between the limits never does.
* What people have taken into their hands (acknowledged, silenced) is theirs.
* One decision stands at a time. It is written in the transaction that writes the alarm, with its audit event, before anything moves; it
  is carried out, after whatever death, as long as it stands, which ends with the alarm: when that is over, or its release has no traffic.
* Every alarm of such a rule says what follows, or why nothing does, and what a person types then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from gonogo.errors import GonogoError, RefusedError
from gonogo.monitor.alarms.alarm import Alarm
from gonogo.monitor.alarms.answers import Answers
from gonogo.monitor.alarms.machine import Phase
from gonogo.monitor.alarms.rule import Condition, Rule
from gonogo.monitor.alarms.wording import value_text
from gonogo.monitor.signal import Reading

ACTOR = "watch"  #: who goes back, as the audit log has it


@dataclass(frozen=True)
class Way:
    """The traffic of a release, in production from `since` on, goes `to` another one."""

    to: str
    since: str


class Ways(Protocol):
    """The way back from a release, by a rule: looks at what is live, warm, verified and signed. None when another release is in
    production; raises GonogoError where nothing goes by itself."""

    def __call__(self, release: str, rule: Rule) -> Way | None: ...


@dataclass(frozen=True)
class GoingBack:
    """A decision: `release`, in production from `since` on, is left for `to`, because the alarm `key` of `rule` rang at `time` with
    `value` of `n` samples."""

    key: str
    rule: str
    release: str
    to: str
    since: str
    time: str
    text: str
    value: float | None
    n: int
    above: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> GoingBack | None:
        return None if data is None else cls(**data)


@dataclass(frozen=True)
class Followed:
    """What follows: the decision that stands, whether it is `fresh`, and by the key of each alarm that could decide what to say of it."""

    decision: GoingBack | None
    fresh: bool
    words: Mapping[str, str]


def no_way(release: str, rule: Rule) -> Way:
    """Of a watch that moves no traffic. Raises RefusedError."""
    raise RefusedError("this watch moves no traffic")


def follow(
    alarms: Sequence[Alarm],
    known: Mapping[str, Alarm],
    rules: Mapping[str, Rule],
    seen: Mapping[str, Reading],
    held_back: Mapping[str, str],
    answers: Answers,
    standing: GoingBack | None,
    ways: Ways,
    now: str,
) -> Followed:
    """What follows from a look. `known` are the alarms as they stood before it, `standing` the decision of an earlier one."""
    decision, words = _still(standing, {**known, **{alarm.key: alarm for alarm in alarms}}), {}
    for alarm in alarms:
        rule = rules[alarm.rule]
        if rule.then != "rollback" or not alarm.ringing:
            continue
        way, refused = _way(alarm, rule, seen.get(alarm.key), ways)
        refused = refused or _in_hand(alarm, held_back, answers)
        if way is not None and not refused and (decision is None or (decision.release, decision.since) != (alarm.release, way.since)):
            decision = _decided(alarm, rule, seen[alarm.key], way, now)
        if way is not None or refused:
            words[alarm.key] = _words(rule, decision, refused)
    return Followed(decision, decision is not None and decision is not standing, words)


def _still(standing: GoingBack | None, alarms: Mapping[str, Alarm]) -> GoingBack | None:
    """The decision, as long as its alarm rings; at the look at which its release loses the traffic, that is still so."""
    return standing if standing is not None and standing.key in alarms and alarms[standing.key].ringing else None


def _words(rule: Rule, decision: GoingBack | None, refused: str) -> str:
    if refused or decision is None:
        return f"go back: gonogo rollback --reason {rule.name} (not by itself: {refused})"
    return f"the traffic goes back to {decision.to} by the rule {decision.rule}"


def _way(alarm: Alarm, rule: Rule, reading: Reading | None, ways: Ways) -> tuple[Way | None, str]:
    """The way back, and why what is seen now takes nobody there, "" when it does. None without a reason: the release has been left."""
    if not alarm.release:
        return None, "it is of no release"
    try:
        way = ways(alarm.release, rule)
    except GonogoError as error:
        return None, error.message.rstrip(".")
    condition = rule.judge(reading)
    if way is not None and (alarm.state.phase is Phase.UNKNOWN or condition is Condition.UNKNOWN):
        return way, "how it stands now is not known"
    high = alarm.state.phase is Phase.FIRING and condition is Condition.BREACH
    return way, "" if way is None or high else "it is not above its limit at this look"


def _in_hand(alarm: Alarm, held_back: Mapping[str, str], answers: Answers) -> str:
    """Who or what has it in hand already; "" for nobody."""
    if alarm.key in held_back:
        return held_back[alarm.key]
    who = answers.acknowledged_by(alarm)
    return f"{who} looks after it" if who else ""


def _decided(alarm: Alarm, rule: Rule, reading: Reading, way: Way, now: str) -> GoingBack:
    text = f"{rule.signal} is {value_text(reading)}, above {rule.above:g}{rule.lasting} (n = {reading.n})"
    return GoingBack(alarm.key, rule.name, alarm.release, way.to, way.since, now, text, reading.value, reading.n, rule.above)
