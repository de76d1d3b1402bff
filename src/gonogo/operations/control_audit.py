"""Control calls in the signed log: who had the service do what, and what came of it. `gonogo log` shows them.

The service never waits for the log: taking traffic back must work with a full disk. A thread writes the calls in their order; one that
cannot be written, after some tries, stands whole in the service's own log as an error.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from types import TracebackType

from gonogo.errors import GonogoError
from gonogo.operations.workspace import Workspace
from gonogo.service.logs import facts

KIND = "control_call"
_MOST = 10_000
_TRIES = 3
_PAUSE = 0.5  # seconds between two tries

_log = logging.getLogger(__name__)


class ControlAudit:
    """A context in which calls are recorded. Call it with actor, verb, release ("" for none) and outcome; it neither waits nor raises."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._calls: queue.Queue[tuple[str, str, str, str] | None] = queue.Queue(_MOST)
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)

    def __call__(self, actor: str, verb: str, release: str, outcome: str) -> None:
        told = facts("control_call", actor=actor, verb=verb, release=release, outcome=outcome)
        _log.info("control call of %s: %s %s: %s", actor, verb, release, outcome, extra=told)
        try:
            self._calls.put_nowait((actor, verb, release, outcome))
        except queue.Full:
            _lost((actor, verb, release, outcome), "too many calls wait")

    def __enter__(self) -> ControlAudit:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._calls.put(None)
        self._thread.join(timeout=30.0)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            for tries in range(1, _TRIES + 1):
                try:
                    self._record(*call)
                    break
                except GonogoError as error:
                    if tries == _TRIES:
                        _lost(call, str(error))
                    else:
                        time.sleep(_PAUSE)
                except Exception:  # the boundary of the thread: whatever it was, the next call is recorded
                    _log.exception("a control call could not be recorded: %s %s %s %s", *call)
                    break

    def _record(self, actor: str, verb: str, release: str, outcome: str) -> None:
        body = {"system": self._workspace.project.system, "verb": verb, "release": release, "outcome": outcome}
        with self._workspace.store().transaction() as tx:
            tx.append(KIND, body, actor)


def _lost(call: tuple[str, str, str, str], why: str) -> None:
    _log.error("a control call is not in the log: %s %s %s %s (%s)", *call, why)
