"""The process that writes the prediction log: takes frames from every worker, spools them, turns full spools into Parquet.

    python -m gonogo.service.prediction_log.writer --listen-fd N --folder DIR --rules JSON

It stands apart from the workers, so that no answer ever waits for a disk and no worker carries a table engine. The supervisor starts it,
owns its listening socket, and reads its standard output: one JSON line a second with what it wrote and could not write. The end of its
standard input is the order to finish: it reads what the workers have sent, writes the last segment, and goes.

Rules it keeps:

1. Each frame is spooled before the next is read; a slow disk makes the workers drop, and count, never wait.
2. A spool is removed when its segments stand flushed on disk, and not before. What a killed writer left is written by the next one,
   under the same names: a segment that stood already is replaced by itself.
3. What cannot be written is counted and said; the writing goes on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gonogo.base.clock import SystemClock
from gonogo.errors import StorageError
from gonogo.model.slices import Slices
from gonogo.service.labels.desk import LABELS
from gonogo.service.labels.reopened import ReopenedLabels
from gonogo.service.prediction_log.believed import BelievedClock
from gonogo.service.prediction_log.frames import ACK, HEAD, LONGEST, read_frames
from gonogo.service.prediction_log.segments import newest, remove_older, write_segments
from gonogo.service.prediction_log.spool import ENDING, Spool, is_closed, read_spool, spools

FULL_BYTES = 32 << 20  #: a spool this large becomes segments
MOST_BYTES = 1 << 30  #: spools that cannot become segments; beyond it what is new is dropped
READ_BYTES = 1 << 18
END_SECONDS = 5.0


@dataclass(frozen=True)
class WriterRules:
    """`rotate_seconds`: the oldest a spooled row may become before it is in a segment; `redact` maps features to "drop" or "hash";
    `slices` are told apart in the label store."""

    rotate_seconds: float = 60.0
    keep_days: float = 30.0
    redact: Mapping[str, str] = field(default_factory=dict)
    slices: Slices = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(asdict(self))


class Writer:
    """Spools and segments of one folder."""

    def __init__(self, folder: Path, rules: WriterRules) -> None:
        self._folder = folder
        self._rules = rules
        self._spool_folder = folder / "spool"
        self._spool: Spool | None = None
        self._secret = _secret(folder / "redaction.key")
        self._labels = ReopenedLabels(folder / LABELS, rules.slices)
        self._believed = BelievedClock(SystemClock(), newest(folder))
        self._clients: set[asyncio.Task[None]] = set()
        self._kept_bytes = 0  # of spools that are closed and not yet segments
        self.rows = 0
        self.dropped = 0
        self.problem = ""

    async def run(self, listener: socket.socket) -> None:
        listener.setblocking(False)
        accepting = asyncio.create_task(self._accept(listener))
        finished = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin.fileno(), lambda: finished.set() if not os.read(sys.stdin.fileno(), 1) else None)
        await self._rotate(left_behind=True)
        while not finished.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(finished.wait(), 1.0)
            await self._tick()
        loop.remove_reader(sys.stdin.fileno())
        accepting.cancel()
        await asyncio.gather(accepting, return_exceptions=True)
        with suppress(BlockingIOError):
            while True:
                self._listen_to(listener.accept()[0])
        if self._clients:
            await asyncio.wait(self._clients, timeout=END_SECONDS)
        await self._rotate()
        self._say()

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            client, _ = await asyncio.get_running_loop().sock_accept(listener)
            self._listen_to(client)

    def _listen_to(self, client: socket.socket) -> None:
        client.setblocking(False)
        task = asyncio.create_task(self._serve(client))
        self._clients.add(task)
        task.add_done_callback(self._clients.discard)

    async def _serve(self, client: socket.socket) -> None:
        """Frames of one worker, until it ends. A worker that has gone can hear no acknowledgement, and what it has sent is read all the
        same: the kernel gives what was sent before it tells of the end, which asyncio's streams do not."""
        loop = asyncio.get_running_loop()
        held = bytearray()
        try:
            while data := await loop.sock_recv(client, READ_BYTES):
                held += data
                said = b"".join(ACK.pack(self._keep(frame, document)) for frame, document in _whole(held))
                with suppress(ConnectionError):
                    await loop.sock_sendall(client, said)
        except ConnectionError:
            pass  # the worker has gone
        except ValueError as error:
            self.problem = f"a worker sent what is no frame: {error}"
        finally:
            client.close()

    def _keep(self, frame: bytes, document: Mapping[str, Any]) -> int:
        """Spool a frame, or count its rows as dropped; the number of its rows."""
        rows = sum(int(count) for count in document.get("rows", ()))
        try:
            if self._kept_bytes + (self._spool.bytes if self._spool else 0) > MOST_BYTES:
                raise StorageError(f"{self._spool_folder} holds more than {MOST_BYTES >> 20} MiB that could not be written as segments.")
            if self._spool is None:
                self._spool = Spool(self._spool_folder)
            self._spool.append(frame)
        except (StorageError, OSError) as error:
            self.dropped += rows
            self.problem = str(error)
        return rows

    async def _tick(self) -> None:
        spool = self._spool
        if spool is not None:
            try:
                await asyncio.to_thread(spool.flush)
            except StorageError as error:
                self.problem = str(error)
            if spool.bytes >= FULL_BYTES or time.monotonic() - spool.began >= self._rules.rotate_seconds:
                await self._rotate()
        self._say()

    async def _rotate(self, *, left_behind: bool = False) -> None:
        """Close the spool, and write every closed one as segments. One that cannot be written waits for the next time."""
        if self._spool is not None and not left_behind:
            spool, self._spool = self._spool, None
            spool.close()
        for path in spools(self._spool_folder):
            try:
                if not is_closed(path):
                    continue  # ours, or that of a writer that is about to end
                written = await asyncio.to_thread(self._write, path)
            except (StorageError, OSError, KeyError, ValueError, TypeError) as error:
                self.problem = f"{path.name} could not be written as a segment: {error}"
                continue
            self.rows += sum(written.values())
            self.problem = ""
        with suppress(OSError, StorageError):
            self._kept_bytes = sum(path.stat().st_size for path in spools(self._spool_folder) if is_closed(path))
            oldest = self._believed.now() - timedelta(days=self._rules.keep_days)
            remove_older(self._folder, oldest)
            await asyncio.to_thread(self._labels.use, lambda labels: labels.forget(oldest.timestamp()))

    def _write(self, path: Path) -> dict[str, int]:
        number = path.name.removesuffix(ENDING)
        began = datetime.fromtimestamp(int(number) / 1e9, UTC)
        written = write_segments(
            read_spool(path), self._folder, f"{began:%Y%m%dT%H%M%S}-{number[-9:]}", self._rules.redact, self._secret
        )  # fmt: skip
        self._labels.use(lambda labels: labels.record(path.name, read_spool(path)))
        path.unlink(missing_ok=True)
        return written

    def _say(self) -> None:
        with suppress(OSError):  # the supervisor has gone: then its end is near, and nobody reads
            os.write(
                sys.stdout.fileno(), json.dumps({"rows": self.rows, "dropped": self.dropped, "problem": self.problem}).encode() + b"\n"
            )


def _whole(held: bytearray) -> list[tuple[bytes, dict[str, Any]]]:
    """Take the whole frames from the beginning of what is held. Raises ValueError for what can be none."""
    found, at = [], 0
    for document, end in read_frames(held):
        found.append((bytes(held[at:end]), document))
        at = end
    del held[:at]
    if len(held) >= HEAD.size:
        length, _ = HEAD.unpack_from(held)
        if length > LONGEST:
            raise ValueError(f"a frame of {length} bytes")
        if len(held) >= HEAD.size + length:
            raise ValueError("its bytes are not those that were sent")
    return found


def _secret(path: Path) -> bytes:
    """The key of redaction, made at first use; it never leaves the store."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with suppress(FileExistsError):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(os.urandom(32))
    return path.read_bytes()


def main() -> None:
    parser = argparse.ArgumentParser(prog="gonogo.service.prediction_log.writer", allow_abbrev=False)
    parser.add_argument("--listen-fd", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rules", required=True)
    given = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's to hear
    listener = socket.socket(fileno=given.listen_fd)
    asyncio.run(Writer(given.folder, WriterRules(**json.loads(given.rules))).run(listener))


if __name__ == "__main__":
    main()
