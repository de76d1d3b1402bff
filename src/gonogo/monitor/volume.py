"""How many requests are to be expected in a window, from what came at other times like this one, and how surprising a number is.

The rate is that of the seconds that were seen, so neither a gap in the looks nor a short history bends it. Too little history expects
nothing: then there is no value, and no alarm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from gonogo.monitor.counts import SERVICE
from gonogo.monitor.signal import Reading, Sight, Signal
from gonogo.stats.drift import chi2_survival

LEAST_TIMES = 4  #: what is remembered must span so many windows


@dataclass(frozen=True)
class Volume:
    """`n` requests in the window, `expected` ones (None: nobody knows), and what that is compared with."""

    n: int
    expected: float | None
    of: str

    def fewer(self) -> float:
        """The chance of so few, when requests come by chance at the expected rate (Poisson)."""
        return chi2_survival(2 * (self.expected or 0.0), 2 * (self.n + 1))

    def more(self) -> float:
        """The chance of so many."""
        return 1.0 - chi2_survival(2 * (self.expected or 0.0), 2 * self.n) if self.n else 1.0


def volume(sight: Sight) -> Volume:
    """Of the service as a whole: a release's own share moves by design."""
    seen = sight.window.of(SERVICE)
    usual = sight.past.usual(SERVICE, sight.now - timedelta(seconds=max(sight.window.seconds, 60.0)))
    known = sight.window.seconds > 0 and usual.counts.seconds >= LEAST_TIMES * sight.window.seconds
    return Volume(seen.n, usual.counts.n / usual.counts.seconds * seen.seconds if known else None, usual.of)


def volume_reading(signal: Signal, found: Volume, value: float, p_value: float) -> Reading:
    """`n` is the number that was expected: few are judged by no rule that asks for many."""
    if found.expected is None or found.expected <= 0 or not math.isfinite(value):
        return Reading(signal.name, {}, None, 0, signal.unit, details={"of": found.of})
    details = {"requests": found.n, "expected": round(found.expected, 1), "of": found.of}
    return Reading(signal.name, {}, value, int(found.expected), signal.unit, p_value=p_value, details=details)
