"""A real supervisor in a process of its own, for tests: started, talked to, killed, started again.

Run as a script it is that process; loaded by a test file it gives the fixture `service` and the clients.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from gonogo.service.control import ControlClient
from gonogo.service.routing import Arm, RoutingTable

OLD, NEW = "late-arrivals@1.0.0", "late-arrivals@1.1.0"
HERE = Path(__file__).parent


class Service:
    """One store, and the supervisor process on it."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.client = ControlClient.of_store(store)
        self.port = 0
        self.url = ""
        self.process: subprocess.Popen[str] | None = None
        self._processes: list[subprocess.Popen[str]] = []
        self._op = 0

    def launch(self, initial: str | None = OLD, *, port: int | None = None, **environment: str) -> subprocess.Popen[str]:
        """Start a supervisor process; its first line says where it listens, or what is wrong."""
        command = [sys.executable, str(Path(__file__)), str(self.store), str(self.port if port is None else port), initial or ""]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
        self._processes.append(process)
        return process

    def start(self, initial: str | None = OLD, *, port: int | None = None, **environment: str) -> Service:
        self.process = self.launch(initial, port=port, **environment)
        line = self.process.stdout.readline().strip()
        assert line.startswith("http://"), line
        self.url, self.port = line, int(line.rpartition(":")[2])
        return self

    def refused(self, initial: str | None = OLD, *, port: int | None = None) -> tuple[str, str]:
        """Start a supervisor that must not start; returns the class of the error and what it says."""
        process = self.launch(initial, port=port)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 1, out
        kind, _, text = out.strip().partition(" ")
        return kind, text

    def route(self, *arms: tuple[str, int], stable: str = OLD, token: int = 0, op: str = "") -> dict:
        """The next table: weights in percent."""
        self._op += 1
        epoch = self.client.observe()["epoch"] + 1
        table = RoutingTable(epoch, token, tuple(Arm(release, percent * 100) for release, percent in arms), stable)
        return self.client.route(table.to_json(), op or f"test:{self._op}", token)

    def until(self, fact, seconds: float = 30.0) -> dict:
        """Observe until `fact(observed)`; returns what was observed last."""
        deadline = time.monotonic() + seconds
        while True:
            seen = self.client.observe()
            if fact(seen):
                return seen
            assert time.monotonic() < deadline, seen
            time.sleep(0.05)

    def pid(self, release: str) -> int:
        return self.client.observe()["releases"][release]["pid"]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=60)

    def clean_up(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
            process.wait()
            process.stdout.close()


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_gone(pids: list[int], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while any(lives(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still there: {[pid for pid in pids if lives(pid)]}"
        time.sleep(0.02)


class Traffic:
    """Keep-alive clients that ask one after another until told to end; counts answers by release and failures by kind.

    A failure is what a careful client would call one: a refused or reset connection, a missing answer, a status other than 200. A
    connection that the server closes between two requests (after saying so) is opened again and is none.
    """

    def __init__(self, port: int, connections: int) -> None:
        self.port = port
        self.connections = connections
        self.answers: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self._tasks: list[asyncio.Task] = []
        self._stop = False

    async def __aenter__(self) -> Traffic:
        self._tasks = [asyncio.create_task(self._client()) for _ in range(self.connections)]
        return self

    async def __aexit__(self, *_) -> None:
        self._stop = True
        await asyncio.gather(*self._tasks)

    async def answered(self, more: int, seconds: float = 30.0) -> None:
        """Wait until `more` further requests were answered."""
        goal, deadline = self.answers.total() + more, time.monotonic() + seconds
        while self.answers.total() < goal:
            assert time.monotonic() < deadline, (self.answers, self.failures)
            await asyncio.sleep(0.01)

    async def _client(self) -> None:
        writer = None
        while not self._stop:
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(REQUEST)
                head = await reader.readuntil(b"\r\n\r\n")
                status = int(head.split(None, 2)[1])
                lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
                body = json.loads(await reader.readexactly(int(lines[b"content-length"])))
            except (OSError, EOFError, asyncio.IncompleteReadError) as error:
                self.failures[type(error).__name__] += 1
                if writer is not None:
                    writer.close()
                writer = None
                await asyncio.sleep(0.01)
                continue
            if status == 200:
                self.answers[body["release"]] += 1
            else:
                self.failures[str(status)] += 1
            if lines.get(b"connection") == b"close":
                writer.close()
                writer = None
            await asyncio.sleep(0.002)
        if writer is not None:
            writer.close()


BODY = b"{}"
REQUEST = b"POST /predict HTTP/1.1\r\nhost: test\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)


@pytest.fixture
def service(tmp_path):
    running = Service(tmp_path / "store")
    yield running
    running.clean_up()


def put_release(store: Path, release: str, **behaviour: object) -> None:
    folder = store / "releases" / release
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "behaviour.json").write_text(json.dumps({"release": release, **behaviour}))


def main() -> None:
    from gonogo.errors import GonogoError, NotFoundError
    from gonogo.service.supervisor import Supervisor

    store, port, initial = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] or None

    class Key:
        pem = "no key"

    def resolve(release: str):
        folder = store / "releases" / release
        if not folder.is_dir():
            raise NotFoundError(f"There is no release {release}.")
        return folder, Key()

    command = (sys.executable, str(HERE / "stand_in_worker.py"))
    supervisor = Supervisor(store, resolve, port=port, command=command)
    try:
        asyncio.run(supervisor.serve(initial, announce=lambda url: print(url, flush=True)))
    except GonogoError as error:
        print(type(error).__name__, error, flush=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
