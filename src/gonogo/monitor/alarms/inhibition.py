"""Which alarms say nothing new, because another one that rings says it already. Pure.

1. A higher level inhibits a lower one of the same signal and labels: who was told of a critical drift need not be told of a warning one.
2. A release that is down inhibits every other alarm of that release, and a service that is down every other alarm: whatever is slow, empty
   or strange then, is so because of that.
"""

from __future__ import annotations

from collections.abc import Sequence

from gonogo.monitor.alarms.alarm import Alarm
from gonogo.monitor.notice import LEVELS

DOWN = ("unreachable", "health")  #: signals of which a critical alarm means: down. The first one is of the service, and goes before
RANK: dict[str, int] = {level: place for place, level in enumerate(LEVELS)}


def inhibited(alarms: Sequence[Alarm]) -> dict[str, str]:
    """The key of every inhibited alarm, with the key of the alarm that inhibits it."""
    loud = sorted((alarm for alarm in alarms if alarm.ringing), key=lambda alarm: (RANK[alarm.level], alarm.key))
    found = {}
    for alarm in alarms:
        above = next((other.key for other in loud if _inhibits(other, alarm)), None)
        if above is not None:
            found[alarm.key] = above
    return found


def _inhibits(one: Alarm, other: Alarm) -> bool:
    if (one.signal, dict(one.labels)) == (other.signal, dict(other.labels)):
        return RANK[one.level] < RANK[other.level]
    if one.level != "critical" or one.signal not in DOWN or one.release not in ("", other.release):
        return False
    return other.signal not in DOWN or DOWN.index(one.signal) < DOWN.index(other.signal)
