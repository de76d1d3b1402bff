"""Sticky routing: the same caller gets the same arm, and the first time a caller meets a table is told.

The key is the value of the request header that the table names, hashed with a secret of the service: who asks cannot choose his arm, and
an exposure does not tell who he was. Requests without the header are spread by chance.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

from gonogo.service.routing import Arm, RoutingTable

MOST_KEYS = 100_000  #: of one epoch that a process remembers; beyond it the oldest is forgotten, and may be told again

Exposure = Callable[[str, int, str], None]  #: (digest of the key, epoch, assigned release)


class Sticky:
    """The keys that this process has met under the epoch in force."""

    def __init__(self, secret: bytes, on_exposure: Exposure) -> None:
        self.secret = secret
        self._on_exposure = on_exposure
        self._epoch = -1
        self._met: dict[bytes, None] = {}

    def choose(self, table: RoutingTable, value: bytes) -> Arm:
        """The arm of whoever sent this value."""
        key = blake2b(value, key=self.secret, digest_size=16).digest()
        arm = table.choose_for(key)
        if table.epoch != self._epoch:
            self._epoch = table.epoch
            self._met.clear()
        if key not in self._met:
            if len(self._met) >= MOST_KEYS:
                del self._met[next(iter(self._met))]
            self._met[key] = None
            self._on_exposure(key.hex(), table.epoch, arm.release)
        return arm
