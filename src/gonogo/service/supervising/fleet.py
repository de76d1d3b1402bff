"""The crews of all releases of one service: found, started, described, counted, dismissed.

It knows nothing of traffic; the supervisor decides which release gets what. A release goes through it like this:

    unknown ──prepare──▶ prepared ──enlist──▶ crew (starting, ready, restarting …) ──stop──▶ prepared ──forget──▶ unknown
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from gonogo import settings
from gonogo.base.files import write_atomic
from gonogo.errors import ChildError, StorageError
from gonogo.service.places import Roster, listen_private, short_name
from gonogo.service.supervising.crew import Crew, add_snapshots
from gonogo.service.supervising.devices import Devices
from gonogo.service.supervising.environments import interpreter_for
from gonogo.service.supervising.process import Birth, Changes, Owner, WorkerProcess
from gonogo.service.supervising.resources import resources

_log = logging.getLogger(__name__)

_FRESH_SECONDS = 0.25  # how long newer counters are waited for


class VerifyingKey(Protocol):
    @property
    def pem(self) -> str:
        """The public key that a release must verify with, as PEM text."""


#: From a release reference to its folder and the key it must verify with. Raises GonogoError for a release that may not be served.
Resolve = Callable[[str], tuple[Path, VerifyingKey]]


@dataclass(frozen=True)
class _Prepared:
    """Where a release lies, the key it must verify with, and the Python that its processes run in."""

    folder: Path
    key: Path
    python: str


class Fleet:
    """All processes of a service, by release."""

    def __init__(
        self,
        folder: Path,
        sockets: Path,
        resolve: Resolve,
        owner: Owner,
        changes: Changes,
        *,
        size: int,
        command: Sequence[str],
        keeps_output: bool = True,
    ) -> None:
        self.crews: dict[str, Crew] = {}
        self.problems: dict[str, str] = {}  #: releases that ought to run and could not even be prepared
        self._folder = folder
        self._sockets = sockets
        self._resolve = resolve
        self._owner = owner
        self._changes = changes
        self._size = size
        self._command = tuple(command)
        self._devices = Devices()
        self._keeps_output = keeps_output  # what the processes of a release say goes to a file of it, else where our own goes
        self._roster = Roster(folder / "workers.json")
        self._prepared: dict[str, _Prepared] = {}
        self._listeners: dict[str, socket.socket] = {}
        self._refreshing: asyncio.Task[None] | None = None
        self._retired: dict[str, Any] = {}  # what releases counted whose crews were dismissed

    # ---- what there is

    @property
    def workers(self) -> list[WorkerProcess]:
        return [worker for crew in self.crews.values() for worker in crew.workers]

    def socket_path(self, release: str) -> Path:
        """Where the release answers the other arm's workers."""
        return self._sockets / f"{short_name(release)}.sock"

    def log_path(self, release: str) -> Path:
        return self._folder / f"{short_name(release)}.log"

    def runs(self, release: str) -> bool:
        """It has a process that was heard lately, and is not about to leave."""
        crew = self.crews.get(release)
        return crew is not None and not crew.leaving and crew.healthy(asyncio.get_running_loop().time())

    def counted(self, epoch: int, release: str) -> tuple[int, int]:
        """Answers and bad answers of an arm under a table, by all processes that are or were."""
        snapshots = [self._retired, *(snapshot for crew in self.crews.values() for snapshot in crew.snapshots)]
        rows = [snapshot.get("counters", {}).get(str(epoch), {}).get(release) for snapshot in snapshots]
        return sum(row["n"] for row in rows if row), sum(row["bad"] for row in rows if row)

    def totals(self) -> dict[str, Any]:
        """What all processes counted since this supervisor started, those that are gone included."""
        total = self._retired
        for crew in self.crews.values():
            total = add_snapshots(total, crew.totals())
        return dict(total)

    def describe(self, release: str) -> dict[str, Any]:
        crew = self.crews.get(release)
        workers = crew.ready_workers if crew else []
        return {
            "alive": bool(crew and crew.alive),
            "healthy": bool(crew and crew.healthy(asyncio.get_running_loop().time())),
            "pid": workers[0].pid if workers else None,
            "pids": [worker.pid for worker in workers],
            "processes": [{**resources(worker.pid), "device_memory": self._devices.held(worker.pid)} for worker in workers],
            "golden": [dict(worker.golden) for worker in workers],
            **(crew.muster(asyncio.get_running_loop().time()) if crew else {"size": 0, "ready": 0, "silent": 0}),
            "digest": crew.digest if crew else "",
            "drained": all(worker.drained for worker in workers),
            "restarts": crew.restarts if crew else 0,
            "problem": crew.problem if crew else self.problems.get(release, ""),
        }

    def muster(self, release: str) -> dict[str, Any]:
        """Where a release answers, and how many of its processes can."""
        crew = self.crews[release]
        return {"socket": str(self.socket_path(release)), "digest": crew.digest, **crew.muster(asyncio.get_running_loop().time())}

    def memory(self, release: str) -> int | None:
        """Bytes that its processes hold together, shared pages counted in each; None when one of them does not tell."""
        held = [resources(worker.pid)["memory"] for worker in self.crews[release].ready_workers]
        return sum(held) if held and None not in held else None

    async def refresh_counters(self) -> None:
        """Have every worker that is not hung say its counters anew, and wait a moment for the answers. Those who ask at once share an
        asking that began after they came."""
        begun = self._refreshing
        if begun is not None and not begun.done():
            await asyncio.shield(begun)
        latest = self._refreshing
        if latest is None or latest is begun:
            latest = self._refreshing = asyncio.create_task(self._refresh())
        await asyncio.shield(latest)

    async def _refresh(self) -> None:
        now = asyncio.get_running_loop().time()
        before = {worker: worker.snapshot for crew in self.crews.values() if crew.healthy(now) for worker in crew.ready_workers}
        for worker in before:
            worker.say({"kind": "snapshot"})
        await self._changes.until(
            lambda: all(not worker.ready or worker.snapshot is not old for worker, old in before.items()), _FRESH_SECONDS
        )

    # ---- how it changes

    async def end_leftovers(self, seconds: float) -> None:
        """End what a killed predecessor left behind; it would hold the sockets."""
        killed = await asyncio.to_thread(self._roster.end_leftovers, seconds)
        if killed:
            _log.warning("%d processes of an earlier supervisor had to be ended", killed)

    async def prepare(self, release: str) -> bool:
        """Find a release and check that it may be served. Returns False when that was done before. Raises what `resolve` raises."""
        if release in self._prepared:
            return False
        folder, key = await asyncio.to_thread(self._resolve, release)
        path = self._folder / f"{short_name(release)}.pem"
        await asyncio.to_thread(_keep, path, key.pem.encode())
        lock = await asyncio.to_thread((folder / "bundle" / "environment.lock").read_text, encoding="utf-8")
        python = await asyncio.to_thread(interpreter_for, release, lock, self._folder / "environments")
        self._prepared[release] = _Prepared(folder, path, python)
        return True

    def enlist(self, release: str, public: Sequence[socket.socket]) -> Crew:
        """Start the processes of a prepared release. Each inherits every listener of `public`."""
        prepared = self._prepared[release]
        listener = self._listeners[release] = listen_private(self.socket_path(release))
        crew = self.crews[release] = Crew(
            Birth(
                release,
                prepared.folder,
                prepared.key,
                self.log_path(release) if self._keeps_output else None,
                tuple(public),
                listener,
                (prepared.python, *self._command),
            ),
            self._owner,
            self._changes,
            size=self._size,
            start_seconds=settings.number("start_seconds"),
            silence_seconds=settings.number("silence_seconds"),
            born=self._record,
        )
        self.problems.pop(release, None)
        crew.start()
        return crew

    async def await_first(self, crew: Crew) -> None:
        """Until a process of a new crew is ready. Its first failure is final: the crew is dismissed. Raises ChildError with the reason."""
        seconds = settings.number("start_seconds")
        await self._changes.until(lambda: bool(crew.ready_workers or crew.problem or crew.leaving), seconds)
        if crew.ready_workers:
            return
        problem = crew.problem or f"it was not ready within {seconds:g} s"
        await crew.kill(problem)
        if self.crews.get(crew.release) is crew:
            self.forget(crew.release)
        raise ChildError(f"{crew.release} did not start: {problem}.", hint=f"See {self.log_path(crew.release)}.")

    async def await_return(self, crew: Crew) -> None:
        """Until a crew that is being restarted has a ready process. Raises ChildError when it does not come up, or is dismissed."""
        seconds = settings.number("start_seconds")
        await self._changes.until(lambda: bool(crew.ready_workers) or self.crews.get(crew.release) is not crew, seconds)
        if not crew.ready_workers:
            raise ChildError(f"{crew.release} does not come up: {crew.problem}.", hint=f"See {self.log_path(crew.release)}.")

    def dismiss(self, release: str) -> None:
        """Drop a crew whose processes have ended, keep what it counted, and close its socket."""
        crew = self.crews.pop(release, None)
        if crew is not None:
            self._retired = add_snapshots(self._retired, crew.totals())
        listener = self._listeners.pop(release, None)
        if listener is not None:
            listener.close()
            self.socket_path(release).unlink(missing_ok=True)
        self._changes.notify()

    def forget(self, release: str) -> None:
        """Dismiss, and be ready to resolve the release afresh."""
        self.dismiss(release)
        if release in self._prepared:
            self._prepared.pop(release).key.unlink(missing_ok=True)

    def prepared(self) -> tuple[str, ...]:
        return tuple(self._prepared)

    def _record(self) -> None:
        try:
            self._roster.write(worker.pid for worker in self.workers if worker.alive)
        except StorageError as error:
            _log.warning("the worker processes could not be recorded: %s", error)


def _keep(path: Path, data: bytes) -> None:
    """Write a file that is not there or says something else: a service starts again also where the disk has become full."""
    if not path.is_file() or path.read_bytes() != data:
        write_atomic(path, data, mode=0o600)
