"""The processes of one release, kept alive: started, watched, restarted with back-off, ended.

Rules it keeps:
1. A process that dies, hangs or does not get ready in time is replaced; the pause before each attempt doubles up to a limit and is
   forgotten once a process has lived long enough.
2. Nobody waits for a dead release: while it has no ready process, the supervisor itself takes the connections on its Unix socket and
   closes them at once, so that the stable arm answers without waiting for its deadline.
3. What the release counted is never lost: the last snapshot of a dead process is added to a base, so that sums only grow.
4. Silence is judged by the clock of the loop; when the loop itself was held up (a suspended machine), nobody is blamed for it.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from gonogo.service.logs import facts
from gonogo.service.supervising.process import Birth, Changes, Owner, WorkerProcess, spawn

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.25  # how often silence is looked at


class BackOff:
    """The pause before the next attempt, in seconds: 0.05, 0.1, 0.2 … 10; back to the beginning after a life of 3 s."""

    first = 0.05
    longest = 10.0
    forgiven_after = 3.0

    def __init__(self) -> None:
        self._next = self.first

    def after(self, lived: float) -> float:
        """The pause after a process that was ready for `lived` seconds."""
        if lived >= self.forgiven_after:
            self._next = self.first
        pause = self._next
        self._next = min(self.longest, pause * 2)
        return pause


def add_snapshots(left: Any, right: Any) -> Any:
    """Add two cumulative snapshots: numbers add, lists add place by place, mappings add key by key, of the rest the newer one stays.

    Of two numbers that are called `largest` the larger one stays.
    """
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        keys = [*left, *(key for key in right if key not in left)]
        return {key: (_larger if key == "largest" else add_snapshots)(left.get(key), right.get(key)) for key in keys}
    if isinstance(left, list) and isinstance(right, list):
        longest = max(len(left), len(right))
        pairs = zip(left + [None] * (longest - len(left)), right + [None] * (longest - len(right)), strict=True)
        return [add_snapshots(one, other) for one, other in pairs]
    if _is_number(left) and _is_number(right):
        return left + right
    return left if right is None else right


def _larger(left: Any, right: Any) -> Any:
    return left if right is None or (left is not None and left >= right) else right


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class Crew:
    """All processes of one release."""

    def __init__(
        self,
        birth: Birth,
        owner: Owner,
        changes: Changes,
        *,
        size: int,
        start_seconds: float,
        silence_seconds: float,
        born: Callable[[], None] = lambda: None,
    ) -> None:
        self.release = birth.release
        self.workers: list[WorkerProcess] = []
        self.problem = ""  #: why the latest process ended, "" when none did
        self.restarts = 0
        self._birth = birth
        self._owner = owner
        self._changes = changes
        self._size = size
        self._start_seconds = start_seconds
        self._silence_seconds = silence_seconds
        self._born = born  # called after each start, so that the processes are on record for a later supervisor
        self._base: dict[str, Any] = {}
        self._leaving = False
        self._refusing = False
        self._keepers: list[asyncio.Task[None]] = []

    @property
    def ready_workers(self) -> list[WorkerProcess]:
        return [worker for worker in self.workers if worker.ready]

    @property
    def alive(self) -> bool:
        return any(worker.alive for worker in self.workers)

    @property
    def leaving(self) -> bool:
        return self._leaving

    @property
    def digest(self) -> str:
        return next((worker.digest for worker in self.workers if worker.digest), "")

    @property
    def reference(self) -> Mapping[str, Any]:
        """What its live counts are compared with (`reference.py`)."""
        return next((worker.reference for worker in self.workers if worker.reference), {})

    def healthy(self, now: float) -> bool:
        """Has a ready process that answered lately. `now` is loop time."""
        return any(worker.silent_for(now) < 0.75 * self._silence_seconds for worker in self.ready_workers)

    def muster(self, now: float) -> dict[str, int]:
        """How many processes there ought to be, how many answer, and how many are there and silent. `now` is loop time."""
        silent = sum(worker.silent_for(now) > self._silence_seconds / 2 for worker in self.ready_workers)
        return {"size": self._size, "ready": len(self.ready_workers) - silent, "silent": silent}

    @property
    def snapshots(self) -> list[Mapping[str, Any]]:
        """What its processes said last, and what those counted that are gone."""
        return [self._base, *(worker.snapshot for worker in self.workers)]

    def totals(self) -> dict[str, Any]:
        """Cumulative counters of this release's processes, those that died included."""
        total: dict[str, Any] = self._base
        for worker in self.workers:
            total = add_snapshots(total, worker.snapshot)
        return total

    def start(self) -> None:
        self._refuse_or_not()
        self._keepers = [asyncio.create_task(self._keep(place)) for place in range(self._size)]

    def worker_changed(self) -> None:
        """To be called when a worker of this crew has news."""
        self._refuse_or_not()

    def leave(self) -> None:
        """Tell every process to finish what it has in hand and go; none is replaced any more."""
        self._leaving = True
        for worker in self.workers:
            worker.tell_stop()

    async def stop(self, seconds: float) -> None:
        """`leave`, for `seconds` at most; then end what is left."""
        self.leave()
        await self._changes.until(lambda: not self.alive, seconds)
        await self.kill("its process had to be ended: it did not finish in time")

    async def kill(self, reason: str) -> None:
        self._leaving = True
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for worker in self.workers:
            worker.kill(reason)
        for worker in list(self.workers):
            await worker.gone()
            self._bury(worker)
        self._refuse_or_not()

    async def _keep(self, place: int) -> None:
        back_off = BackOff()
        while not self._leaving:
            lived = 0.0
            try:
                worker = await spawn(self._birth, place, self._owner)
            except OSError as error:
                self.problem = f"its process could not be started: {error.strerror or error}"
            else:
                self.workers.append(worker)
                self._born()
                try:
                    lived = await self._watch(worker)
                finally:
                    if not worker.alive:
                        self._bury(worker)
            if self._leaving:
                return
            pause = back_off.after(lived)
            gone = facts("worker_gone", release=self.release, reason=self.problem)
            _log.warning("%s: %s; the next one starts in %.2f s", self.release, self.problem, pause, extra=gone)
            self._changes.notify()
            await asyncio.sleep(pause)
            self.restarts += 1

    async def _watch(self, worker: WorkerProcess) -> float:
        """Follow one process to its end. Returns for how long it was ready."""
        loop = asyncio.get_running_loop()
        if not await self._changes.until(lambda: worker.state != "starting", self._start_seconds):
            worker.kill(f"its process was not ready within {self._start_seconds:g} s")
        since = looked = loop.time()
        was_ready = worker.state == "ready"
        if was_ready:
            begun = facts("worker_ready", release=self.release, worker=worker.pid)
            _log.info("%s: process %d is ready", self.release, worker.pid, extra=begun)
        silent = False
        while not await self._changes.until(lambda: not worker.alive, _LOOK_SECONDS):
            now = loop.time()
            if now - looked > 4 * _LOOK_SECONDS:
                worker.heard = max(worker.heard, now - self._silence_seconds / 2)
            looked = now
            if silent != (worker.silent_for(now) > self._silence_seconds / 2):
                silent = not silent
                self._owner.worker_changed(worker)  # somebody else is to accept in its place, or no longer
            if worker.silent_for(now) > self._silence_seconds:  # one that leaves still reports until its last answer is out
                worker.kill(f"its process did not answer for {self._silence_seconds:g} s")
            elif worker.silent_for(now) > self._silence_seconds / 4:
                worker.say({"kind": "snapshot"})  # a word is a sign of life
        await worker.gone()
        self.problem = worker.message
        return loop.time() - since if was_ready else 0.0

    def _bury(self, worker: WorkerProcess) -> None:
        if worker in self.workers:
            self.workers.remove(worker)
            self._base = add_snapshots(self._base, worker.snapshot)
            self.problem = worker.message
            self._refuse_or_not()

    def _refuse_or_not(self) -> None:
        """Rule 2."""
        refuse = not self.ready_workers and not self._leaving
        if refuse == self._refusing:
            return
        self._refusing = refuse
        loop = asyncio.get_running_loop()
        if refuse:
            loop.add_reader(self._birth.private.fileno(), _turn_away, self._birth.private)
        else:
            loop.remove_reader(self._birth.private.fileno())


def _turn_away(listener: socket.socket) -> None:
    with suppress(OSError):  # a worker that has just become ready may have taken it
        connection, _ = listener.accept()
        connection.close()
