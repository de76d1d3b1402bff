"""What a service does by itself while it runs, beside watching: the reviews that are due, and a training that findings ask for.

Each is a process of its own, of low priority, one at a time, with an end: whatever becomes of it, serving is not touched. What it says goes
into the service's log; what it does is in the audit log. One that ends without a result is tried again after `PAUSE_SECONDS`, not sooner.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import Any

from gonogo import settings
from gonogo.errors import GonogoError
from gonogo.operations.review import schedule
from gonogo.operations.trainings import asked_for, trainings, was_cut_off
from gonogo.operations.workspace import Workspace
from gonogo.service.logs import facts

PAUSE_SECONDS = 900.0
END_SECONDS = 10.0
MOST_SAID = 500  #: bytes of its last words that the log gets
ACTOR = "service"  #: who acts, as the audit log has it

_log = logging.getLogger(__name__)


class Duties:
    """A context in which they are done, by a thread of this process."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._stopped = threading.Event()
        self._paused: dict[str, float] = {}
        self._thread = threading.Thread(target=self._run, name="duties", daemon=True)

    def __enter__(self) -> Duties:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopped.set()
        self._thread.join(timeout=2 * END_SECONDS)

    def _run(self) -> None:
        every = settings.number("duty_seconds")
        while not self._stopped.wait(every):
            try:
                for duty in due(self._workspace):
                    if time.monotonic() >= self._paused.get(_name(duty), 0.0) and not self._stopped.is_set():
                        self._do(duty)
            except GonogoError as error:
                _log.warning("what is due cannot be seen: %s", error)
            except Exception:  # the boundary of the thread: the next look may find it mended
                _log.exception("the duties failed")

    def _do(self, duty: tuple[str, ...]) -> None:
        """Run `gonogo DUTY…` to its end, or to ours."""
        self._paused[_name(duty)] = time.monotonic() + PAUSE_SECONDS
        words = [sys.executable, "-m", "gonogo", *duty, "--project", str(self._workspace.project.file.absolute())]
        nice = shutil.which("nice")
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                [nice, "-n", "10", *words] if nice else words,
                cwd=self._workspace.project.root,
                env={**os.environ, "GONOGO_ACTOR": ACTOR},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
            )
            deadline = time.monotonic() + 2 * settings.number("retrain_seconds")
            while process.poll() is None:
                if self._stopped.wait(0.2) or time.monotonic() > deadline:
                    _end(process)
            said.seek(0)
            words_said = said.read()[-MOST_SAID:].decode("utf-8", "replace").strip()
        told = facts("duty", duty=" ".join(duty), exit_code=process.returncode)
        level = logging.INFO if process.returncode == 0 else logging.WARNING
        _log.log(level, "%s ended with %s%s", " ".join(duty), process.returncode, f": {words_said}" if words_said else "", extra=told)


def due(workspace: Workspace) -> list[tuple[str, ...]]:
    """What is to be done now, as words for the command line: reviews that the project has the service make, then a training, or
    the rest of one that was cut off."""
    now = workspace.clock.now()
    made = [one.review.period for one in schedule(workspace) if one.plan is not None and one.plan.is_due(now)]
    duties: list[tuple[str, ...]] = [("review", "run", period) for period in made if period in workspace.project.monitor.reviews]
    if was_cut_off(workspace):
        duties.append(("retrain", "--resume"))
    elif found := asked_for(workspace, now):
        duties.append(("retrain", "--reason", "; ".join(f"{one.cause}: {one.words}" for one in found)[:500]))
    return duties


class Seen:
    """What the watch sees: what the service says of itself, and beside it, as `duties`, how things stand here. That is read anew every
    `duty_seconds`; when it cannot be read, nothing is said of it."""

    def __init__(self, workspace: Workspace, observe: Callable[[], Mapping[str, Any]]) -> None:
        self._workspace = workspace
        self._observe = observe
        self._known: dict[str, Any] = {}
        self._read = -math.inf

    def __call__(self) -> Mapping[str, Any]:
        seen = self._observe()
        now = self._workspace.clock.monotonic()
        if now - self._read >= settings.number("duty_seconds"):
            self._read = now
            try:
                self._known = {"duties": standing(self._workspace)}
            except GonogoError as error:
                _log.warning("how reviews and trainings stand cannot be read: %s", error)
                self._known = {}
        return {**seen, **self._known}


def standing(workspace: Workspace) -> dict[str, Any]:
    """Of every review that is asked for `overdue_days` and the number of `findings` of the last one (None: none was made of this release);
    `training_failed`, whether the last training that ended did."""
    now = workspace.clock.now()
    reviews = {}
    for one in schedule(workspace):
        late = now - one.plan.due if one.plan is not None and one.plan.due is not None and one.plan.is_overdue(now) else timedelta(0)
        findings = None if one.last is None else 0 if one.last.well else max(1, len(one.last.findings))
        reviews[one.review.period] = {"overdue_days": late.total_seconds() / 86400, "findings": findings}
    ended = [one["state"] for one in trainings(workspace) if one["state"] != "started"]
    return {"reviews": reviews, "training_failed": ended[-1:] == ["failed"]}


def _name(duty: tuple[str, ...]) -> str:
    """Of a review with its period; of a training without its reason."""
    return " ".join(duty) if duty[0] == "review" else duty[0]


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
