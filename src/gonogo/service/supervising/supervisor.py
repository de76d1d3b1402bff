"""The supervisor: owns the public listening sockets, keeps each release's processes alive, and has routing tables put in force.

    controller ──control.sock──▶ supervisor ──control channel──▶ workers of the stable release ──unix socket──▶ workers of the other arm
                                     │ owns                             ▲ accept, answer, forward
    clients ─────────────────▶ public listeners ────────────────────────┘

Rules it keeps:
1. No request passes through it. It may die; the workers then end (their control channel ends), and its successor starts from the table
   on disk, the stable release first.
2. The listening sockets stay open in this process throughout, whoever accepts from them, so that nobody is refused or reset.
3. Counters only grow while this process lives; `boot_id` names its life.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
import uuid
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from gonogo import settings
from gonogo.base.clock import Clock, SystemClock, stamp
from gonogo.base.names import Ref
from gonogo.errors import ConflictError, GonogoError, NotFoundError, UsageError
from gonogo.service.breaker import BreakerRule
from gonogo.service.door.tls import Certificate
from gonogo.service.labels.desk import LabelDesk
from gonogo.service.logs import WorkerLog, facts
from gonogo.service.places import SoleOwner, listen_public, make_private, service_folder, socket_folder, sticky_secret
from gonogo.service.prediction_log.process import LogProcess, PredictionLog
from gonogo.service.routing import WHOLE, Arm, RoutingTable
from gonogo.service.supervising.arm_watch import ArmWatch
from gonogo.service.supervising.control_server import Audit, ControlServer
from gonogo.service.supervising.crew import Crew
from gonogo.service.supervising.fleet import Fleet, Resolve
from gonogo.service.supervising.force import Force
from gonogo.service.supervising.key_watch import KeyWatch
from gonogo.service.supervising.process import WORKER_COMMAND, Changes, WorkerProcess
from gonogo.service.supervising.questions import Questions
from gonogo.service.supervising.table_file import ServiceState
from gonogo.service.supervising.tables import Tables
from gonogo.service.supervising.watched import LastWatched

_log = logging.getLogger(__name__)

LOG_SOCKET = "log.sock"
_LEFTOVER_SECONDS = 1.0  # what a killed supervisor left behind may take to go by itself
_TICK_SECONDS = 1.0


class Supervisor:
    """One service. `processes` is the number of worker processes per release."""

    def __init__(
        self,
        store: Path,
        resolve: Resolve,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        processes: int = 1,
        tls: tuple[Path, Path] | None = None,
        command: Sequence[str] = WORKER_COMMAND,
        worker_log: WorkerLog | None = None,
        prediction_log: PredictionLog | None = None,
        audit: Audit = lambda actor, verb, release, outcome: None,
        clock: Clock | None = None,
        watched: Callable[[], Mapping[str, Any] | None] = lambda: None,
    ) -> None:
        self.folder = service_folder(store)
        self._watched = LastWatched(watched)
        self.sockets = socket_folder(self.folder)
        self.boot_id = uuid.uuid4().hex
        self._host, self._port, self._processes = host, port, processes
        self._scheme = "http" if tls is None else "https"
        if tls is not None:
            Certificate(*tls)  # told now, by name, and not by each worker
            command = (*command, "--tls-cert", str(tls[0].absolute()), "--tls-key", str(tls[1].absolute()))
        self._clock = clock or SystemClock()
        self._changes = Changes()
        self._owner = SoleOwner(self.folder / "supervisor.lock")
        self._public: tuple[socket.socket, ...] = ()  # one listener a slot, a slot for each process of the stable release
        if worker_log is not None:
            command = (*command, *worker_log.arguments())
        self._log_rules = prediction_log
        self._log_process: LogProcess | None = None
        self._labels: LabelDesk | None = None
        if prediction_log is not None:
            command = (*command, "--prediction-log", str(self.sockets / LOG_SOCKET), "--prediction-sample", str(prediction_log.sample))
        keeps = worker_log is None or worker_log.file is not None
        self._fleet = Fleet(self.folder, self.sockets, resolve, self, self._changes, size=processes, command=command, keeps_output=keeps)
        self._force = Force(self._fleet, self._changes, processes)
        self._tables = Tables(self.folder / "route.json", self._fleet, self._force, self._clock)
        self._watch = ArmWatch(BreakerRule.from_settings(), self._fleet.counted)
        self._control = ControlServer(self, audit)
        self._questions = Questions(self, audit)
        self._keys = KeyWatch(self.folder, host, processes)
        self._since = time.monotonic()
        self._tasks: set[asyncio.Task[None]] = set()

    # ---- life

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the public listener, once started."""
        if not self._public:
            raise UsageError("The service has not been started.")
        name = self._public[0].getsockname()
        return str(name[0]), int(name[1])

    @property
    def url(self) -> str:
        host, port = self.address
        return f"{self._scheme}://[{host}]:{port}" if ":" in host else f"{self._scheme}://{host}:{port}"

    async def start(self, initial: str | None = None) -> None:
        """Take over the store, bind, start the stable release, then the others. `initial` is the release of a service that has no table.

        Raises ConflictError (another supervisor, or the stored table has another stable release), AddressInUseError, UsageError
        (nothing to serve, or to others without keys), StorageError (damaged table or keys) and what starting the initial release raises.
        """
        make_private(self.folder)
        make_private(self.sockets)
        self._owner.take()
        stored = await self._tables.stored()
        first = _choose_first(stored, initial)
        self._force.secret = await asyncio.to_thread(sticky_secret, self.folder)
        await self._fleet.end_leftovers(_LEFTOVER_SECONDS)
        await self.put_access(self._keys.begin())  # before anything is served: the workers hear it before their first table
        self._public = listen_public(self._host, self._port, self._processes)
        if self._log_rules is not None:
            self._labels = LabelDesk(self.folder / "log")
            self._log_process = LogProcess(self.folder / "log", self.sockets / LOG_SOCKET, self._log_rules.writing)
            self._log_process.start()
        self._launch(self._housekeep())
        if stored is None:
            await self._begin(first)
            await self._control.listen(self.sockets / "control.sock")
        else:
            self._tables.resume(stored, first)
            await self._control.listen(self.sockets / "control.sock")
            await self._recover()

    async def _begin(self, release: str) -> None:
        """The first table of a store is written only when its release runs."""
        await self._fleet.prepare(release)
        await self._fleet.await_first(self._enlist(release))
        table = RoutingTable(epoch=1, token=0, arms=(Arm(release, WHOLE, str(self._fleet.socket_path(release))),), stable=release)
        await self._tables.adopt(ServiceState(table, token=0, running=(release,)))
        await self._force.reached(table.epoch)

    async def _recover(self) -> None:
        table = self._tables.state.table
        await self.prepare(table.stable)
        crew = self._enlist(table.stable)
        if not await self._changes.until(lambda: bool(crew.ready_workers), settings.number("start_seconds")):
            _log.warning("%s is not ready yet: %s", table.stable, crew.problem)
        for release in self._tables.state.running:
            if release in self._fleet.crews:
                continue
            try:
                await self.prepare(release)
                self._enlist(release)
            except GonogoError as error:
                self._fleet.problems[release] = str(error)
                _log.warning("%s cannot be started: %s", release, error)

    async def serve(self, initial: str | None = None, *, announce: Callable[[str], None] = lambda url: None) -> None:
        """Start, call `announce` with the address (in a thread), run until SIGTERM, SIGINT or SIGHUP, then drain. A second signal ends at
        once. A SIGHUP that was ignored from the start (`nohup`) stays ignored."""
        asked = asyncio.Event()

        def ask() -> None:
            if asked.is_set():
                for worker in self._fleet.workers:
                    worker.kill("its process was ended at once, as asked")
            asked.set()

        loop = asyncio.get_running_loop()
        closed_terminal = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
        for number in (signal.SIGTERM, signal.SIGINT, *closed_terminal):
            loop.add_signal_handler(number, ask)
        try:
            starting = asyncio.ensure_future(self.start(initial))
            asking = asyncio.ensure_future(asked.wait())
            await asyncio.wait((starting, asking), return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await asyncio.to_thread(announce, self.url)  # whoever is told may ask the control API
                _log.info("the service answers at %s", self.url, extra=facts("service_started", url=self.url, boot_id=self.boot_id))
            else:
                starting.cancel()
            await asking
            _log.info("the service ends, as it was told", extra=facts("service_stopping", boot_id=self.boot_id))
        finally:
            await self.close()

    async def close(self) -> None:
        """Stop accepting, let the workers finish, the stable release first since it still needs the others; leave nothing running."""
        await self._control.close()
        stable = self._tables.known.table.stable if self._tables.known else ""
        drain = settings.number("drain_seconds")
        if stable in self._fleet.crews:
            await self._fleet.crews[stable].stop(drain)
        await asyncio.gather(*(crew.stop(drain) for crew in self._fleet.crews.values()))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for release in list(self._fleet.crews):
            self._fleet.dismiss(release)
        if self._log_process is not None:
            await self._log_process.stop()
        if self._labels is not None:
            self._labels.close()
        for listener in self._public:
            listener.close()
        self._owner.release()

    # ---- verbs of the control API: all idempotent

    async def prepare(self, release: str, token: int | None = None) -> dict[str, Any]:
        """Find a release and check that it may be served. Raises what `resolve` raises."""
        _check_release(release)
        await self._tables.see(token)
        return {"release": release, "already": not await self._fleet.prepare(release)}

    async def start_release(self, release: str, token: int | None = None) -> dict[str, Any]:
        """Start a release's processes and wait until one is ready. Raises ChildError with the worker's own reason."""
        await self.prepare(release, token)
        crew = self._fleet.crews.get(release)
        if crew is not None and crew.leaving:
            await self._changes.until(lambda: self._fleet.crews.get(release) is not crew, settings.number("drain_seconds"))
            crew = self._fleet.crews.get(release)
        already = crew is not None and bool(crew.ready_workers)
        if crew is None:
            crew = self._enlist(release)
            await self._fleet.await_first(crew)
        else:
            await self._fleet.await_return(crew)
        async with self._tables.lock:
            await self._tables.save(self._tables.state.with_running(release))
        return {"release": release, "already": already, "pid": crew.ready_workers[0].pid, "digest": crew.digest}

    async def observe(self) -> dict[str, Any]:
        """What is in force, what runs and what was counted, with counters as fresh as the workers give them."""
        await self._fleet.refresh_counters()
        state = self._tables.state
        table = state.table
        known = dict.fromkeys((*(arm.release for arm in table.arms), *state.running, *self._fleet.crews))
        return {
            **self._totals(),
            "epoch": table.epoch,
            "token": state.token,
            "op_id": next(iter(reversed(list(state.ops or ()))), None),
            "table": table.to_json(),
            "in_force": self._force.in_force(table.epoch),
            "releases": {release: {**self._fleet.describe(release), "weight_bp": table.weight(release)} for release in known},
            "tripped": [trip.to_json() for trip in state.trips],
            "unsaved": self._tables.unsaved,
            "boot_id": self.boot_id,
            "uptime_seconds": round(time.monotonic() - self._since, 3),
            "time": stamp(self._clock.now()),
            "url": self.url,
        }

    async def totals(self) -> dict[str, Any]:
        """What all processes counted, added up, and what runs (`upward.py`)."""
        await self._fleet.refresh_counters()
        totals = self._totals()
        references = {release: crew.reference for release, crew in self._fleet.crews.items() if crew.reference}
        return {
            **totals,
            "drift": {release: counts for release, counts in totals["drift"].items() if release in references},
            "references": references,
            "watched": await self._watched.get(),
            **({} if self._log_process is None else {"log_writer": self._log_process.status}),
            "boot_id": self.boot_id,
            "uptime_seconds": round(time.monotonic() - self._since, 3),
            "releases": {release: {**self._fleet.muster(release), "memory": self._fleet.memory(release)} for release in self._fleet.crews},
        }

    def _totals(self) -> dict[str, Any]:
        return {"counters": {}, "latency": {}, "drift": {}, "shadow": {}, "faults": 0, **self._fleet.totals()}

    async def take_labels(self, labels: Sequence[Sequence[Any]]) -> dict[str, Any]:
        """Take what came true (`upward.py`). Raises NotFoundError when no predictions are kept that it could be true of."""
        if self._labels is None:
            raise NotFoundError(
                "No predictions are kept, so no label can be joined to one.", hint="Add `prediction_log: {}` to gonogo.yaml."
            )
        return await self._labels.take(labels)

    async def put_access(self, access: Mapping[str, Any]) -> None:
        """Have every process judge callers by `access` (the content of the key file). Returns when all do."""
        await self._force.admit_by(access, self._tables.known.table if self._tables.known else None)

    async def route(self, table: Mapping[str, Any], op_id: str, token: int) -> dict[str, Any]:
        """Put a table in force. Answers when no process routes by an older one.

        Raises UsageError (no table), FencedError (stale epoch or token), ConflictError (a release that is to get more traffic does not
        run), StorageError (not written: then nothing changed) and UnreachableError (written, but not in force yet: repeat it).
        """
        return await self._tables.route(table, op_id, token)

    async def stop_release(self, release: str, token: int | None = None) -> dict[str, Any]:
        """Stop a release that gets no traffic. Raises ConflictError for one that does."""
        _check_release(release)
        await self._tables.see(token)
        async with self._tables.lock:
            table = self._tables.state.table
            if release == table.stable or table.weight(release):
                raise ConflictError(f"{release} answers traffic and cannot be stopped.", hint="Route its traffic elsewhere first.")
            if table.shadow and table.shadow.release == release:
                raise ConflictError(f"{release} is a shadow and cannot be stopped.", hint="End its shadow first.")
            crew = self._fleet.crews.get(release)
            already = crew is None or crew.leaving
            if crew is not None and not crew.leaving:
                await self._tables.save(self._tables.state.without_running(release))
                crew.leave()
                self._launch(self._end(crew))
        if crew is not None:
            await self._changes.until(lambda: self._fleet.crews.get(release) is not crew, 2 * settings.number("drain_seconds"))
        return {"release": release, "already": already}

    async def _end(self, crew: Crew) -> None:
        await crew.stop(settings.number("drain_seconds"))
        if self._fleet.crews.get(crew.release) is crew:
            self._fleet.dismiss(crew.release)

    async def prune(self, token: int | None = None) -> dict[str, Any]:
        """Stop and forget every release that is neither arm nor shadow of the table."""
        await self._tables.see(token)
        table = self._tables.state.table
        arms = {arm.release for arm in table.arms} | ({table.shadow.release} if table.shadow else set())
        gone = [release for release in self._fleet.crews if release not in arms]
        for release in gone:
            await self.stop_release(release)
        for release in self._fleet.prepared():
            if release not in arms:
                self._fleet.forget(release)
        return {"pruned": gone}

    # ---- what workers report

    def worker_changed(self, worker: WorkerProcess) -> None:
        crew = self._fleet.crews.get(worker.release)
        if crew is not None:
            crew.worker_changed()
        self._tables.push()
        self._changes.notify()
        if self._tables.known is not None:
            table = self._tables.known.table
            for release, reason in self._watch.look(table, time.monotonic()):
                self._launch(self._tables.take_off(release, table.epoch, reason))

    def worker_tripped(self, worker: WorkerProcess, release: str, epoch: int, reason: str) -> None:
        self._launch(self._tables.take_off(release, epoch, reason))

    def worker_asks(self, worker: WorkerProcess, verb: str, arguments: Mapping[str, Any], number: int) -> None:
        self._launch(self._questions.answer(worker, verb, arguments, number))

    def _enlist(self, release: str) -> Crew:
        return self._fleet.enlist(release, self._public)

    async def _housekeep(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            if (access := self._keys.news()) is not None:
                await self.put_access(access)
            await self._tables.save_again()

    def _launch(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("the supervisor met an error: %r", error, exc_info=error)


def _choose_first(stored: ServiceState | None, initial: str | None) -> str:
    if stored is None:
        if initial is None:
            raise UsageError("Nothing is in service yet.", hint="Name the release to begin with: gonogo serve SYSTEM@VERSION.")
        return _check_release(initial)
    if initial is not None and initial != stored.table.stable:
        raise ConflictError(
            f"{stored.table.stable} is in service here, not {initial}.",
            hint="Start the service without naming a release, and move the traffic by a rollout.",
        )
    return stored.table.stable


def _check_release(release: str) -> str:
    if Ref.parse(release).is_pointer:
        raise UsageError(f"{release!r} is a pointer, not a release.", hint="Name the version, such as credit-risk@1.2.0.")
    return release
