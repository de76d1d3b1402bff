"""Where a service keeps its files and sockets, and how it knows that it is the only one there.

    <store>/service/            0700
      supervisor.lock           held (flock) for the life of the supervisor, holds its process id
      route.json                table_file.py
      api_keys.json             0600, who may ask (api_keys.py); api_keys.lock is held by whoever changes it
      log.jsonl                 0600, the log of supervisor and workers (logs.py)
      sticky.key                0600, the secret that sticky callers' keys are hashed with
      workers.json              the processes it started, so that a successor can end what a killed supervisor left behind
      control.sock              0600, the control API
      <release>.sock .pem .log  per release

A Unix socket's path may be no longer than about 100 bytes. Under a deeper store the sockets lie in a private folder of the temporary
directory whose name follows from the store's path, so that both sides find it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import signal
import socket
import stat
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from gonogo.base.files import storage, write_atomic
from gonogo.errors import AddressInUseError, ConflictError, StorageError

_LONGEST_PATH = 100  # bytes; Linux takes 107, macOS 103
_LONGEST_NAME = 24  # bytes of the longest socket's name
_BACKLOG = 4096  # the kernel takes the smaller of this and its own limit


def service_folder(store: Path) -> Path:
    return store.absolute() / "service"


def socket_folder(service: Path) -> Path:
    """The folder of the sockets: `service` itself, or a private one under the temporary directory when the path is too long."""
    if len(os.fsencode(service)) + 1 + _LONGEST_NAME <= _LONGEST_PATH:
        return service
    name = hashlib.sha256(os.fsencode(service.absolute())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"gonogo-{os.getuid()}-{name}"


def control_socket(store: Path) -> Path:
    """The control socket of the service of this store, whether it runs or not."""
    return socket_folder(service_folder(store)) / "control.sock"


def make_private(folder: Path) -> None:
    """Create a folder that only we can enter. Raises StorageError when somebody else's stands there."""
    with storage(folder, "create"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = folder.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid():
            raise StorageError(f"{folder} belongs to somebody else.", hint="Remove it, or set TMPDIR to a directory of your own.")
        folder.chmod(0o700)


def short_name(release: str) -> str:
    """A file name for a release that is always short enough: the head of its digest."""
    return "arm-" + hashlib.sha256(release.encode()).hexdigest()[:12]


def listen_private(path: Path) -> socket.socket:
    """A listening Unix socket at `path`, 0600, in place of whatever stood there. The caller holds the supervisor's lock."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with storage(path, "listen on"):
            path.unlink(missing_ok=True)
            listener.bind(str(path))
            path.chmod(0o600)
            listener.listen(_BACKLOG)
            listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def listen_public(host: str, port: int, slots: int = 1) -> tuple[socket.socket, ...]:
    """The listening sockets of the service, all at one address: the kernel spreads new connections over them.

    Whether `host` may be listened on is for `access.check_exposure` to say. Raises AddressInUseError.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listeners: list[socket.socket] = []
    try:
        for _ in range(slots):
            listener = socket.socket(family, socket.SOCK_STREAM)
            listeners.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if len(listeners) > 1:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.bind((host, port))
            port = listener.getsockname()[1]
            if slots > 1:
                # The first is bound alone and shares its port only afterwards: two services would share one without a word.
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.setblocking(False)
        for listener in listeners:
            listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        for listener in listeners:
            listener.close()
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise AddressInUseError(
            f"cannot listen on {host}:{port}: {reason}.", hint="Stop what listens there, or choose another port with --port."
        ) from error
    return tuple(listeners)


def sticky_secret(folder: Path) -> bytes:
    """The secret of this service that sticky callers' keys are hashed with; made when there is none. Raises StorageError."""
    path = folder / "sticky.key"
    with storage(path, "read"):
        try:
            secret = path.read_bytes()
        except FileNotFoundError:
            secret = os.urandom(32)
            write_atomic(path, secret, mode=0o600)
    if len(secret) != 32:
        raise StorageError(f"{path} is damaged.", hint="Remove it: a new one is made, and callers are spread anew.")
    return secret


class SoleOwner:
    """The lock that makes a supervisor the only one of its store. It ends with the process, however that ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def take(self) -> None:
        """Raises ConflictError when another supervisor lives."""
        with storage(self._path, "lock"):
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
            os.close(handle)
            raise ConflictError(
                f"another supervisor (process {holder}) runs the service of {self._path.parent.parent}.",
                hint="Use it, or stop it first.",
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        self._handle = handle

    def release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


class Roster:
    """The worker processes on record, so that those of a killed supervisor are ended before their sockets are taken over.

    A process is recognised by its id and its start time, so that a stranger who was given the id later is never touched, and by the
    folder that it was started for: a copy of a store has the record too, and the living service of the original is none of its own. Where
    the system does not tell start times (no /proc), the end of the control channel alone ends the workers.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, pids: Iterable[int]) -> None:
        folder = self._folder()
        entries = [[pid, started, folder] for pid in pids if (started := _started(pid)) is not None]
        write_atomic(self._path, json.dumps(entries).encode(), mode=0o600)

    def end_leftovers(self, seconds: float) -> int:
        """Give what a dead supervisor left `seconds` to go by itself, then kill it. Returns how many had to be killed."""
        leftovers = self._alive()
        deadline = time.monotonic() + seconds
        while leftovers and time.monotonic() < deadline:
            time.sleep(0.02)
            leftovers = self._alive()
        for pid in leftovers:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        deadline = time.monotonic() + 5.0
        while self._alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        return len(leftovers)

    def _folder(self) -> int:
        """The inode of the folder, which a renamed one keeps and a copy does not have."""
        return self._path.parent.stat().st_ino

    def _alive(self) -> list[int]:
        try:
            entries = json.loads(self._path.read_bytes())
            folder = self._folder()
            return [entry[0] for entry in entries if entry[1] is not None and entry == [entry[0], _started(entry[0]), folder]]
        except FileNotFoundError:
            return []
        except (ValueError, TypeError, LookupError, OSError) as error:
            raise StorageError(
                f"{self._path} cannot be read: {error}.", hint="Remove it when no process of an earlier service is left."
            ) from error


def _started(pid: int) -> str | None:
    """When a living process started, in the kernel's own count; None when there is none (a zombie has ended) or it cannot be told.

    A zombie that has threads left is one only by its first thread; the others still hold its sockets.
    """
    try:
        fields = Path(f"/proc/{int(pid)}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if fields[0] in ("Z", "X") and int(fields[17]) <= 1 else fields[19]
