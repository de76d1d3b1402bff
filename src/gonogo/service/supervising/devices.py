"""What processes hold of the memory of accelerators, as the driver's own program says (`nvidia-smi`); asked in a thread, for it is slow."""

from __future__ import annotations

import shutil
import subprocess
import threading

EVERY_SECONDS = 10.0
LONGEST_SECONDS = 5.0
QUESTION = ("--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits")


class Devices:
    """Asks again and again once somebody wants to know. On a machine without the program no process holds anything (row S0-Bf)."""

    def __init__(self) -> None:
        self._program = shutil.which("nvidia-smi")
        self._held: dict[int, int] | None = None
        self._thread: threading.Thread | None = None

    def held(self, pid: int) -> int | None:
        """Bytes that a process holds on all accelerators, 0 where it holds none; None while nobody knows."""
        if self._program is None:
            return 0
        if self._thread is None:
            self._thread = threading.Thread(target=self._ask_again, name="devices", daemon=True)
            self._thread.start()
        return None if self._held is None else self._held.get(pid, 0)

    def _ask_again(self) -> None:
        pause = threading.Event()
        while True:
            self._held = self._asked()
            pause.wait(EVERY_SECONDS)

    def _asked(self) -> dict[int, int] | None:
        try:
            asked = [str(self._program), *QUESTION]
            return read_held(subprocess.run(asked, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=True).stdout)
        except (OSError, subprocess.SubprocessError, ValueError):
            return None


def read_held(said: str) -> dict[int, int]:
    """Bytes by process, from lines of "pid, MiB". Raises ValueError for a line that is none."""
    held: dict[int, int] = {}
    for line in filter(str.strip, said.splitlines()):
        pid, _, mebibytes = line.partition(",")
        held[int(pid)] = held.get(int(pid), 0) + (int(mebibytes) << 20)
    return held
