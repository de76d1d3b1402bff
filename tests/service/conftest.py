"""Real worker processes that serve small bundles (`small_bundle.py`)."""

import json
import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gonogo.model.schema import Schema
from gonogo.release.contents import Bundle
from gonogo.service.routing import Arm, RoutingTable
from small_bundle import put_bundle, small_schema

OLD, NEW = "small@1.0.0", "small@1.1.0"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def bundle(tmp_path_factory) -> Bundle:
    return Bundle.open(put_bundle(tmp_path_factory.mktemp("bundles") / "good"))


class RunningWorker:
    """A worker process, with this test as its supervisor."""

    def __init__(self, release: str, folder: Path, public: socket.socket, path: Path, environment: dict[str, str]) -> None:
        self.release = release
        self.path = path
        private = socket.socket(socket.AF_UNIX)
        private.bind(str(path))
        private.listen(1024)
        self._control, theirs = socket.socketpair()
        descriptors = (public.fileno(), private.fileno(), theirs.fileno())
        self.log = path.with_suffix(".log").open("wb")
        arguments = ["--release-dir", str(folder), "--key", release, "--public-fd", str(descriptors[0])]
        arguments += ["--unix-fd", str(descriptors[1]), "--control-fd", str(descriptors[2])]
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("bundle_worker.py")), *arguments],
            pass_fds=descriptors,
            stderr=self.log,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        )
        theirs.close()
        self.private = private  # kept open, as a supervisor does
        self._buffer = b""
        self.said: list[dict] = []

    def say(self, **message) -> None:
        self._control.sendall(json.dumps(message).encode() + b"\n")

    def hear(self, kind: str, seconds: float = 30.0) -> dict:
        """The next message of a kind."""
        deadline = time.monotonic() + seconds
        while True:
            while b"\n" not in self._buffer:
                ready, _, _ = select.select([self._control], [], [], max(0.0, deadline - time.monotonic()))
                assert ready, f"{self.release} did not say {kind!r}: {self.path.with_suffix('.log').read_text()[-2000:]}"
                data = self._control.recv(1 << 20)
                assert data, f"{self.release} hung up: {self.path.with_suffix('.log').read_text()[-2000:]}"
                self._buffer += data
            line, _, self._buffer = self._buffer.partition(b"\n")
            message = json.loads(line)
            self.said.append(message)
            if message["kind"] == kind:
                return message

    def take_over(self, table: RoutingTable, *, accept: bool) -> None:
        slots = [0] if accept else []
        self.say(kind="table", table=table.to_json(), accept=slots)
        ack = self.hear("ack")
        assert (ack["epoch"], ack["accept"]) == (table.epoch, slots)

    def snapshot(self) -> dict:
        """Counters that are no older than this call."""
        while select.select([self._control], [], [], 0)[0]:
            self._buffer += self._control.recv(1 << 20)
        self.said += [json.loads(line) for line in self._buffer.split(b"\n")[:-1]]
        self._buffer = self._buffer.rpartition(b"\n")[2]
        self.say(kind="snapshot")
        self.say(kind="snapshot")
        self.hear("counters")  # the first may be one that it pushed by itself just before
        return self.hear("counters")["snapshot"]

    def hang_up(self) -> None:
        self._control.close()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._control.close()
        self.private.close()
        self.log.close()


class Crew:
    """Workers of several releases on one public socket."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.public = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.public.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.workers: list[RunningWorker] = []

    def start(
        self, release: str, *, broken: bool = False, schema: Schema | None = None, folder: Path | None = None, **environment: str
    ) -> RunningWorker:
        number = len(self.workers)
        folder = folder or put_bundle(self._folder / f"b{number}", broken=broken, schema=schema)
        worker = RunningWorker(release, folder, self.public, self._folder / f"{number}.sock", environment)
        self.workers.append(worker)
        worker.hear("ready")
        return worker

    def table(self, epoch: int, *shares: tuple[RunningWorker, int], stable: RunningWorker | None = None) -> RoutingTable:
        arms = tuple(Arm(worker.release, share, str(worker.path)) for worker, share in shares)
        return RoutingTable(epoch, 1, arms, (stable or shares[0][0]).release)

    def end(self) -> None:
        for worker in self.workers:
            worker.end()
        self.public.close()


@pytest.fixture
def crew(tmp_path_factory):
    running = Crew(tmp_path_factory.mktemp("w"))
    yield running
    running.end()


@pytest.fixture
def stricter() -> Schema:
    """The small schema, except that k must be a boolean."""
    return small_schema(k="bool")
