"""How many requests are to be expected in a window, from what came at other times like this one, and how surprising a number is.

The rate is that of the seconds that were seen, so neither a gap in the looks nor a short history bends it. Too little history expects
nothing: then there is no value, and no alarm.

Compared is the same hour of the week; until there is one, the same hour of the day before; on the first day nothing. A mean over day and
night would ring every night. And a few minutes are compared with whole hours, of which the one in which the day begins is empty first and
full later: so what is usual lies between the least and the most of that hour, the one before and the one after. Few are fewer than the
least, many are more than the most. (Real flights, seven days: against the hour alone 19 drops and 7 spikes with nothing wrong, so none.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from gonogo.monitor.counts import SERVICE
from gonogo.monitor.history import SAME_HOUR
from gonogo.monitor.signal import Past, Reading, Sight, Signal, Usual
from gonogo.stats.drift import chi2_survival

DAY_BEFORE = "the same hour of the day before"
LEAST_TIMES = 4  #: what is remembered must span so many windows


@dataclass(frozen=True)
class Volume:
    """`n` requests in the window, the `least` and the `most` that are usual (None: nobody knows), and what that is compared with."""

    n: int
    least: float | None
    most: float | None
    of: str

    def fewer(self) -> float:
        """The chance of so few, when requests come by chance at the least rate (Poisson)."""
        return chi2_survival(2 * (self.least or 0.0), 2 * (self.n + 1))

    def more(self) -> float:
        """The chance of so many at the highest rate."""
        return 1.0 - chi2_survival(2 * (self.most or 0.0), 2 * self.n) if self.n else 1.0


def volume(sight: Sight) -> Volume:
    """Of the service as a whole: a release's own share moves by design."""
    seen = sight.window.of(SERVICE)
    before = sight.now - timedelta(seconds=max(sight.window.seconds, 60.0))
    usual = _usual(sight.past, before)
    if sight.window.seconds <= 0 or usual.counts.seconds < LEAST_TIMES * sight.window.seconds:
        return Volume(seen.n, None, None, usual.of)
    beside = [_usual(sight.past, before + timedelta(hours=hours)) for hours in (-1, 1)]
    rates = [one.counts.n / one.counts.seconds for one in (usual, *beside) if one.of == usual.of and one.counts.seconds]
    return Volume(seen.n, min(rates) * seen.seconds, max(rates) * seen.seconds, usual.of)


def _usual(past: Past, moment: datetime) -> Usual:
    """The same hour of the week, or where there is none that of the day before: whole weeks before six days from then."""
    found = past.usual(SERVICE, moment)
    return found if found.of == SAME_HOUR else Usual(past.same_hour_of_week(SERVICE, moment + timedelta(days=6)), DAY_BEFORE)


def volume_reading(signal: Signal, found: Volume, expected: float | None, value: float, p_value: float) -> Reading:
    """`n` is the number that was expected: few are judged by no rule that asks for many."""
    if expected is None or expected <= 0 or not math.isfinite(value):
        return Reading(signal.name, {}, None, 0, signal.unit, details={"of": found.of})
    details = {"requests": found.n, "expected": round(expected, 1), "of": found.of}
    return Reading(signal.name, {}, value, int(expected), signal.unit, p_value=p_value, details=details)
