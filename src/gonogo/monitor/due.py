"""When a review is due. Pure.

A review looks back over a period in service. The first one of a release is due a period after the release has gone live; of those that
repeat, the next one a period after the last. So a change of the release starts the first hour, day and week anew, and a service that is
taken up again after a pause is not asked for the days between. Overdue is what is not done `GRACE` of a period after it was due.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

GRACE = 1 / 8


@dataclass(frozen=True)
class Plan:
    """`due` is when the next review is to be made; None: no more of this release."""

    due: datetime | None
    overdue_from: datetime | None

    def is_due(self, now: datetime) -> bool:
        return self.due is not None and now >= self.due

    def is_overdue(self, now: datetime) -> bool:
        return self.overdue_from is not None and now > self.overdue_from


def plan(seconds: float, *, repeats: bool, live_since: datetime, last: datetime | None) -> Plan:
    """Of a review of so many seconds, of a release that is live since `live_since`; `last` is when such a review was made last."""
    period = timedelta(seconds=seconds)
    first = live_since + period
    done = last is not None and last >= first
    if done and not repeats:
        return Plan(None, None)
    due = last + period if done and last is not None else first
    return Plan(due, due + GRACE * period)
