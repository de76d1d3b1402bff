"""The breaker over what all processes of a service counted together.

Each worker has a breaker of its own, which acts at once. Where many workers share the traffic, none of them alone may see enough of an arm
to judge it; their sums do, a push of counters later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gonogo.service.breaker import Breaker, BreakerRule
from gonogo.service.routing import RoutingTable

Counted = Callable[[int, str], tuple[int, int]]  #: (epoch, release) → answers and bad answers so far, of all processes


class ArmWatch:
    """Watches the arms of the table in force that are not the stable one."""

    def __init__(self, rule: BreakerRule, counted: Counted) -> None:
        self._rule = rule
        self._counted = counted
        self._epoch = -1
        self._breakers: dict[str, tuple[Breaker, int, int]] = {}

    def look(self, table: RoutingTable, now: float) -> Iterator[tuple[str, str]]:
        """The arms that must go, and why. `now` in monotonic seconds."""
        if table.epoch != self._epoch:
            self._epoch = table.epoch
            self._breakers.clear()
        for arm in table.arms:
            if arm.release == table.stable or not arm.weight_bp:
                continue
            breaker, seen, seen_bad = self._breakers.get(arm.release) or (Breaker(self._rule), 0, 0)
            answers, bad = self._counted(table.epoch, arm.release)
            self._breakers[arm.release] = (breaker, answers, bad)
            if answers > seen and breaker.add(now, answers - seen, bad - seen_bad):
                yield arm.release, breaker.reason
