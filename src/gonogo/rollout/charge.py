"""Being in charge of a system's rollouts: a lease with a fencing token.

A lease keeps two controllers from working at the same time; the token keeps them apart should they. Whoever holds it renews it with
every write. A holder on this machine that has certainly died is not waited for.
"""

from __future__ import annotations

from gonogo.base.clock import Clock
from gonogo.errors import ConflictError, FaultError
from gonogo.registry.store import Lease, Store, Transaction
from gonogo.rollout.failpoint import failpoint
from gonogo.rollout.holder import certainly_dead, this_process


class Charge:
    """The right to drive the rollouts of one system. `token` is 0 while it is not held; `silent_for` counts from the last renewal."""

    def __init__(self, store: Store, system: str, actor: str, clock: Clock, seconds: float) -> None:
        self.token = 0
        self.system = system
        self.seconds = seconds
        self._store = store
        self._clock = clock
        self._name = f"rollout/{system}"
        self._holder = this_process(actor)
        self._renewed = 0.0

    @property
    def silent_for(self) -> float:
        """Steady seconds since the last renewal."""
        return self._clock.monotonic() - self._renewed

    def driver(self) -> Lease | None:
        """Who is in charge now, or None."""
        with self._store.transaction() as tx:
            lease = tx.get_lease(self._name)
        return None if lease is None or certainly_dead(lease.holder) else lease

    def take(self, *, take_over: bool = False) -> None:
        """Raises ConflictError, naming the holder, while another controller lives and `take_over` is not asked for."""
        with self._store.transaction() as tx:
            live = tx.get_lease(self._name)
            dead = live is not None and certainly_dead(live.holder)
            if live is not None and live.holder != self._holder and not dead and not take_over:
                raise ConflictError(
                    f"the rollout of {self.system} is driven by {live.holder} (lease until {live.expires}).",
                    hint="Send it a command (abort, pause, promote), or wait until its lease has expired.",
                )
            self.token = tx.acquire_lease(self._name, self._holder, self.seconds, take_over=take_over or dead)
        self._renewed = self._clock.monotonic()
        failpoint("after-lease")

    def renew(self, tx: Transaction) -> None:
        """With a write. Raises FencedError when somebody else has taken it since."""
        tx.renew_lease(self._name, self.token, self.seconds)
        self._renewed = self._clock.monotonic()

    def extend(self, seconds: float) -> None:
        """Keep it for this long beyond the usual, while something slow is waited for."""
        with self._store.transaction() as tx:
            tx.renew_lease(self._name, self.token, self.seconds + seconds)
        self._renewed = self._clock.monotonic()

    def give_back(self) -> None:
        if self.token:
            with self._store.transaction() as tx:
                tx.release_lease(self._name, self.token)
            self.token = 0

    def give_back_quietly(self) -> None:
        """At the end of a controller, whatever ended it: what cannot be given back expires."""
        try:
            self.give_back()
        except FaultError:
            self.token = 0
