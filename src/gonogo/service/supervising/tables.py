"""The routing table in force: decided, written, put in force, and taken off when it must be.

Rules it keeps:
1. A table is on disk before it is in force and before anybody is answered; `force.py` puts it in force.
2. Only the safe direction is taken without a controller: an arm that a worker's breaker took off is taken off everywhere, under a new
   epoch. That is done first and written afterwards, for a full disk must not keep a bad arm in service.
3. One decision at a time; none is held up by workers that are waited for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gonogo.base.clock import Clock, stamp
from gonogo.errors import ConflictError, StorageError, UnreachableError, UsageError
from gonogo.service.logs import facts
from gonogo.service.routing import RoutingTable
from gonogo.service.supervising.fleet import Fleet
from gonogo.service.supervising.force import Force
from gonogo.service.supervising.table_file import ServiceState, TableFile, check_token, fence

_log = logging.getLogger(__name__)


class Tables:
    """The state of one service, in memory and in its file. `lock` is held by whoever decides about it."""

    def __init__(self, path: Path, fleet: Fleet, force: Force, clock: Clock) -> None:
        self.lock = asyncio.Lock()
        self.known: ServiceState | None = None  #: None until the service has a table
        self.unsaved = ""  #: why the state in force is not on disk; "" when it is
        self._file = TableFile(path)
        self._saved: ServiceState | None = None  # what the file holds
        self._fleet = fleet
        self._force = force
        self._clock = clock

    @property
    def state(self) -> ServiceState:
        if self.known is None:
            raise UnreachableError("The service has no table yet: it is starting.", hint="Repeat in a moment.")
        return self.known

    async def stored(self) -> ServiceState | None:
        """What the file holds. Raises StorageError when it is damaged."""
        return await asyncio.to_thread(self._file.load)

    def resume(self, stored: ServiceState, first: str) -> None:
        """Go on from what was stored, with `first` among the releases that are to run."""
        self.known = replace(stored, table=self._with_sockets(stored.table)).with_running(first)

    async def adopt(self, state: ServiceState) -> None:
        """Rule 1: write, then put in force."""
        await self.save(state)
        self.push()

    def push(self) -> None:
        """Send the table to everybody who may have it by now."""
        if self.known is not None:
            self._force.push(self.known.table)

    async def save(self, state: ServiceState) -> None:
        """Write and flush. Raises StorageError; then the state is not taken over."""
        if state != self._saved:
            await asyncio.to_thread(self._file.save, state)
        self.known = self._saved = state
        self.unsaved = ""

    async def save_again(self) -> None:
        """Try once more to write what could not be written."""
        if self.unsaved:
            async with self.lock:
                try:
                    await self.save(self.state)
                except StorageError as error:
                    self.unsaved = str(error)

    async def see(self, token: int | None) -> None:
        """Fence a verb that carries no table. Raises FencedError."""
        if token is None or self.known is None:
            return
        async with self.lock:
            check_token(self.state, token)
            if token > self.state.token:
                await self.save(self.state.seen(token))

    async def route(self, table: Mapping[str, Any], op_id: str, token: int) -> dict[str, Any]:
        """See `Supervisor.route`."""
        try:
            wanted = self._with_sockets(replace(RoutingTable.from_json(table), token=token))
        except ValueError as error:
            raise UsageError(f"This is no routing table: {error}.") from error
        if not op_id:
            raise UsageError("A table needs an op_id, so that it can be repeated safely.")
        async with self.lock:
            already = fence(self.state, wanted, op_id) == "already"
            if not already:
                self._check_runs(wanted)
                await self.adopt(self.state.routed(wanted, op_id))
            epoch = self.state.did(op_id) or wanted.epoch
        await self._force.reached(epoch)
        return {"already": already, "epoch": epoch, "current": self.state.table.epoch}

    async def take_off(self, release: str, epoch: int, reason: str) -> None:
        """Rule 2."""
        async with self.lock:
            table = self.state.table
            if release == table.stable or not table.weight(release):
                return
            self.known = self.state.tripped(release, epoch, reason, stamp(self._clock.now()))
            self.push()
            _log.warning("%s was taken off: %s", release, reason, extra=facts("tripped", release=release, epoch=epoch, reason=reason))
            try:
                await self.save(self.known)
            except StorageError as error:
                self.unsaved = str(error)

    def _with_sockets(self, table: RoutingTable) -> RoutingTable:
        arms = tuple(replace(arm, socket=str(self._fleet.socket_path(arm.release))) for arm in table.arms)
        shadow = table.shadow and replace(table.shadow, socket=str(self._fleet.socket_path(table.shadow.release)))
        return replace(table, arms=arms, shadow=shadow)

    def _check_runs(self, table: RoutingTable) -> None:
        """Whoever is to get more traffic than now must run. Traffic may always go back to the stable release."""
        present = self.state.table
        for arm in table.arms:
            promoted = arm.release == table.stable != present.stable
            more = arm.release != table.stable and arm.weight_bp > present.weight(arm.release)
            if (promoted or more) and not self._fleet.runs(arm.release):
                raise ConflictError(f"{arm.release} is not running and cannot get traffic.", hint="Start it first.")
        if table.shadow and table.shadow != present.shadow and not self._fleet.runs(table.shadow.release):
            raise ConflictError(f"{table.shadow.release} is not running and cannot be a shadow.", hint="Start it first.")
