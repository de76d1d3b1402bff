"""The service's log: one JSON object a line, of what happens to the service and, when asked, of each request.

Its form: docs/formats/access-and-log.md. Python's `logging` carries the events; `Lines` is the handler behind it. Rules it keeps:

1. Nobody waits for a log. Whoever logs appends to a bounded buffer; a thread of its own formats and writes. What the buffer cannot hold, or
   the disk does not take, is dropped, counted, and the count is logged as soon as there is room.
2. A request's line has no payload, no query, no header but the checked ids, and no key. Should the text of a key get into any line by any
   way, its secret is struck out before the line is written.
3. A line is one line, whatever was sent: everything that is no printable ASCII is escaped.
4. Supervisor and workers append to one file, each line in one write. The supervisor alone renames it when it is large; the others notice,
   and so they do when an operator's own logrotate did it.
"""

from __future__ import annotations

import json
import logging
import os
import re
import stat
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii as _quoted
from pathlib import Path
from typing import Any, Literal

from gonogo import settings
from gonogo.errors import GonogoError
from gonogo.service.door.exchange import Exchange
from gonogo.service.door.trace import trace_id

_log = logging.getLogger(__name__)

Form = Literal["text", "json"]
Requests = Literal["all", "errors", "none"]
LOG_NAME = "log.jsonl"
KEPT = 3  #: older files beside the log
ROOM = 8192  #: lines that may wait
PAUSE = 0.1  #: seconds in which lines gather before they are written
MOST_TRACEBACK = 3000  #: characters, from its end; a line stays below the 4 KiB that a pipe takes in one piece
MOST_PATH = 300
_SECRET = re.compile(r"(gng_[0-9a-f]{12}_)[0-9a-zA-Z]+")
_REPLY = re.compile(rb"x-gonogo-(release|prediction-id): ([^\r]*)\r\n")

#: Told of each answer: exchange, status, header lines of the answer.
Answered = Callable[[Exchange, int, bytes], None]

#: What is kept of an answered request: time, method, target, status, seconds, the answer's header lines, the request's headers, caller.
_Kept = tuple[float, bytes, bytes, int, float, bytes, dict[bytes, bytes], str]


def facts(event: str, **told: Any) -> dict[str, Any]:
    """For `extra=` of a logging call: the event's name, and what it is about, as members of its JSON line."""
    return {"event": event, "facts": told}


@dataclass(frozen=True)
class WorkerLog:
    """Where the workers of a service write their lines (None: to the standard error of the supervisor), and which requests."""

    file: Path | None
    requests: Requests

    def arguments(self) -> list[str]:
        return [*(["--log-file", str(self.file)] if self.file else []), "--access-log", self.requests]


class Lines(logging.Handler):
    """Writes lines to a file, or to standard error. `about` are members of every line; `rotates`: this process renames the file."""

    def __init__(self, file: Path | None, form: Form = "json", *, rotates: bool = False, **about: Any) -> None:
        super().__init__()
        self.dropped = 0
        self._file = file
        self._form = form
        self._rotates = rotates and file is not None
        self._about = {**about, "pid": os.getpid()}
        self._head = json.dumps(self._about, separators=(",", ":"))[1:-1] + ","
        self._second = (0, "")  # the last whole second, and how it is written
        self._most = settings.number("log_size") * 2**20
        self._waiting: deque[logging.LogRecord | _Kept] = deque()
        self._told = 0  # of `dropped`
        self._handle = -1
        self._wanted = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    # ---- what the others call; nothing here waits or raises

    def emit(self, record: logging.LogRecord) -> None:
        self._add(record)

    def on_answered(self, requests: Requests) -> Answered | None:
        """What a server is to call with each answer; None when nothing is wanted."""
        return {"all": self._answered, "errors": self._failed, "none": None}[requests]

    def _answered(self, exchange: Exchange, status: int, lines: bytes) -> None:
        seconds = time.perf_counter() - exchange.started
        self._add((time.time(), exchange.method, exchange.target, status, seconds, lines, exchange.headers, exchange.caller))

    def _failed(self, exchange: Exchange, status: int, lines: bytes) -> None:
        if status >= 400:
            self._answered(exchange, status, lines)

    def _add(self, what: logging.LogRecord | _Kept) -> None:
        if len(self._waiting) >= ROOM:
            self.dropped += 1
            return
        self._waiting.append(what)
        if not self._wanted.is_set():
            self._wanted.set()

    def close(self) -> None:
        """Write what waits, for a second at most, and end."""
        self._closing = True
        self._wanted.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=1.0)
        super().close()

    # ---- the thread

    def _run(self) -> None:
        while not self._closing:
            self._wanted.wait(1.0 if self._rotates else None)
            self._wanted.clear()
            if not self._closing:
                time.sleep(PAUSE)
            self._drain()
        self._drain()
        if self._handle > 2:
            os.close(self._handle)

    def _drain(self) -> None:
        lines = []
        for number in range(len(self._waiting)):
            if number % 64 == 63:
                time.sleep(0)  # requests come first
            what = self._waiting.popleft()
            try:
                lines.append(self._line(what))
            except Exception as error:  # a line that cannot be formatted must not end the log
                lines.append(self._json({"level": "error", "event": "log", "message": f"a line cannot be formatted: {error!r}"}))
        told = self.dropped
        notice = told > self._told
        if notice:
            lines.append(self._json({"level": "warning", "event": "lines_dropped", "lines": told - self._told}))
        try:
            if self._file is not None:
                self._open(self._file)
            lost = self._write(lines) if lines else 0
        except OSError:
            lost = len(lines)
        if lost:
            self.dropped += lost - notice  # which comes again
        else:
            self._told = told

    def _open(self, file: Path) -> None:
        """Have the log open under its name; set it aside when it is too large."""
        if self._rotates:
            with suppress(FileNotFoundError):
                if file.stat().st_size > self._most:
                    for number in range(KEPT, 0, -1):
                        older = file if number == 1 else file.with_name(f"{file.name}.{number - 1}")
                        with suppress(FileNotFoundError):
                            older.rename(file.with_name(f"{file.name}.{number}"))
        if self._handle > 2:
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(self._handle), file.stat()):
                    return
            os.close(self._handle)
            self._handle = -1
        self._handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)

    def _write(self, lines: list[str]) -> int:
        """Returns how many were not written, or not whole."""
        handle = sys.__stderr__.fileno() if self._file is None and sys.__stderr__ is not None else self._handle
        whole = [line.encode("ascii", "backslashreplace") for line in lines]
        if stat.S_ISREG(os.fstat(handle).st_mode):
            whole = [b"\n" * (handle == self._handle and _is_cut(handle)) + b"".join(whole)]
        lost = 0
        for number, data in enumerate(whole):
            try:
                lost += data.count(b"\n", os.write(handle, data))
            except OSError:
                return lost + len(lines) - number
        return lost

    # ---- the forms

    def _line(self, what: logging.LogRecord | _Kept) -> str:
        if isinstance(what, tuple):
            return self._request(what)
        said: dict[str, Any] = {"level": what.levelname.lower(), "event": getattr(what, "event", what.name)}
        said |= getattr(what, "facts", {})
        said["message"] = what.getMessage()
        if what.exc_info and what.exc_info[0] is not None:
            said["traceback"] = "".join(traceback.format_exception(*what.exc_info))[-MOST_TRACEBACK:]
        return self._json(said, what.created) if self._form == "json" else self._text(said, what.created)

    def _json(self, said: dict[str, Any], moment: float | None = None) -> str:
        when = self._stamp(time.time() if moment is None else moment)
        return _struck(json.dumps({"time": when, **self._about, **said}, separators=(",", ":"), default=str)) + "\n"

    def _request(self, answered: _Kept) -> str:
        # Written out, since there may be tens of thousands a second: a third of what json.dumps of a dictionary takes.
        moment, method, target, status, seconds, lines, headers, caller = answered
        reply = dict(_REPLY.findall(lines))
        texts = (
            ("request_id", headers.get(b"x-request-id", b"").decode("latin-1")),
            ("trace_id", trace_id(headers)),
            ("method", method.decode("latin-1")),
            ("path", target.partition(b"?")[0][:MOST_PATH].decode("latin-1")),
            ("release", reply.get(b"release", b"").decode("latin-1")),
            ("prediction_id", reply.get(b"prediction-id", b"").decode("latin-1")),
            ("caller", caller),
        )
        told = "".join([f'"{name}":{_quoted(text)},' for name, text in texts if text])
        level = "error" if status >= 500 else "info"
        head = f'{{"time":"{self._stamp(moment)}",{self._head}"level":"{level}","event":"request",'
        return _struck(f'{head}{told}"status":{status},"ms":{seconds * 1000:.3f}}}\n')

    def _stamp(self, moment: float) -> str:
        second = int(moment)
        if second != self._second[0]:
            self._second = (second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)))
        return f"{self._second[1]}.{int((moment - second) * 1000):03d}Z"

    def _text(self, said: dict[str, Any], moment: float) -> str:
        lines = [said["message"], *said.get("traceback", "").splitlines()]
        plain = ("".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in line) for line in lines)
        text = f"{datetime.fromtimestamp(moment, UTC):%H:%M:%S} {said['level']:<7} " + "\n    ".join(plain)
        return _struck(text) + "\n"


def _is_cut(handle: int) -> bool:
    """Whether a disk that was full has cut the last line of the file, ours or that of another process. A line that another process is
    just writing grows meanwhile."""
    size = os.fstat(handle).st_size
    if not size or os.pread(handle, 1, size - 1) == b"\n":
        return False
    time.sleep(PAUSE)
    return os.fstat(handle).st_size == size


def _struck(line: str) -> str:
    return _SECRET.sub(r"\1***", line) if "gng_" in line else line


@contextmanager
def service_log(folder: Path, form: Form, requests: Requests) -> Iterator[WorkerLog]:
    """Have this process, the supervisor's, log: text to standard error and JSON to `folder`/log.jsonl, or JSON to standard error alone.

    Gives what its workers are to do.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = Lines(folder / LOG_NAME, rotates=True, process="supervisor") if form == "text" else None
    with logging_to(Lines(None, form, process="supervisor"), *([file] if file else [])):
        yield WorkerLog(folder.absolute() / LOG_NAME if file else None, requests)


@contextmanager
def logging_to(*handlers: Lines) -> Iterator[None]:
    """Have the events of this process written by `handlers` until the block ends, Python's warnings and what ends the block among them."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    for handler in handlers:
        root.addHandler(handler)
    try:
        yield
    except Exception as error:
        if not isinstance(error, GonogoError):  # those are refusals, and told to whoever asked
            _log.critical("the process ends by an error: %r", error, exc_info=error, extra=facts("crash"))
        raise
    finally:
        logging.captureWarnings(False)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()
        root.setLevel(level)
