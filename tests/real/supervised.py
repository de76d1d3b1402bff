"""A real supervisor in a process of its own, for tests: started, talked to, killed, started again.

Run as a script it is that process; imported by a test file it gives the clients.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

from gonogo.errors import ConflictError, GonogoError, NotFoundError
from gonogo.service.control import ControlClient
from gonogo.service.routing import Arm, RoutingTable
from waiting import free_port

OLD, NEW = "small@1.0.0", "small@1.1.0"


class Service:
    """One store, and the supervisor process on it."""

    def __init__(self, store: Path, environment: dict[str, str]) -> None:
        self.store = store
        self.environment = environment
        self.client = ControlClient.of_store(store)
        self.port = free_port()  # started again it comes back there, and nobody has been given it in between
        self.url = ""
        self.process: subprocess.Popen[str] | None = None
        self._processes: list[subprocess.Popen[str]] = []

    def launch(self, initial: str | None = OLD, *, port: int | None = None) -> subprocess.Popen[str]:
        """Start a supervisor process; its first line says where it listens, or what is wrong."""
        command = [sys.executable, str(Path(__file__)), str(self.store), str(self.port if port is None else port), initial or ""]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **self.environment})
        self._processes.append(process)
        return process

    def start(self, initial: str | None = OLD, *, port: int | None = None) -> Service:
        self.process = self.launch(initial, port=port)
        line = (self.process.stdout.readline() or "it ended without a word").strip()
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

    @property
    def epoch(self) -> int:
        return self.client.observe()["epoch"]

    def table(self, *arms: tuple[str, int], stable: str = OLD, epoch: int | None = None, token: int | None = None) -> dict:
        """The next table, by the highest token; weights in percent."""
        seen = self.client.observe()
        epoch, token = seen["epoch"] + 1 if epoch is None else epoch, seen["token"] if token is None else token
        return RoutingTable(epoch, token, tuple(Arm(release, percent * 100) for release, percent in arms), stable).to_json()

    def route(self, *arms: tuple[str, int], stable: str = OLD, op: str = "") -> dict:
        table = self.table(*arms, stable=stable)
        return self.client.route(table, op or f"test:{os.urandom(8).hex()}", table["token"])

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
        """kill -9 of the supervisor."""
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=60)

    def settle(self, share: int | None) -> Service:
        """Whatever the last test left: the old release stable, the new one with `share` percent, or not running when None."""
        if self.process is None or self.process.poll() is not None:
            self.start(None if (self.store / "service" / "route.json").exists() else OLD)
        mend(self.store)
        self.until(lambda seen: seen["releases"][OLD]["healthy"])
        if share is None or self.client.observe()["releases"].get(NEW, {}).get("restarts"):
            self.route((OLD, 100), (NEW, 0))
            self.client.stop(NEW)  # a new start begins without the pauses that earlier deaths earned
        if share is not None:
            self.client.start(NEW)
            self.until(lambda seen: seen["releases"][NEW]["healthy"] and self._splits(share))
        return self

    def _splits(self, share: int) -> bool:
        """False when the new release is being started once more: on a busy machine a worker may seem to hang."""
        try:
            self.route((OLD, 100 - share), (NEW, share))
        except ConflictError:
            return False
        return True

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
        self.latest: dict[str, float] = {}  #: when each release answered last, by time.monotonic()
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
                self.latest[body["release"]] = time.monotonic()
            else:
                self.failures[str(status)] += 1
            if lines.get(b"connection") == b"close":
                writer.close()
                writer = None
            await asyncio.sleep(0.002)
        if writer is not None:
            writer.close()


BODY = b'{"features": {"amount": 0.25, "city": "paris"}}'
REQUEST = b"POST /predict HTTP/1.1\r\nhost: test\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)


@contextmanager
def serving(store: Path, sealed: Path, **environment: str):
    """A store with both releases, and whatever processes its tests start on it."""
    shutil.copytree(sealed / "releases", store / "releases")
    shutil.copytree(sealed / "keys", store / "keys")
    running = Service(store, environment)
    try:
        yield running
    finally:
        running.clean_up()


def folder_of(store: Path, release: str) -> Path:
    return store / "releases" / release.replace("@", "-")


def damage(store: Path, release: str) -> None:
    """Change one byte of the release's model."""
    path = folder_of(store, release) / "bundle" / "model" / "model.onnx"
    whole = path.read_bytes()
    (store / f"{release}.onnx").write_bytes(whole)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))


def mend(store: Path) -> None:
    for kept in store.glob("*.onnx"):
        kept.replace(folder_of(store, kept.stem) / "bundle" / "model" / "model.onnx")


def main() -> None:
    from gonogo.release.verify import verify
    from gonogo.service.supervising.process import WORKER_COMMAND
    from gonogo.service.supervising.supervisor import Supervisor
    from gonogo.trust.keys import PublicKey

    if "TEST_FILE_BYTES" in os.environ:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ["TEST_FILE_BYTES"]), resource.RLIM_INFINITY))
    store, port, initial = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] or None
    key = PublicKey.load(store / "keys" / "store.pub")

    def resolve(release: str):
        if not folder_of(store, release).is_dir():
            raise NotFoundError(f"There is no release {release}.")
        return verify(folder_of(store, release), key).path, key

    command = (os.environ["TEST_WORKER"],) if "TEST_WORKER" in os.environ else WORKER_COMMAND
    processes = int(os.environ.get("TEST_PROCESSES", "1"))
    supervisor = Supervisor(store, resolve, port=port, command=command, processes=processes)
    try:
        asyncio.run(supervisor.serve(initial, announce=lambda url: print(url, flush=True)))
    except GonogoError as error:
        print(type(error).__name__, error, flush=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
