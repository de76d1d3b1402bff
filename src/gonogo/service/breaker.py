"""The breaker: takes a plainly broken arm off at once, without asking anybody. Pure: the time comes in.

This is no statistics (the rollout's judge does that, with stated error rates); it is the fuse that works when no judge is alive. It
trips when, within a sliding window, an arm had enough requests and too large a share of them was bad; or when as many answers in a row
were bad. The second rule is for an arm that was busy and well until it died: its good past would outvote the present for seconds. See
`breaker_*` in settings.

Source of the figures: 20 requests in 5 s with half of them bad (layer 0 of the rollout's design, research on rollouts, section 3.7).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from gonogo import settings

SLICES = 20  #: the window moves in this many steps, so that memory does not grow with traffic


@dataclass(frozen=True)
class BreakerRule:
    """`window` in seconds; `share` of 1."""

    requests: int = 20
    window: float = 5.0
    share: float = 0.5

    @classmethod
    def from_settings(cls) -> BreakerRule:
        return cls(int(settings.number("breaker_requests")), settings.number("breaker_window"), settings.number("breaker_share"))


class Breaker:
    """The sliding window of one arm. `book` says whether the arm must go."""

    def __init__(self, rule: BreakerRule) -> None:
        self._rule = rule
        self._slices: deque[list[int]] = deque()  #: [slice number, requests, bad]
        self.requests = 0
        self.bad = 0
        self.row = 0  #: bad answers in a row, up to now

    def book(self, now: float, *, bad: bool) -> bool:
        """Count one answer at time `now` (monotonic seconds). True when the rule is broken."""
        return self.add(now, 1, int(bad))

    def add(self, now: float, answers: int, bad: int) -> bool:
        """Count answers of which so many were bad, in an order that is not known: a good one among them ends the row."""
        number = int(now * SLICES / self._rule.window)
        slices = self._slices
        while slices and slices[0][0] <= number - SLICES:
            _, requests, failed = slices.popleft()
            self.requests -= requests
            self.bad -= failed
        if not slices or slices[-1][0] != number:
            slices.append([number, 0, 0])
        slices[-1][1] += answers
        slices[-1][2] += bad
        self.requests += answers
        self.bad += bad
        self.row = self.row + bad if bad == answers else 0
        if not bad or self.requests < self._rule.requests:
            return False
        return self.bad >= self._rule.share * self.requests or self.row >= self._rule.requests

    @property
    def reason(self) -> str:
        return f"{self.bad} of its {self.requests} answers in {self._rule.window:g} s were bad, the last {self.row} in a row"
