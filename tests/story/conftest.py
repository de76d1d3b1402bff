"""The reference system, prepared and trained once for all stories, and the command line as a user types it."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from spoiled import fresh_copy
from victim import Victim, make_approved
from waiting import free_port

ROOT = Path(__file__).resolve().parents[2]
SYSTEM = ROOT / "systems" / "late_arrivals"


@dataclass
class User:
    """Somebody at a terminal in a project's folder, with keys of their own."""

    folder: Path
    keys: Path
    environment: dict[str, str] = field(default_factory=dict)

    def environ(self) -> dict[str, str]:
        return {**os.environ, "GONOGO_KEYS": str(self.keys), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", **self.environment}

    def gonogo(self, *words: str, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "gonogo", *words],
            cwd=self.folder,
            env=self.environ(),
            capture_output=True,
            text=True,
            timeout=170,
            check=False,
        )
        assert expect is None or done.returncode == expect, f"gonogo {' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *words: str, expect: int | None = 0) -> Any:
        return json.loads(self.gonogo(*words, "--json", expect=expect).stdout)

    def python(self, *words: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *words], cwd=self.folder, env=self.environ(), capture_output=True, text=True, timeout=170, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        with open(self.folder / f"{words[0]}.log", "ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "gonogo", *words],
                cwd=self.folder,
                env=self.environ(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def outcomes(self, document: Any) -> dict[str, str]:
        return {item["item"]: item["outcome"] for item in document["items"]}

    def take_model(self, version: str) -> None:
        """Put the model of a later recipe in place, as training it would."""
        for path in (self.folder / "later" / version).iterdir():
            shutil.copy(path, self.folder / "models" / path.name)

    def go(self) -> None:
        """Measure and sign, so that the next check is a GO."""
        self.gonogo("check", expect=1)
        self.gonogo("sign", "technical-lead")
        self.gonogo("sign", "product-owner")

    def serve(self, *words: str) -> Service:
        """`gonogo serve` on a free port, once it answers."""
        return serve(self, *words)

    def traffic(self, url: str, *, connections: int) -> Traffic:
        """December's flights on keep-alive connections, until stopped."""
        import duckdb

        table = self.folder / "data" / "live.parquet"
        cursor = duckdb.sql(f"SELECT * EXCLUDE (late, scheduled) FROM '{table}' USING SAMPLE 500 ROWS (reservoir, 17)")
        rows = [dict(zip(cursor.columns, row, strict=True)) for row in cursor.fetchall()]
        return self.clients(url, rows, connections=connections)

    def clients(self, url: str, rows: list[dict[str, Any]], *, connections: int) -> Traffic:
        """Clients that send these rows again and again."""
        return Traffic(url, rows, connections)


@dataclass
class Service:
    """A running `gonogo serve`."""

    process: subprocess.Popen[bytes]
    url: str

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:
            return json.loads(answer.read())

    def predict(self, features: Any) -> tuple[int, dict[str, Any]]:
        request = urllib.request.Request(
            self.url + "/predict", json.dumps({"features": features}).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


class Traffic:
    """Clients in threads of this process; every request is counted, by release and by what went wrong."""

    def __init__(self, url: str, rows: list[dict[str, Any]], connections: int) -> None:
        self.bodies = [json.dumps({"features": row}) for row in rows]
        self.host = url.removeprefix("http://")
        self.answers: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.last: dict[str, float] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._client, args=(number,), daemon=True) for number in range(connections)]

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=20)

    @property
    def requests(self) -> int:
        return self.answers.total() + self.failures.total()

    def _client(self, number: int) -> None:
        connection = http.client.HTTPConnection(self.host, timeout=10)
        position = number * 7
        while not self._stop.is_set():
            position += 1
            try:
                connection.request("POST", "/predict", self.bodies[position % len(self.bodies)], {"Content-Type": "application/json"})
                answer = connection.getresponse()
                body = answer.read()
                what = answer.getheader("x-gonogo-release") if answer.status == 200 else None
                trouble = "" if what else f"{answer.status} {body[:200]!r}"
            except (OSError, http.client.HTTPException) as error:
                what, trouble = None, repr(error)
                connection.close()
            with self._lock:
                if what:
                    self.answers[what] += 1
                    self.last[what] = time.monotonic()
                else:
                    self.failures[trouble] += 1
            self._stop.wait(0.02)
        connection.close()


def serve(user: User, *words: str) -> Service:
    port = free_port()
    process = user.start("serve", *words, "--port", str(port))
    service = Service(process, f"http://127.0.0.1:{port}")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError((user.folder / "serve.log").read_text())
        try:
            service.get("/health")
            return service
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    service.stop()
    raise AssertionError("the service did not answer: " + (user.folder / "serve.log").read_text())


class Shelf:
    """Folders that are expensive to make, made once a run and shared by its processes; every story works in a copy."""

    def __init__(self, base: Path) -> None:
        self.base = base

    def folder(self, name: str, make: Callable[[Path], None]) -> Path:
        folder = self.base / name
        self.base.mkdir(parents=True, exist_ok=True)
        with open(self.base / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (self.base / f"{name}.ready").exists():
                shutil.rmtree(folder, ignore_errors=True)
                make(folder)
                (self.base / f"{name}.ready").touch()
        return folder


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    base = tmp_path_factory.getbasetemp()
    return Shelf((base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "shelf")


@pytest.fixture(scope="session")
def trained(shelf: Shelf) -> Path:
    """`systems/late_arrivals` in its small setting: its tables, the model of 1.0.0 in `models`, those of 1.1.0 and 1.2.0 in `later`, and
    two people with keys (in `people`, beside the project)."""

    def make(folder: Path) -> None:
        project = folder / "project"
        fresh_copy("late_arrivals", project)
        user = User(project, folder / "people")
        user.python("prepare.py", "--every", "6")
        user.python("train.py")
        user.python("train.py", "--trees", "60", "--depth", "12", "--out", "later/1.1.0")
        user.python("train.py", "--trees", "60", "--depth", "12", "--season-correction", "--out", "later/1.2.0")
        text = (project / "gonogo.yaml").read_text()
        (project / "gonogo.yaml").write_text("\n".join(pace(line) for line in text.splitlines()) + "\n")
        user.gonogo("key", "new", "ana", "--role", "technical-lead")
        user.gonogo("key", "new", "ben", "--role", "product-owner")

    return shelf.folder("trained", make)


def pace(line: str) -> str:
    """Stages of a second: the statistics stay, only the least time of a stage is shorter."""
    return line.split("min_seconds:", maxsplit=1)[0] + "min_seconds: 1" if "min_seconds:" in line else line


def copied(source: Path, into: Path) -> User:
    shutil.copytree(source, into, dirs_exist_ok=True, ignore=shutil.ignore_patterns("control.sock"))
    return User(into / "project", into / "people")


@pytest.fixture(scope="session")
def sealed_once(shelf: Shelf, trained: Path) -> Path:
    """`trained`, with 1.0.0 released."""

    def make(folder: Path) -> None:
        user = copied(trained, folder)
        user.go()
        user.gonogo("release")

    return shelf.folder("sealed_once", make)


@pytest.fixture(scope="session")
def sealed_thrice(shelf: Shelf, sealed_once: Path) -> Path:
    """`trained`, with 1.0.0, 1.1.0 and the faulty 1.2.0 released, and a rollout that needs few requests: one stage of
    four seconds, a wide margin."""

    def make(folder: Path) -> None:
        user = copied(sealed_once, folder)
        for version in ("1.1.0", "1.2.0"):
            user.take_model(version)
            user.go()
            user.gonogo("release")
        text = (user.folder / "gonogo.yaml").read_text()
        assert "steps: [5, 25, 100]" in text
        (user.folder / "gonogo.yaml").write_text(
            text.replace("steps: [5, 25, 100]", "steps: [25, 100]\n  margin: 0.05").replace("_seconds: 1", "_seconds: 4")
        )

    return shelf.folder("sealed_thrice", make)


@pytest.fixture
def user(trained: Path, tmp_path: Path) -> User:
    """A user in a fresh copy of the trained system; nothing has been measured."""
    return copied(trained, tmp_path)


@pytest.fixture
def released(sealed_once: Path, tmp_path: Path) -> User:
    """A user who has released 1.0.0."""
    return copied(sealed_once, tmp_path)


@pytest.fixture
def stocked(sealed_thrice: Path, tmp_path: Path) -> User:
    """A user who has released 1.0.0, 1.1.0 and 1.2.0, and put none into production yet."""
    return copied(sealed_thrice, tmp_path)


@pytest.fixture
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """1.0.0 in service, of the user that the story asks for."""
    user = request.getfixturevalue("stocked" if "stocked" in request.fixturenames else "released")
    running = user.serve("late-arrivals@1.0.0")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def approved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project with a GO, its twin, and two people's keys."""
    base = tmp_path_factory.mktemp("approved")
    make_approved(base)
    return base


@pytest.fixture
def victim(approved: Path, tmp_path: Path) -> Victim:
    """A copy of it to attack."""
    everything = tmp_path / "all"
    shutil.copytree(approved, everything)
    return Victim(everything / "project", everything / "other", everything / "people")


@pytest.fixture
def small(victim: Victim) -> User:
    """Somebody at a terminal in that project."""
    return User(victim.folder, victim.keys)
