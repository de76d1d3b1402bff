"""The processes of a server under test: started on given cores, found again however they detach, measured by /proc, ended.

Every process of a server inherits an environment variable of its own, which is how it is found: some servers' children leave the process
group, some are adopted by init.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

MARK = "GONOGO_BENCH_SERVER"
TICKS = os.sysconf("SC_CLK_TCK")


class Running:
    """One server while the `with` block runs."""

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str], cores: set[int], folder: Path) -> None:
        self._command = command
        self._mark = uuid.uuid4().hex
        self._environment = {**os.environ, **environment, MARK: self._mark, "OMP_NUM_THREADS": "1"}
        self._cores = cores
        self._folder = folder
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Running:
        ours = os.sched_getaffinity(0)
        os.sched_setaffinity(0, self._cores)  # inherited; no other thread of this program runs
        try:
            self._process = subprocess.Popen(
                self._command, env=self._environment, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
                start_new_session=True,
            )  # fmt: skip
        finally:
            os.sched_setaffinity(0, ours)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        deadline = time.monotonic() + 20
        while (left := self.pids()) and time.monotonic() < deadline:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        self._process.wait()
        self._log.close()

    @property
    def ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def words(self) -> str:
        """The last line that the server wrote."""
        self._log.seek(0)
        lines = [line for line in self._log.read()[-4000:].decode(errors="replace").splitlines() if line.strip()]
        return lines[-1].strip() if lines else "it wrote nothing"

    def pids(self) -> list[int]:
        mark = f"{MARK}={self._mark}".encode()
        found = []
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                with suppress(OSError):
                    if mark in Path(f"/proc/{entry.name}/environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
        return found

    def cpu_seconds(self) -> float:
        """User and system time of all processes so far, with those of children that were waited for."""
        total = 0
        for pid in self.pids():
            with suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                total += sum(map(int, fields[11:13]))
        return total / TICKS

    def memory_mb(self) -> float:
        """Proportional set size of all processes, in 10^6 bytes: shared pages count once."""
        return sum(self.memory("Pss").values())

    def memory(self, kind: str) -> dict[int, float]:
        """Memory of each process in 10^6 bytes, of a kind that smaps_rollup of proc(5) names."""
        found = {}
        for pid in self.pids():
            with suppress(OSError):
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                found[pid] = next((int(line.split()[1]) for line in lines if line.startswith(f"{kind}:")), 0) * 1024 / 1e6
        return found

    def descriptors(self) -> int:
        """Open descriptors of all processes."""
        total = 0
        for pid in self.pids():
            with suppress(OSError):
                total += len(os.listdir(f"/proc/{pid}/fd"))
        return total
