"""A trial: a bundle served before it is a release, for checks and load tests.

Loopback only, an ephemeral port, one process that has given up the network, new processes and the file system before it touches the
model's bytes. It has no route, no pointer and no control: nothing but this process can send it traffic by design, and it ends with the
block that started it.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from gonogo import settings
from gonogo.errors import ChildError, GonogoError, IsolationError, ModelError, UnreachableError, VerificationError

REQUEST_SECONDS = 30.0
END_SECONDS = 3.0
_RAISED: dict[str, type[GonogoError]] = {kind.__name__: kind for kind in (IsolationError, ModelError, VerificationError)}
_SINGLE_THREADED = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class BundleFolder(Protocol):
    @property
    def root(self) -> Path: ...

    @property
    def digest(self) -> str: ...


@dataclass(frozen=True)
class TrialResponse:
    """Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class TrialServer:
    """Serves a bundle while the `with` block runs. `isolation` says what the serving process has given up.

    Raises what kept the process from serving: IsolationError, ModelError, VerificationError, or ChildError with its last words.
    """

    def __init__(self, bundle: BundleFolder, *, accept_weaker: bool = False) -> None:
        self._bundle = bundle
        self._accept_weaker = accept_weaker
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._log: Any = None
        self._address = ("127.0.0.1", 0)
        self.isolation = ""

    @property
    def base_url(self) -> str:
        return f"http://{self._address[0]}:{self._address[1]}"

    def request(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> TrialResponse:
        """One request on a connection of its own. Raises UnreachableError when no answer comes."""
        connection = http.client.HTTPConnection(*self._address, timeout=REQUEST_SECONDS)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return TrialResponse(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"the trial of {self._bundle.digest[:19]} does not answer {method} {path}: {error!r}.") from error
        finally:
            connection.close()

    def peak_memory_mb(self) -> float | None:
        """The most memory that the serving process has held so far (resident, proc(5)), and the model's own child where it has one.

        In 10^6 bytes, the peaks of all processes of the trial's session added up; None where there is no /proc.
        """
        assert self._process is not None
        peaks = [_peak(process) for process in Path("/proc").glob("[0-9]*") if _session(process) == self._process.pid]
        return sum(peaks) * 1024 / 1e6 if any(peaks) else None

    def __enter__(self) -> TrialServer:
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()

    def _start(self) -> None:
        self._control, theirs = socket.socketpair()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by _end
        with theirs, socket.create_server(self._address, backlog=1024) as listening:
            self._address = listening.getsockname()[:2]
            arguments = ["--trial", str(self._bundle.root), "--digest", self._bundle.digest]
            arguments += ["--public-fd", str(listening.fileno()), "--control-fd", str(theirs.fileno())]
            if self._accept_weaker:
                arguments.append("--accept-weaker")
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "gonogo.service.worker", *arguments],
                pass_fds=(listening.fileno(), theirs.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,
                env={**os.environ, **_SINGLE_THREADED},
            )
        message = self._first_message(settings.number("start_seconds"))
        if message.get("kind") != "ready":
            kind = _RAISED.get(str(message.get("error")), ChildError)
            raise kind(f"the trial of {self._bundle.digest[:19]} did not start: {message.get('message') or self._last_words()}")
        self.isolation = str(message["isolation"])

    def _first_message(self, seconds: float) -> dict[str, Any]:
        assert self._control is not None
        deadline = time.monotonic() + seconds
        data = b""
        while b"\n" not in data:
            ready, _, _ = select.select([self._control], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                return {"message": f"it was not ready within {seconds:g} s."}
            piece = self._control.recv(65536)
            if not piece:
                return {}
            data += piece
        message = json.loads(data.partition(b"\n")[0])
        return message if isinstance(message, dict) else {}

    def _last_words(self) -> str:
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(END_SECONDS)
        self._log.seek(0)
        text = self._log.read()[-2000:].decode(errors="replace").strip()
        return text.splitlines()[-1] if text else "it ended without a word."

    def _end(self) -> None:
        if self._control is not None:
            self._control.close()  # the end of the control channel is the order to leave
        if self._process is not None:
            try:
                self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        if self._log is not None:
            self._log.close()


def _session(process: Path) -> int:
    """The session of a process of /proc; 0 when it has gone."""
    try:
        return int((process / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[3])
    except (OSError, ValueError, IndexError):
        return 0


def _peak(process: Path) -> int:
    """The most KiB that a process of /proc has held; 0 when it has gone."""
    try:
        found = re.search(r"^VmHWM:\s*(\d+) kB$", (process / "status").read_text(encoding="ascii", errors="replace"), re.MULTILINE)
    except OSError:
        return 0
    return int(found.group(1)) if found else 0
