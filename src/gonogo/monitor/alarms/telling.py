"""Who is told what, and when again. Pure: from how alarms stand and what people know, to what they have to be told.

Rules it keeps:
* What people know is brought in line with what is, so nothing is told twice and nothing is forgotten, whatever died in between.
* An alarm that is inhibited or silenced is not told; when that ends and it still rings, it is. What was told to ring is told to be over.
* Alarms of one rule and one release are told together, and told to be over when the last of them is.
* Until somebody acknowledges it, a critical alarm climbs the ladder of escalation; it and a warning are told again after a while.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from gonogo.monitor.alarms.alarm import Alarm, Told
from gonogo.monitor.alarms.inhibition import RANK
from gonogo.monitor.notice import NoticeKind


@dataclass(frozen=True)
class Rung:
    """Whom to ask (`to`) when a critical alarm has not been acknowledged for so long."""

    after_seconds: float
    to: str


@dataclass(frozen=True)
class Heard:
    """An alarm, and what stands in the way of telling it: `held_back` is inhibited or silenced, `acknowledged` who looks after it, `gone`
    not judged any more."""

    alarm: Alarm
    held_back: bool = False
    acknowledged: str = ""
    gone: bool = False

    @property
    def rings(self) -> bool:
        return self.alarm.ringing and not self.gone

    @property
    def waits(self) -> bool:
        """It was told to ring, and nobody has said anything."""
        return self.alarm.told.ringing and not self.held_back and not self.acknowledged


@dataclass(frozen=True)
class Telling:
    """What has to be told about alarms of one rule and release. `to`: whom to ask, or who has answered."""

    kind: NoticeKind
    about: tuple[Alarm, ...]
    to: str = ""


def tell_of(heard: Sequence[Heard], ladder: Sequence[Rung], repeat_seconds: float, elapsed: float) -> tuple[list[Alarm], list[Telling]]:
    """The alarms with what people know now, in the order of their keys, and what they have to be told. `elapsed`: seconds since the last
    look. Alarms that are gone are left out."""
    alarms: list[Alarm] = []
    tellings: list[Telling] = []
    ordered = sorted(heard, key=lambda one: (one.alarm.group, one.alarm.key))
    for _, members in groupby(ordered, key=lambda one: one.alarm.group):
        known, telling = _group(list(members), ladder, repeat_seconds, elapsed)
        alarms += known
        tellings += [telling] if telling else []
    return sorted(alarms, key=lambda alarm: alarm.key), tellings


def _group(heard: list[Heard], ladder: Sequence[Rung], repeat_seconds: float, elapsed: float) -> tuple[list[Alarm], Telling | None]:
    begun = [one for one in heard if one.rings and not one.alarm.told.ringing and not one.held_back]
    over = [one for one in heard if one.alarm.told.ringing and not one.rings]
    heard = [_knowing(one, ladder, elapsed, new=one in begun) for one in heard]
    telling: Telling | None = None
    if begun:
        about = tuple(one.alarm for one in heard if one.alarm.key in {new.alarm.key for new in begun})
        telling = Telling("fired", about, ladder[about[0].told.step - 1].to if about[0].told.step else "")
    elif over and not any(one.alarm.told.ringing for one in heard):
        kind: NoticeKind = "retired" if all(one.gone for one in over) else "resolved"
        telling = Telling(kind, tuple(one.alarm for one in over))
    elif answered := [one for one in heard if one.acknowledged and one.alarm.told.ringing and not one.alarm.told.acknowledged]:
        heard = [_with(one, acknowledged=bool(one.acknowledged)) for one in heard]
        telling = Telling("acknowledged", tuple(one.alarm for one in answered), answered[0].acknowledged)
    else:
        heard, telling = _again(heard, ladder, repeat_seconds)
    if telling:
        heard = [_with(one, quiet=0.0) for one in heard]
    return [one.alarm for one in heard if not one.gone], telling


def _knowing(one: Heard, ladder: Sequence[Rung], elapsed: float, *, new: bool) -> Heard:
    """What people know of it after this look, before anything is told again."""
    told = one.alarm.told
    if new:
        told = Told(ringing=True, level=one.alarm.level, step=_climbed(one.alarm, ladder, 0.0))
    elif not one.rings:
        told = Told()
    elif told.ringing:
        level = min(told.level, one.alarm.level, key=RANK.__getitem__)
        told = replace(told, level=level, quiet=told.quiet + elapsed, unanswered=told.unanswered + (elapsed if one.waits else 0.0))
    return replace(one, alarm=replace(one.alarm, told=told))


def _again(heard: list[Heard], ladder: Sequence[Rung], repeat_seconds: float) -> tuple[list[Heard], Telling | None]:
    waiting = [one for one in heard if one.waits and one.alarm.level != "info"]
    steps = {one.alarm.key: _climbed(one.alarm, ladder, one.alarm.told.unanswered) for one in waiting}
    higher = [one for one in waiting if steps[one.alarm.key] > one.alarm.told.step]
    if higher:
        to = ladder[max(steps[one.alarm.key] for one in higher) - 1].to
        climbed = [_with(one, step=steps.get(one.alarm.key, one.alarm.told.step)) for one in heard]
        return climbed, Telling("escalated", tuple(one.alarm for one in higher), to)
    if waiting and max(one.alarm.told.quiet for one in waiting) >= repeat_seconds:
        return heard, Telling("repeated", tuple(one.alarm for one in waiting))
    return heard, None


def _climbed(alarm: Alarm, ladder: Sequence[Rung], unanswered: float) -> int:
    return sum(rung.after_seconds <= unanswered for rung in ladder) if alarm.level == "critical" else 0


def _with(one: Heard, **known: Any) -> Heard:
    return replace(one, alarm=replace(one.alarm, told=replace(one.alarm.told, **known)))
