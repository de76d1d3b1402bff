"""One worker process: serves one release and obeys its supervisor.

    python -m gonogo.service.worker --release-dir DIR --key PEM --public-fd N [--public-fd N …] --unix-fd N --control-fd N
           [--tls-cert PEM --tls-key PEM] [--prediction-log SOCKET --prediction-sample SHARE]
    python -m gonogo.service.worker --trial BUNDLE --digest D --public-fd N --control-fd N

Everything it listens on is inherited, so that no socket is ever closed by a worker's end; `accept` lists the public listeners to accept
from, counted from 0 in the order given. The control channel carries JSON lines:

    supervisor → worker   {"kind": "access", "access", "number"} · {"kind": "view", "view"} · {"kind": "table", "table", "secret", "accept"}
                          {"kind": "snapshot"} · {"kind": "told", "id", "ok", "value" | "error"} · {"kind": "stop"}
    worker → supervisor   {"kind": "ready", "release", "digest", "pid", "reference"}
                          {"kind": "failed", "message", "error"} · {"kind": "drained"}
                          {"kind": "ack", "epoch", "accept"} · {"kind": "ack", "access"} · {"kind": "counters", "snapshot"}
                          {"kind": "tripped", "release", "epoch", "reason"} · {"kind": "ask", "id", "verb", "arguments"}

Rules it keeps:

1. It serves a release only after it verified it with the key, and loads the model from the verified bytes. A trial serves a bundle of a
   known digest, on a loopback listener it was given, cut off from the network before it touches the model; it takes no tables.
2. An epoch is acknowledged when it is in force: no request from then on is assigned by an older table.
3. The end of the control channel is the order to leave: accept no more, answer what is in hand, go.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvloop

from gonogo import settings
from gonogo.errors import GonogoError
from gonogo.service.answering.answer import Answering, Rules
from gonogo.service.answering.batching import Computed
from gonogo.service.answering.loading import Served, load_bundle, load_release
from gonogo.service.answering.warm_up import MOST_DIFFERENT, golden_difference
from gonogo.service.callers.access import Access
from gonogo.service.counters import SLICE, Counters
from gonogo.service.door.http import HttpServer, Limits
from gonogo.service.door.tls import Certificate
from gonogo.service.drift import DriftCounter
from gonogo.service.logs import Answered, Lines, facts, logging_to
from gonogo.service.prediction_log.sink import PredictionSink
from gonogo.service.reference import reference
from gonogo.service.routing import RoutingTable
from gonogo.service.upward import Alone, Asking
from gonogo.service.wire import to_json

_log = logging.getLogger(__name__)

PUSH_SECONDS = 0.2
HEARTBEAT = 5  #: pushes; a snapshot goes out this often even when nothing was counted
LINE_LIMIT = 32 << 20  #: bytes; the sums of a whole service are a long line
BACKLOG_LIMIT = 4 << 20  #: bytes a supervisor may leave unread before snapshots are skipped
IDLE_SECONDS = 1.0  #: how long a leaving worker waits for silent connections
FAULTS_SHOWN = 50  #: tracebacks written to the log; after that only the count goes on


class Worker:
    """The life of one worker. A trial has no private socket, and one public listener, on which its own release answers."""

    def __init__(
        self,
        served: Served,
        *,
        public: Sequence[socket.socket],
        private: socket.socket | None,
        control: socket.socket,
        certificate: Certificate | None = None,
        on_answered: Answered | None = None,
        sink: PredictionSink | None = None,
    ) -> None:
        self._served = served
        self._sink = sink
        self._public_sockets = public
        self._private_socket = private
        self._control = control
        self._counters = Counters(served.release, DriftCounter(served.schema, served.baseline))
        self._asking = Asking(self._say)
        self._answering = Answering(
            served,
            self._counters,
            rules=Rules.from_settings(),
            upward=Alone(served, self._counters) if private is None else self._asking,
            admission=None if private is None else Access(),
            on_tripped=self._tripped,
            on_computed=self._computed if sink else None,
            on_exposure=sink.expose if sink else lambda key, epoch, release: None,
            on_fault=self._fault,
        )
        limits = Limits.from_settings(served.schema.width)
        headers = self._answering.own_headers
        handler = self._answering.public if private is not None else self._answering.trial
        # A server for each listener: its connections are told to close when somebody else accepts there again.
        self._public = [HttpServer(handler, limits, headers=headers, certificate=certificate, on_fault=self._fault) for _ in public]
        for server in self._public:
            server.on_answered = on_answered
        self._private = HttpServer(self._answering.private, limits, headers=headers, on_fault=self._fault)
        self._writer: asyncio.StreamWriter | None = None
        self._drain: asyncio.Task[None] | None = None

    async def run(self, **told: str) -> None:
        """Serve until told to stop. `told` goes into the ready message."""
        reader, self._writer = await asyncio.open_unix_connection(sock=self._control, limit=LINE_LIMIT)
        loop = asyncio.get_running_loop()
        obeying = asyncio.current_task()
        assert obeying is not None
        loop.add_signal_handler(signal.SIGTERM, obeying.cancel)
        if self._private_socket is None:
            await self._accept((0,))
        else:
            await self._private.listen(self._private_socket)
        about = {"digest": self._served.digest, "pid": os.getpid(), "reference": reference(self._served.baseline)}
        self._say(kind="ready", release=self._served.release, **about, **told)
        beside = [loop.create_task(self._push()), loop.create_task(self._answer_golden())]
        with suppress(asyncio.CancelledError, ConnectionError):
            await self._obey(reader)
        obeying.uncancel()  # by SIGTERM, if at all: there is still work to do
        loop.remove_signal_handler(signal.SIGTERM)
        await self._leave()
        for task in beside:
            task.cancel()
        if self._sink is not None:
            self._sink.close()
        self._say(kind="counters", snapshot=self._snapshot())
        self._say(kind="drained")
        with suppress(ConnectionError):
            await asyncio.wait_for(self._writer.drain(), 1.0)
        self._writer.close()

    async def _obey(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            try:
                message = json.loads(line)
                if message["kind"] == "stop":
                    return
                await self._heed(message)
            except Exception as error:  # the boundary: what cannot be obeyed is recorded and never acknowledged; serving goes on
                self._fault(error)

    async def _heed(self, message: dict[str, Any]) -> None:
        if message["kind"] == "table":
            await self._take_over(
                RoutingTable.from_json(message["table"]),
                bytes.fromhex(message.get("secret", "")),
                [int(slot) for slot in message["accept"]],
            )
        elif message["kind"] == "told":
            self._asking.told(message)
        elif message["kind"] == "view":
            self._answering.view = message["view"]
        elif message["kind"] == "access":
            if self._answering.admission is not None:
                self._answering.admission.put(message["access"])
            self._say(kind="ack", access=message["number"])
        elif message["kind"] == "snapshot":
            self._say(kind="counters", snapshot=self._snapshot())

    async def _take_over(self, table: RoutingTable, secret: bytes, accept: Sequence[int]) -> None:
        current = self._answering.table
        if current is not None and table.epoch < current.epoch:
            return  # overtaken by a newer one; what is in force was acknowledged
        self._answering.take_over(table, secret)
        accepted = await self._accept(accept)
        if accepted and not accept and (self._drain is None or self._drain.done()):
            self._drain = asyncio.get_running_loop().create_task(self._drain_public())
        self._say(kind="ack", epoch=table.epoch, accept=list(accept))

    async def _accept(self, slots: Sequence[int]) -> bool:
        """Accept from these listeners and no others. Returns whether it accepted from any before."""
        accepted = any(server.listening for server in self._public)
        for slot, server in enumerate(self._public):
            if slot in slots:
                await server.listen(self._public_sockets[slot])
            else:
                server.stop_listening()
        return accepted

    async def _drain_public(self) -> None:
        await asyncio.gather(*(server.drained(settings.number("drain_seconds")) for server in self._public))
        if all(server.leaving for server in self._public):
            self._say(kind="drained")

    async def _leave(self) -> None:
        await self._accept(())
        await asyncio.gather(*(server.drained(settings.number("drain_seconds"), idle=IDLE_SECONDS) for server in self._public))
        self._private.stop_listening()
        await self._private.drained(IDLE_SECONDS, idle=0.0)
        for server in (*self._public, self._private):
            server.close()

    async def _push(self) -> None:
        quiet = 0
        while True:
            changed = self._counters.waiting > 0
            while self._counters.waiting:
                try:
                    self._counters.settle(SLICE)
                except Exception as error:  # what cannot be counted must not end the counting of the rest
                    self._fault(error)
                await asyncio.sleep(0)  # requests come first
            try:
                while self._sink is not None and self._sink.settle(SLICE):
                    await asyncio.sleep(0)
            except Exception as error:  # as above: what cannot be logged is dropped and counted
                self._fault(error)
            quiet = 0 if changed else quiet + 1
            if quiet % HEARTBEAT == 0 and self._writer is not None and self._writer.transport.get_write_buffer_size() < BACKLOG_LIMIT:
                self._say(kind="counters", snapshot=self._snapshot())
            await asyncio.sleep(PUSH_SECONDS)

    async def _answer_golden(self) -> None:
        """Tell, again and again, how far the model's scores are from those it was sealed with: that it serves what was judged."""
        served = self._served
        while True:
            try:  # on a thread: a slow model must not keep anybody waiting
                apart = await asyncio.to_thread(golden_difference, served.schema, served.loaded, served.golden)
            except Exception as error:  # whatever a model does: it does not give its scores
                self._fault(error)
                apart = MOST_DIFFERENT
            self._say(kind="golden", tolerances=apart, requests=len(served.golden["requests"]))
            await asyncio.sleep(settings.number("golden_seconds"))

    def _computed(self, computed: Computed) -> None:
        self._counters.see(computed)
        if self._sink is not None:
            self._sink.see(computed)

    def _snapshot(self) -> dict[str, Any]:
        logged = {} if self._sink is None else {"prediction_log": self._sink.counts()}
        return self._counters.snapshot() | logged

    def _say(self, **message: Any) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(to_json(message) + b"\n")

    def _tripped(self, release: str, epoch: int, reason: str) -> None:
        self._say(kind="tripped", release=release, epoch=epoch, reason=reason)

    def _fault(self, error: BaseException) -> None:
        self._counters.faults += 1
        if self._counters.faults <= FAULTS_SHOWN:
            _log.error("a fault was caught: %r", error, exc_info=error, extra=facts("fault", release=self._served.release))


def serve(
    load: Callable[[], tuple[Served, dict[str, str]]],
    public: Sequence[socket.socket],
    private: socket.socket | None,
    control: socket.socket,
    tls: tuple[Path, Path] | None = None,
    on_answered: Answered | None = None,
    prediction_log: tuple[Path, float] | None = None,
) -> int:
    """Load and serve on given sockets until told to stop; the exit status. What fails to load is told on the control channel.

    The event loop is made first: a trial that has given up the making of sockets could not make one any more.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.get_loop()
        try:
            served, told = load()
            certificate = None if tls is None else Certificate(*tls)
            sink = PredictionSink(str(prediction_log[0]), served.schema, served.release, prediction_log[1]) if prediction_log else None
            worker = Worker(
                served, public=public, private=private, control=control, certificate=certificate, on_answered=on_answered, sink=sink
            )
        except Exception as error:  # the boundary: the supervisor must learn why, whatever it was
            message = str(error) if isinstance(error, GonogoError) else f"{type(error).__name__}: {error}"
            control.setblocking(True)
            with suppress(OSError):
                control.sendall(to_json({"kind": "failed", "message": message, "error": type(error).__name__}) + b"\n")
            return 1
        # What is loaded stays, so the collector need not look at it; and a turn of a hundred requests makes no garbage that has cycles.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        runner.run(worker.run(**told))
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="gonogo.service.worker", allow_abbrev=False)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--release-dir", type=Path)
    what.add_argument("--trial", type=Path)
    parser.add_argument("--key", type=Path)
    parser.add_argument("--digest")
    parser.add_argument("--accept-weaker", action="store_true")
    parser.add_argument("--public-fd", type=int, action="append", required=True)
    parser.add_argument("--unix-fd", type=int)
    parser.add_argument("--control-fd", type=int, required=True)
    parser.add_argument("--tls-cert", type=Path)
    parser.add_argument("--tls-key", type=Path)
    parser.add_argument("--prediction-log", type=Path)
    parser.add_argument("--prediction-sample", type=float, default=1.0)
    parser.add_argument("--log-file", type=Path)
    parser.add_argument("--access-log", choices=("all", "errors", "none"), default="none")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's to hear
    public, control = [socket.socket(fileno=number) for number in given.public_fd], socket.socket(fileno=given.control_fd)
    if given.trial:
        if not given.digest:
            parser.error("--trial needs --digest")
        return serve(lambda: _load_trial(given.trial, given.digest, given.accept_weaker, public[0]), public, None, control)
    if not given.key or given.unix_fd is None:
        parser.error("--release-dir needs --key and --unix-fd")
    private = socket.socket(fileno=given.unix_fd)
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))  # a connection is a file, and many systems begin with 1,024
    tls = (given.tls_cert, given.tls_key) if given.tls_cert and given.tls_key else None
    lines = Lines(given.log_file, process="worker")
    with logging_to(lines):
        told = lines.on_answered(given.access_log)
        logged = (given.prediction_log, given.prediction_sample) if given.prediction_log else None
        return serve(lambda: (load_release(given.release_dir, given.key), {}), public, private, control, tls, told, logged)


def _load_trial(folder: Path, digest: str, accept_weaker: bool, public: socket.socket) -> tuple[Served, dict[str, str]]:
    from gonogo.model.isolation import enter_isolation, limit_resources
    from gonogo.model.source import prepare
    from gonogo.release.contents import Bundle

    host = public.getsockname()[0]
    if host not in ("127.0.0.1", "::1"):
        raise ValueError(f"a trial listens on this machine only, not on {host}")
    bundle = Bundle.open(folder, expected=digest)  # hashed, nothing of it loaded
    prepare(str(bundle.manifest["model"]["format"]))
    limits = limit_resources(seconds=settings.number("child_seconds"), memory_mib=settings.number("child_memory"), open_files=4096)
    isolation = enter_isolation(writable=(), accept_weaker=accept_weaker)
    return load_bundle(bundle), {"isolation": f"process, {limits}, {isolation}"}


if __name__ == "__main__":
    sys.exit(main())
