"""A rollout that goes on after somebody at the dashboard has said so: where nobody drives it, this process does, to its end.

Whoever said it hears of it as soon as it is answered; the driving goes on in a thread of its own.
"""

from __future__ import annotations

import logging
import threading
from typing import Literal

from gonogo import settings
from gonogo.errors import GonogoError, NotFoundError
from gonogo.operations.workspace import Workspace
from gonogo.rollout import journal
from gonogo.rollout.journal import Rollout

_log = logging.getLogger(__name__)


def go_on(workspace: Workspace, verb: Literal["resume", "promote"], reason: str) -> Rollout:
    """Lift a pause (and take the rollout over from a controller that is gone), or promote it; returns once that is answered.

    `workspace` belongs to the thread from here on. Raises NotFoundError without a rollout, ConflictError when the answer is no.
    """
    store, system = workspace.store(), workspace.project.system
    current = journal.active(store, system)
    if not current:
        raise NotFoundError(f"no rollout of {system} is under way.", hint="See `gonogo rollout status`.")
    driving = _Driving(workspace, verb, reason, journal.load(store, current))
    driving.thread.start()
    driving.answered.wait()
    if driving.refused:
        raise driving.refused
    return driving.rollout


class _Driving:
    def __init__(self, workspace: Workspace, verb: str, reason: str, rollout: Rollout) -> None:
        self.rollout = rollout
        self.answered = threading.Event()
        self.refused: Exception | None = None
        self.thread = threading.Thread(target=self._run, args=(workspace, verb, reason, settings.actor()), name="drive", daemon=True)

    def _run(self, workspace: Workspace, verb: str, reason: str, actor: str) -> None:
        try:
            with settings.acting(actor):
                self._drive(workspace, verb, reason, actor)
        except Exception as error:  # the boundary of the thread: before the answer it is told, after it is logged
            if self.answered.is_set():
                why = str(error) if isinstance(error, GonogoError) else repr(error)
                _log.error("the rollout %s is driven by this service no more: %s", self.rollout.id, why)
            self.refused = error
        finally:
            self.answered.set()

    def _drive(self, workspace: Workspace, verb: str, reason: str, actor: str) -> None:
        from gonogo.operations.rollout import controller
        from gonogo.rollout.command import ask

        driver, store = controller(workspace), workspace.store()
        if verb == "promote" or self.rollout.state.paused:
            ask(driver, store, self.rollout.plan.system, verb, actor=actor, reason=reason, progress=lambda look: self.answered.set())
        else:
            driver.resume()
            self.answered.set()
            driver.drive()
