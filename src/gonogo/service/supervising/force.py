"""Tables in force: which worker process is told what, who accepts from which listener, and when nobody routes by an older table.

The supervisor holds one listener for each slot; the worker in place i of the stable release accepts from slot i, so that the kernel
spreads the connections evenly and each worker has a queue of its own. Rules it keeps:

1. The accepting role is handed over make-before-break: the new stable release accepts from every slot before the old one is told to leave.
2. A slot whose worker is not there, hangs, or has not yet taken it up, is accepted by another one: no connection waits in a queue that
   nobody reads.
3. A table is in force when no process routes by an older one any more. A process that does not take it over in time is ended: then it
   routes nothing at all.
4. Trouble of an arm that does not accept never delays a table: a hung canary is not waited for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from gonogo import settings
from gonogo.errors import UnreachableError
from gonogo.service.logs import facts
from gonogo.service.routing import RoutingTable
from gonogo.service.supervising.fleet import Fleet
from gonogo.service.supervising.process import Changes, WorkerProcess

_log = logging.getLogger(__name__)


class Force:
    """Tells the workers of a fleet. `slots` is the number of listeners."""

    def __init__(self, fleet: Fleet, changes: Changes, slots: int) -> None:
        self._fleet = fleet
        self._changes = changes
        self._slots = slots
        self.secret = b""  #: what sticky callers' keys are hashed with
        self._access: tuple[Mapping[str, Any], int] | None = None  # who may do what, and the number of this version of it

    # ---- tables

    def push(self, table: RoutingTable) -> None:
        """Send everybody what he may have by now: who may do what first, what runs, then the table."""
        view = {"releases": {release: self._fleet.muster(release) for release in self._fleet.crews}, "stable": table.stable}
        for worker in self._fleet.workers:
            if worker.ready:
                if self._access is not None:
                    worker.tell_access(*self._access)
                worker.tell_view(view)
        document, epoch, secret = table.to_json(), table.epoch, self.secret.hex()
        stable = self._fleet.crews.get(table.stable)
        successors = stable.ready_workers if stable else []
        now = asyncio.get_running_loop().time()
        silent = {worker for worker in successors if worker.silent_for(now) > settings.number("silence_seconds") / 2}
        for worker, accept in share_slots(successors, silent, self._slots).items():
            worker.tell_table(document, epoch, secret=secret, accept=accept)
        taken = {slot for worker in successors if worker.acked and worker.acked[0] == epoch for slot in worker.acked[1]}
        handed_over = len(taken) == self._slots
        for worker in self._fleet.workers:
            if worker.release == table.stable or not worker.ready:
                continue
            if handed_over or not (worker.sent and worker.sent[1]):
                worker.tell_table(document, epoch, secret=secret, accept=())

    def in_force(self, epoch: int) -> bool:
        return not self._late(epoch)

    async def reached(self, epoch: int) -> None:
        """Return when the table of `epoch` is in force. Raises UnreachableError when it is not, even after the late ones were ended."""
        seconds = settings.number("ack_seconds")
        if await self._changes.until(lambda: self.in_force(epoch), seconds):
            _log.info("table %d is in force", epoch, extra=facts("table_in_force", epoch=epoch))
            return
        for worker in self._late(epoch):
            if worker.sent and worker.sent[0] >= epoch:
                worker.kill(f"its process did not take over table {epoch} within {seconds:g} s")
        if not await self._changes.until(lambda: self.in_force(epoch), seconds):
            late = ", ".join(sorted({worker.release for worker in self._late(epoch)}))
            raise UnreachableError(
                f"The table of epoch {epoch} is stored, but {late} has not taken it over.", hint="Repeat with the same op_id."
            )

    def _late(self, epoch: int) -> list[WorkerProcess]:
        """Who may still route by a table older than `epoch`."""
        return [worker for worker in self._fleet.workers if worker.ready and worker.routes and (worker.acked or (-1, ()))[0] < epoch]

    # ---- access

    async def admit_by(self, access: Mapping[str, Any], table: RoutingTable | None) -> None:
        """Have every process judge callers by `access` from now on. Returns when all do; one that does not in time is ended."""
        self._access = (dict(access), self._access[1] + 1 if self._access else 1)
        number, seconds = self._access[1], settings.number("ack_seconds")
        if table is None:
            return

        def late() -> list[WorkerProcess]:
            return [worker for worker in self._fleet.workers if worker.ready and worker.access < number]

        self.push(table)
        if not await self._changes.until(lambda: not late(), seconds):
            for worker in late():
                worker.kill(f"its process did not take over new access rules within {seconds:g} s")


def share_slots(workers: Sequence[WorkerProcess], silent: set[WorkerProcess], slots: int) -> dict[WorkerProcess, tuple[int, ...]]:
    """From which slots each of the ready workers of one release is to accept. Rule 2; empty when there is no worker."""
    accept: dict[WorkerProcess, list[int]] = {worker: [] for worker in workers}
    present = [worker for worker in workers if worker not in silent] or list(workers)
    for slot in range(slots if workers else 0):
        home = next((worker for worker in workers if worker.place == slot), None)
        if home is not None:
            accept[home].append(slot)
            if home in present and home.acked is not None and slot in home.acked[1]:
                continue
        others = [worker for worker in present if worker is not home]
        if others:
            covering = [worker for worker in others if worker.sent and slot in worker.sent[1]]
            accept[min(covering or others, key=lambda worker: len(accept[worker]))].append(slot)
    return {worker: tuple(taken) for worker, taken in accept.items()}
