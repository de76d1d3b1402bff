"""Rate limits: a token bucket for each caller, filled at the rate of the caller's role.

A bucket holds one second's worth of requests (at least one): a caller that was silent may send that much at once, and then goes at the
rate. The limit is one of the whole service, divided evenly among its workers, so that no request waits for another process; a caller
whose requests all come on one connection meets one worker, and gets that worker's part.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from gonogo.errors import UsageError
from gonogo.service.callers.api_keys import ROLES


def read_limits(text: str) -> dict[str, float]:
    """`reader=500 operator=20` → requests a second by role. Raises UsageError for anything else."""
    limits: dict[str, float] = {}
    for word in text.split():
        role, _, rate = word.partition("=")
        try:
            limits[role] = float(rate)
        except ValueError:
            limits[role] = 0.0
        if role not in ROLES or not 0 < limits[role] < float("inf"):
            raise UsageError(f"GONOGO_RATE_LIMITS: {word!r} is no limit.", hint=f"Write ROLE=REQUESTS_A_SECOND; roles: {', '.join(ROLES)}.")
    return limits


class _Bucket:
    __slots__ = ("at", "rate", "room", "tokens")

    def __init__(self, rate: float, now: float) -> None:
        self.rate = rate
        self.room = max(1.0, rate)
        self.tokens = self.room
        self.at = now


class Rates:
    """The buckets of one worker. `limits` are requests a second by role, of which this worker has the part 1/`workers`."""

    def __init__(self, limits: Mapping[str, float], workers: int) -> None:
        self._limits = {role: rate / workers for role, rate in limits.items()}
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def wait(self, name: str, role: str, now: float | None = None) -> float:
        """Take one request of `name`: 0 when it may pass, else the seconds after which the next one may. `now` is monotonic seconds."""
        rate = self._limits.get(role)
        if rate is None:
            return 0.0
        now = time.monotonic() if now is None else now
        bucket = self._buckets.get((name, role))
        if bucket is None:
            bucket = self._buckets[name, role] = _Bucket(rate, now)
        bucket.tokens = min(bucket.room, bucket.tokens + max(0.0, now - bucket.at) * bucket.rate)
        bucket.at = now
        if bucket.tokens >= 1.0:
            bucket.tokens -= 1.0
            return 0.0
        return (1.0 - bucket.tokens) / bucket.rate
