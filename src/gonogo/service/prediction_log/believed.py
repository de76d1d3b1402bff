"""Whether the clock is to be believed when it says that something is old enough to be removed.

A clock that jumps forward by a month would have the whole log removed at once. So time passes as the steady clock has it, and what the wall
clock is ahead of that is believed only once it has said so for a day. A clock that is behind removes nothing too early, and is believed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from gonogo.base.clock import Clock

SLACK = timedelta(hours=1)  #: so far ahead is no jump
UNTIL_BELIEVED = 86_400.0  #: seconds


class BelievedClock:
    """`since` is a moment in the past that is sure, such as when something was written last (None: what the clock says at the start)."""

    def __init__(self, clock: Clock, since: datetime | None) -> None:
        self._clock = clock
        self._sure = (min(since, clock.now()) if since else clock.now(), clock.monotonic())
        self._ahead_since: float | None = None

    def now(self) -> datetime:
        """The time that is believed. To be asked every few minutes, so that a slow drift is no jump."""
        wall, steady = self._clock.now(), self._clock.monotonic()
        expected = self._sure[0] + timedelta(seconds=steady - self._sure[1])
        if wall > expected + SLACK:
            self._ahead_since = steady if self._ahead_since is None else self._ahead_since
            if steady - self._ahead_since < UNTIL_BELIEVED:
                return expected
        self._sure, self._ahead_since = (wall, steady), None
        return wall
