"""Commands of the project (tests, linter, formatter), run where they can do no harm to us.

Rules:
1. A command is a list of words, started without a shell, without a terminal, in a session of its own.
2. It ends when its first process ends, its time is over or we die; then everything that it has started is killed. On Linux `reaper.py`
   stands between, whose children they all become. Elsewhere it is the process group, and a daemon that left it stays.
3. Each of its processes may take so much memory (GONOGO_CHECK_MEMORY; where the system can limit it) and no more.
4. Its output is kept up to a limit (the beginning and the end) and read until the process is gone, so that a full pipe cannot hang it
   and a daemon that keeps the pipe open cannot hang us.
5. Not found, out of time, killed by a signal: ChildError. What the exit code means is the caller's to say.
"""

from __future__ import annotations

import os
import resource
import secrets
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gonogo import settings
from gonogo.errors import ChildError

MARK = "GONOGO_COMMAND"
OUTPUT = 4 << 20  #: bytes kept of each stream
POLL = 0.05  #: s between two looks whether the process is still there
LOOKS = 40  #: most looks for processes that are still there after the end
PATIENCE = 10.0  #: s for the reaper to end everything
REAPER = Path(__file__).with_name("reaper.py")
DRAIN = 1.0  #: s to read what is left in the pipes after the end


@dataclass(frozen=True)
class Finished:
    """A command that ended by itself."""

    exit_code: int
    output: str
    errors: str
    seconds: float

    @property
    def last_words(self) -> str:
        """The last line that says something, for messages."""
        lines = [line.strip() for line in (self.errors + "\n" + self.output).splitlines() if line.strip()]
        return lines[-1][:300] if lines else "(it said nothing)"

    @property
    def complaint(self) -> str:
        """The last line of the errors, for messages of a command that failed; of the output where it left no error."""
        return Finished(self.exit_code, "", self.errors, self.seconds).last_words if self.errors.strip() else self.last_words


class _Kept:
    """The first and last bytes of a stream."""

    def __init__(self, said: Callable[[bytes], object]) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._said = said

    def add(self, data: bytes) -> None:
        self._said(data)
        room = OUTPUT // 2 - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail = (self._tail + data)[-OUTPUT // 2 :]

    def text(self) -> str:
        return (bytes(self._head) + bytes(self._tail)).decode("utf-8", "replace")


def run_command(
    command: Sequence[str],
    *,
    folder: Path,
    seconds: float,
    environment: Mapping[str, str] | None = None,
    mark: str | None = None,
    said: Callable[[bytes], object] = lambda data: None,
    called: Sequence[str] = (),
    longer: str = "Set GONOGO_CHECK_SECONDS if it needs longer.",
) -> Finished:
    """Run a command to its end. Raises ChildError: rule 5; `longer` tells people how to let it take more than `seconds`. With a `mark` of
    the caller's, whoever comes after this process was killed can end what it left (`end_marked`). `said` is given every piece of output as
    it comes. `called` is what errors call the command, where that is another one."""
    if not command:
        raise ChildError("the command is empty.")
    mark = mark or secrets.token_hex(16)
    started = time.monotonic()
    told, report = os.pipe()
    shield = [sys.executable, "-I", "-S", str(REAPER), str(os.getpid()), str(report)] if sys.platform == "linux" else []
    try:
        process = subprocess.Popen(
            [*shield, *command],
            cwd=folder,
            env={**_environment(), **(environment or {}), MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=[report] if shield else [],
        )
    except (OSError, ValueError) as error:
        os.close(told)
        raise _not_started(command[0], str(error)) from error
    finally:
        os.close(report)
    kept = (_Kept(said), _Kept(said))
    try:
        _limit_memory(process.pid)
        in_time = _follow(process, kept, started + seconds)
    finally:
        _end(process, mark)
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()
        with os.fdopen(told, errors="replace") as file:
            why = file.read()
    if why:
        raise _not_started(command[0], why)
    name = " ".join(called or command)[:200]
    if not in_time:
        raise ChildError(f"`{name}` did not end within {seconds:g} s and was stopped.", hint=longer)
    if process.returncode < 0:
        raise ChildError(f"`{name}` was ended by signal {-process.returncode} ({_signal_name(-process.returncode)}).")
    return Finished(process.returncode, kept[0].text(), kept[1].text(), time.monotonic() - started)


def _not_started(program: str, why: str) -> ChildError:
    return ChildError(f"{program} cannot be started: {why}.", hint="Is it installed in the environment you run gonogo in?")


def _limit_memory(pid: int) -> None:
    """Limit what a process may take, and every process that it starts from now on.

    Set from outside: code that runs in the child between fork and exec is not safe in a program with threads. The child needs longer to
    load its program than we to set this. Counted is the memory that it may write (RLIMIT_DATA); address space alone costs nothing, and
    libraries reserve much of it.
    """
    most = int(settings.number("check_memory")) << 20
    if hasattr(resource, "prlimit"):
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_DATA, (most, most))
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


def _follow(process: subprocess.Popen[bytes], kept: tuple[_Kept, _Kept], deadline: float) -> bool:
    """Read both streams until the process has ended and what it wrote is read. False when the deadline came first."""
    with selectors.DefaultSelector() as selector:
        for stream, place in zip((process.stdout, process.stderr), kept, strict=True):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
            selector.register(stream, selectors.EVENT_READ, place)
        while process.poll() is None:
            if time.monotonic() >= deadline:
                return False
            _read(selector, POLL)
        # The group dies before the rest is read: a child that still writes would otherwise keep us for as long as it likes.
        _kill_group(process.pid)
        drained = time.monotonic() + DRAIN
        while time.monotonic() < drained and _read(selector, 0.0):
            pass
        return True


def _read(selector: selectors.BaseSelector, wait: float) -> bool:
    """Read once from every stream that has something; False when none had."""
    if not selector.get_map():
        time.sleep(wait)
        return False
    ready = selector.select(wait)
    for key, _ in ready:
        stream = key.fileobj
        data = os.read(key.fd, 1 << 16)
        if data:
            key.data.add(data)
        else:
            selector.unregister(stream)
    return bool(ready)


def _end(process: subprocess.Popen[bytes], mark: str) -> None:
    """Nothing of it stays. A reaper that its command has stopped or killed ends nothing more: then the group and the mark must do."""
    if process.poll() is None and sys.platform == "linux":
        process.send_signal(signal.SIGCONT)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
    _kill_group(process.pid)
    process.wait()
    end_marked(mark)


def end_marked(mark: str) -> None:
    """Kill every process that carries the mark. Only where there is a /proc; elsewhere a daemon that left its group stays."""
    # One that starts others faster than it is killed is killed again; whoever is left after that many looks cannot be killed by us.
    for _ in range(LOOKS):
        left = _marked(mark)
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not left:
            return
        time.sleep(POLL)


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # nobody is left in the group


def _marked(mark: str) -> list[int]:
    """Processes that carry the mark."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if wanted in entry.read_bytes().split(b"\0"):
                found.append(int(entry.parent.name))
        except OSError:
            continue  # gone meanwhile, or somebody else's
    return found


def _environment() -> dict[str, str]:
    """Ours, without caches written into the sources; when no virtual environment is active, gonogo's own comes first on PATH."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1", "TERM": "dumb"}
    if not environment.get("VIRTUAL_ENV"):
        environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)])
    return environment


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
