"""Going back by hand.

Rolling back is rolling out: while a rollout is under way it is an abort, afterwards a rollout of kind `revert`, which moves all traffic
in one step to a release that was judged before and, being an arm without a share, is still running. Then the same checks as always
(right digest, alive, answering) and the pointer in the same transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from gonogo.base.clock import Clock, SystemClock
from gonogo.errors import NotFoundError
from gonogo.registry.store import Store
from gonogo.rollout import journal
from gonogo.rollout.command import POLL_SECONDS, ask
from gonogo.rollout.journal import Rollout
from gonogo.rollout.machine import Phase
from gonogo.rollout.plan import Plan
from gonogo.rollout.run import Controller, Progress


@dataclass(frozen=True)
class WentBack:
    """A rollback. `seconds`: from the command to the moment at which no request was assigned to the release being left any more;
    `aborted`: a rollout was under way and was aborted. `succeeded` is False when the release to go back to could not take over."""

    rollout: Rollout
    seconds: float
    aborted: bool

    @property
    def succeeded(self) -> bool:
        wanted = (Phase.ROLLED_BACK, Phase.CANCELLED) if self.aborted else (Phase.COMPLETED,)
        return self.rollout.state.phase in wanted


def roll_back(
    controller: Controller,
    store: Store,
    system: str,
    revert: Callable[[], Plan],
    *,
    actor: str,
    reason: str = "",
    progress: Progress = lambda look: None,
    clock: Clock | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> WentBack:
    """Take the traffic back. `revert` gives the plan when no rollout is active (it is not asked otherwise).

    Raises ConflictError when another controller is just finishing, and what planning raises.
    """
    watch = (clock or SystemClock()).monotonic
    began = watch()
    controller.routed_at = None
    current = journal.active(store, system)
    if current and not journal.load(store, current).state.ended:
        try:
            return _abort(controller, store, system, actor=actor, reason=reason, progress=progress, watch=watch, sleep=sleep, began=began)
        except NotFoundError:
            pass  # it ended between the two looks: then there is something to revert
    controller.start(revert())
    rollout = controller.drive(progress)
    return WentBack(rollout, (controller.routed_at or watch()) - began, aborted=False)


def _abort(
    controller: Controller,
    store: Store,
    system: str,
    *,
    actor: str,
    reason: str,
    progress: Progress,
    watch: Callable[[], float],
    sleep: Callable[[float], None],
    began: float,
) -> WentBack:
    rollout = ask(controller, store, system, "abort", actor=actor, reason=reason, progress=progress, sleep=sleep)
    at = controller.routed_at
    while not rollout.ended:
        if at is None and rollout.state.phase is not Phase.ROLLING_BACK:
            at = watch()
        if controller.driver() is None:  # it died while it was going back
            controller.resume()
            rollout = controller.drive(progress)
        else:
            sleep(POLL_SECONDS)
            rollout = journal.load(store, rollout.id)
    return WentBack(rollout, (at or watch()) - began, aborted=True)
