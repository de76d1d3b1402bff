"""One worker process of a release, as its supervisor sees it: from the fork to the reaped child.

    starting ──ready──▶ ready ──told to stop──▶ leaving ──▶ gone
        └──failed, too slow──▶ gone     └──killed, crashed, silent──▶ gone

Rules it keeps:
1. A child inherits the public listeners, its release's Unix listener and its end of the control channel, and no other descriptor.
2. It leads a process group of its own, so that a Ctrl-C at the terminal reaches the supervisor alone, and so that the whole tree
   under it can be ended by one signal.
3. Whatever it says on the control channel is judged: a line that is not a message ends the process, since what it says next cannot
   be trusted either.
4. The end of the control channel means the worker is going. One that then stays is killed.

The control channel carries JSON lines over a socket pair. Supervisor to worker: `access`, `view`, `table`, `snapshot`, `told`, `stop`.
Worker to supervisor: `ready`, `failed`, `ack`, `counters`, `golden`, `tripped`, `ask`, `drained`.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

State = Literal["starting", "ready", "leaving", "gone"]

#: What Python is given for each process; the arguments of one worker are appended. `-P` keeps the working directory off the import path.
WORKER_COMMAND: tuple[str, ...] = ("-P", "-m", "gonogo.service.worker")

_LINE_LIMIT = 32 * 1024 * 1024  # a snapshot with the drift bins of a wide model is a long line
_LINGER_SECONDS = 2.0  # a worker that closed its control channel has this long to exit
_LOG_LIMIT = 1024 * 1024  # the output of a release's processes starts afresh beyond this many bytes


@dataclass(frozen=True)
class Birth:
    """Everything that one worker needs to be started."""

    release: str
    folder: Path
    key: Path
    log: Path | None  #: takes what it says on standard output and error; None: our standard error does
    public: tuple[socket.socket, ...]  #: one listener a slot
    private: socket.socket
    command: Sequence[str] = (sys.executable, *WORKER_COMMAND)


class Owner(Protocol):
    """Who is told what a worker says."""

    def worker_changed(self, worker: WorkerProcess) -> None:
        """Its state, its acknowledged table or its counters are new."""

    def worker_tripped(self, worker: WorkerProcess, release: str, epoch: int, reason: str) -> None:
        """Its breaker took `release` off under the table `epoch`."""

    def worker_asks(self, worker: WorkerProcess, verb: str, arguments: Mapping[str, Any], number: int) -> None:
        """It asks; to be answered with `worker.tell`."""


class Changes:
    """Wakes whoever waits for a fact about the workers to become true."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    async def until(self, fact: Callable[[], bool], seconds: float) -> bool:
        """Wait for `fact`, for `seconds` at most. Returns what it says in the end."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not fact():
            left = deadline - loop.time()
            if left <= 0:
                return False
            future = loop.create_future()
            self._waiting.add(future)
            try:
                await asyncio.wait((future,), timeout=left)
            finally:
                self._waiting.discard(future)
        return True


class WorkerProcess:
    """A running worker and what it last said. Made by `spawn`."""

    def __init__(self, birth: Birth, place: int, process: asyncio.subprocess.Process, channel: asyncio.StreamWriter, owner: Owner) -> None:
        self.release = birth.release
        self.place = place  #: among the processes of its release: the slot that it accepts from when the release is the stable one
        self.pid = process.pid
        self.state: State = "starting"
        self.digest = ""
        self.reference: Mapping[str, Any] = {}  #: what its live counts are compared with (`reference.py`)
        self.message = ""  #: why it failed, in its own words or as its exit status
        self.golden: Mapping[str, Any] = {}  #: how far its scores are from the sealed ones: `tolerances`, of so many `requests`
        self.snapshot: dict[str, Any] = {}  #: cumulative since this process started
        self.heard = asyncio.get_running_loop().time()  #: when it last said anything, in loop seconds
        self.sent: tuple[int, tuple[int, ...]] | None = None  #: epoch of the newest table it was sent, and the slots it is to accept from
        self.acked: tuple[int, tuple[int, ...]] | None = None  #: the same, as it says is in force
        self.access = 0  #: the number of the newest access that it says is in force
        self.drained = True  #: holds no public connection any more
        self._process = process
        self._channel = channel
        self._owner = owner
        self._view: Mapping[str, Any] = {}
        self._access = 0
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def alive(self) -> bool:
        return self.state != "gone"

    @property
    def ready(self) -> bool:
        return self.state == "ready"

    @property
    def routes(self) -> bool:
        """It accepts, or still holds connections that it accepted: it must know every new table."""
        return self.alive and self.sent is not None and (bool(self.sent[1]) or not self.drained)

    def silent_for(self, now: float) -> float:
        return now - self.heard

    def say(self, message: Mapping[str, Any]) -> None:
        """Send one message. A worker that cannot be told is on its way out, and its end is noticed elsewhere."""
        with suppress(ConnectionError, RuntimeError):
            self._channel.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")

    def tell_table(self, table: Mapping[str, Any], epoch: int, *, secret: str, accept: tuple[int, ...]) -> None:
        """Send a table and the slots to accept from, once per (epoch, accept)."""
        if self.sent == (epoch, accept):
            return
        self.sent = (epoch, accept)
        if accept:
            self.drained = False
        self.say({"kind": "table", "table": table, "secret": secret, "accept": accept})

    def tell_view(self, view: Mapping[str, Any]) -> None:
        """Send what runs beside it, when that is new."""
        if self._view != view:
            self._view = view
            self.say({"kind": "view", "view": view})

    def tell_access(self, access: Mapping[str, Any], number: int) -> None:
        """Send who may do what, once per number."""
        if self._access != number:
            self._access = number
            self.say({"kind": "access", "access": access, "number": number})

    def tell_stop(self) -> None:
        """Ask it to finish what it has in hand and go."""
        if self.state in ("starting", "ready"):
            self.state = "leaving"
            self.say({"kind": "stop"})
            self._owner.worker_changed(self)

    def kill(self, reason: str) -> None:
        """End the process and everything under it at once."""
        if not self.alive:
            return
        self.message = self.message or reason
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            self._process.kill()

    async def gone(self) -> None:
        """Wait until the child is reaped."""
        await asyncio.wait(self._tasks)

    def follow(self, reader: asyncio.StreamReader) -> None:
        self._tasks = [asyncio.create_task(self._listen(reader)), asyncio.create_task(self._reap())]

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                self.heard = asyncio.get_running_loop().time()
                self._take(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.kill(f"its process said something on the control channel that is no message ({error})")
        except ConnectionError:
            pass  # the same as the end of the channel: the process is going
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), _LINGER_SECONDS if self.state != "leaving" else None)
        self.kill("its process closed its control channel and stayed")

    async def _reap(self) -> None:
        status = await self._process.wait()
        self._channel.close()
        self.state = "gone"
        self.message = self.message or _ending(status)
        self._owner.worker_changed(self)

    def _take(self, message: dict[str, Any]) -> None:
        kind = message["kind"]
        if kind == "ready":
            self.digest = str(message["digest"])
            self.reference = message.get("reference") or {}
            if self.state == "starting":
                self.state = "ready"
        elif kind == "failed":
            self.message = str(message["message"]).rstrip(".")
        elif kind == "ack" and "access" in message:
            self.access = int(message["access"])
        elif kind == "ack":
            self.acked = (int(message["epoch"]), tuple(int(slot) for slot in message["accept"]))
        elif kind == "counters":
            self.snapshot = dict(message["snapshot"])
        elif kind == "golden":
            self.golden = {"tolerances": float(message["tolerances"]), "requests": int(message["requests"])}
        elif kind == "tripped":
            self._owner.worker_tripped(self, str(message["release"]), int(message["epoch"]), str(message["reason"]))
        elif kind == "ask":
            self._owner.worker_asks(self, str(message["verb"]), dict(message["arguments"]), int(message["id"]))
            return
        elif kind == "drained":
            self.drained = not (self.sent and self.sent[1])
        else:
            raise ValueError(f"unknown kind {kind!r}")
        self._owner.worker_changed(self)


async def spawn(birth: Birth, place: int, owner: Owner) -> WorkerProcess:
    """Start a worker process for a place of its release and begin to listen to it. Raises OSError when the machine refuses a process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        arguments = ["--release-dir", str(birth.folder), "--key", str(birth.key), "--unix-fd", str(birth.private.fileno())]
        arguments += ["--control-fd", str(theirs.fileno())]
        for listener in birth.public:
            arguments += ["--public-fd", str(listener.fileno())]
        with _open_log(birth.log) as log:
            process = await asyncio.create_subprocess_exec(
                *birth.command,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(*(listener.fileno() for listener in birth.public), birth.private.fileno(), theirs.fileno()),
                process_group=0,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    try:
        reader, channel = await asyncio.open_unix_connection(sock=ours, limit=_LINE_LIMIT)
    except BaseException:  # cancelled: nobody would follow the child
        process.kill()
        ours.close()
        raise
    worker = WorkerProcess(birth, place, process, channel, owner)
    worker.follow(reader)
    return worker


def _open_log(path: Path | None) -> Any:
    if path is None:
        return os.fdopen(os.dup(2), "wb")
    large = path.exists() and path.stat().st_size > _LOG_LIMIT
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if large else os.O_APPEND), 0o600), "wb")


def _ending(status: int) -> str:
    if status < 0:
        try:
            return f"its process was ended by {signal.Signals(-status).name}"
        except ValueError:
            return f"its process was ended by signal {-status}"
    return f"its process exited with status {status}"
