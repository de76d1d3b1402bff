"""Models that are programs: loaded and run in an isolated child of their own, never in the process that serves.

    process that serves ──── keeper ──── child with the model
            └───────── channel ──────────────┘

One call at a time. A child that crashes, ends itself, says what is no answer, is interrupted or does not answer within `child_seconds` is
ended; the call raises ModelError and a new child starts at once, so that the next call finds it ready. The model's bytes lie sealed in
memory that each child maps.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar

from gonogo import settings
from gonogo.errors import ModelError
from gonogo.model.declared import check_batch, first_line
from gonogo.model.frames import Call, Greeting, Order, Reply, pack, receive, send, unpack_scores
from gonogo.model.keeper import END, START
from gonogo.model.runtime import NO_OPTIONS, Array, Inspection

MOST_WORDS = 16 << 20  #: bytes of a greeting
LOOK_MILLISECONDS = 20  #: how often a call that waits for a new child looks whether it was interrupted
MOST_A_ROW = 1 << 16  #: bytes of a reply for each row, and as much for the rest
_SEALS = 0x0001 | 0x0002 | 0x0004 | 0x0008  # F_SEAL_SEAL, _SHRINK, _GROW, _WRITE of fcntl(2)


class Keeper:
    """The other end of a keeper process, which starts with this object. Raises OSError when no process can be started."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair()
        environment = {"PATH": os.defpath, "LANG": "C.UTF-8"} | {
            name: os.environ[name] for name in ("LD_LIBRARY_PATH", "TMPDIR") if name in os.environ
        }
        threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-I", "-m", "gonogo.model.keeper", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment | threads,
            )
        self.close = weakref.finalize(self, _close, self._line, process)

    def start(self, data: int) -> socket.socket:
        """End the child and start a new one on the bytes of a descriptor; our end of its channel. Raises OSError."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._line, [START], [theirs.fileno(), data])
            except OSError:
                ours.close()
                raise
        return ours

    def end(self) -> None:
        """End the child, if there is one."""
        with suppress(OSError):  # a keeper that is gone has no child
            self._line.send(END)


class HostedRuntime:
    """A runtime whose models are hosted. See `gonogo.model.runtime.Runtime`."""

    name: ClassVar[str]
    inside: ClassVar[str]  #: "module:Class" of the runtime with which the child loads the bytes
    _spare: ClassVar[list[Keeper]] = []

    def prepare(self) -> None:
        """Start the keeper of the next model that is loaded."""
        HostedRuntime._spare.append(Keeper())

    def load(self, data: bytes, options: Mapping[str, Any] = NO_OPTIONS) -> HostedModel:
        """Load a model in a child. Raises ModelError when the child cannot be isolated or started, or says why it cannot load it."""
        if not hasattr(os, "memfd_create"):
            raise ModelError(f"a {self.name} model runs in an isolated child, which needs Linux.")
        try:
            keeper = HostedRuntime._spare.pop() if HostedRuntime._spare else Keeper()
            return HostedModel(keeper, self.inside, data, options)
        except OSError as error:
            raise ModelError(f"the isolated child of the model cannot be started: {error}.") from error


class HostedModel:
    """A model in a child. See `gonogo.model.runtime.Loaded`."""

    device = "cpu"

    def __init__(self, keeper: Keeper, inside: str, data: bytes, options: Mapping[str, Any]) -> None:
        self._order = Order(inside, dict(options), settings.number("child_memory"))
        self._seconds = settings.number("child_seconds")
        self._data = _sealed(data)
        self._keeper = keeper
        self._channel: socket.socket | None = None
        self._greeted = False
        self._open: list[socket.socket] = []  #: the channel again, for whoever clears up
        self._turn, self._guard = threading.Lock(), threading.Lock()
        self._running = self._interrupted = self._ended = False  #: a call; it is to end; its child was ended for that
        weakref.finalize(self, _release, self._data, self._open)
        try:
            self._begin()
            greeting = self._greet(time.monotonic() + self._seconds)
        except (EOFError, OSError, ValueError) as error:
            raise self._failure(error) from error
        described = Inspection.from_json(greeting.inspection)
        self.inputs, self.outputs = described.inputs, described.outputs
        self.metadata: Mapping[str, str] = {**described.metadata, "isolation": greeting.isolation}
        self._names = tuple(output.name for output in self.outputs)

    def run(self, batch: Mapping[str, Array], outputs: Sequence[str] | None = None) -> dict[str, Any]:
        """Compute the outputs, after the calls of other threads. Raises ModelError."""
        names = self._names if outputs is None else tuple(outputs)
        if not set(names) <= set(self._names):
            raise ModelError(f"the model gives {', '.join(self._names)}, not {', '.join(names)}.")
        rows = check_batch(self.inputs, batch)
        with self._turn:
            with self._guard:
                self._running, self._interrupted, self._ended = True, False, False
            try:
                given = self._call(batch, rows)
            finally:
                with self._guard:
                    self._running = False
                if self._ended:  # even if its answer came first
                    self._begin_again()
        return {name: given[name] for name in names}

    def interrupt(self) -> None:
        """End the child of a running call, which raises ModelError; a child that is still loading goes on with that.

        See `gonogo.model.runtime.Loaded`.
        """
        with self._guard:
            if self._running:
                self._interrupted = True
                if self._greeted:
                    self._ended = True
                    self._keeper.end()

    def _call(self, batch: Mapping[str, Array], rows: int) -> dict[str, Array]:
        deadline = time.monotonic() + self._seconds
        try:
            if self._channel is None:
                self._begin()
            self._greet(deadline)
            assert self._channel is not None
            send(self._channel, Call(pack(batch)), deadline)
            reply = receive(self._channel, Reply, most=MOST_A_ROW * (rows + 1), deadline=deadline)
            if not reply.fault:
                return unpack_scores(reply.arrays, self._names, rows)
        except (EOFError, OSError, ValueError) as error:
            if not self._interrupted:
                self._begin_again()
            raise self._failure(error) from error
        raise ModelError(reply.fault, hint=reply.hint)

    def _greet(self, deadline: float) -> Greeting:
        """What a new child says first; afterwards nothing is waited for. Raises ModelError when it could not load the model."""
        if self._greeted or self._channel is None:
            return Greeting()
        waiting = select.poll()  # unlike select(2), of any descriptor
        waiting.register(self._channel, select.POLLIN)
        while not waiting.poll(LOOK_MILLISECONDS):
            if self._interrupted:
                raise InterruptedError
            if time.monotonic() > deadline:
                raise TimeoutError
        greeting = receive(self._channel, Greeting, most=MOST_WORDS, deadline=deadline)
        if greeting.fault:
            self._end()
            raise ModelError(f"the isolated child cannot load the model: {greeting.fault}", hint=greeting.hint)
        with self._guard:  # from here on an interrupt ends the child
            self._greeted = True
            if self._interrupted:
                raise InterruptedError
        return greeting

    def _begin(self) -> None:
        """Start a child and tell it what to load, without waiting for it. Raises OSError."""
        try:
            self._channel = self._keeper.start(self._data)
        except OSError:  # the keeper was killed; where processes may still be made, another takes its place
            self._keeper.close()
            self._keeper = Keeper()
            self._channel = self._keeper.start(self._data)
        self._greeted = False
        self._open[:] = [self._channel]
        send(self._channel, self._order, time.monotonic() + self._seconds)

    def _begin_again(self) -> None:
        self._end()
        with suppress(OSError):  # then the next call begins, and says why it cannot
            self._begin()

    def _end(self) -> None:
        if self._channel is not None:
            self._channel.close()
        self._channel = None

    def _failure(self, error: Exception) -> ModelError:
        if self._interrupted:
            return ModelError("the call of the model was interrupted.")
        if isinstance(error, TimeoutError):
            return ModelError(
                f"the model did not answer within {self._seconds:g} s; its child was ended.", hint="See GONOGO_CHILD_SECONDS."
            )
        if isinstance(error, EOFError | ConnectionError):
            return ModelError("the isolated child of the model ended in the middle of a call; another takes its place.")
        return ModelError(f"the isolated child of the model gave no answer that can be used: {first_line(error)}.")


def _sealed(data: bytes) -> int:
    """A descriptor of memory with these bytes, which nobody can change any more (memfd_create(2))."""
    handle = os.memfd_create("gonogo-model", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(handle, "wb", closefd=False) as file:
        file.write(data or b"\0")  # nothing cannot be mapped; it is no model either way
    fcntl.fcntl(handle, fcntl.F_ADD_SEALS, _SEALS)
    return handle


def _release(data: int, channels: list[socket.socket]) -> None:
    os.close(data)
    for channel in channels:
        channel.close()


def _close(line: socket.socket, process: subprocess.Popen[bytes]) -> None:
    line.close()  # the keeper ends its child and leaves
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        with suppress(OSError):  # an isolated process may signal nobody
            process.kill()
            process.wait()
