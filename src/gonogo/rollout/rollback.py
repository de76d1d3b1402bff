"""Going back by hand.

Rolling back is rolling out: while a rollout is under way it is an abort, afterwards a rollout of kind `revert`, which moves all traffic
in one step to a release that was judged before and, being an arm without a share, is still running. Then the same checks as always
(right digest, alive, answering) and the pointer in the same transaction. Whoever asks while a revert is under way joins it: aborting
it would bring back the very release that is being left.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from gonogo.base.clock import Clock, SystemClock
from gonogo.errors import NotFoundError
from gonogo.registry.store import Store
from gonogo.rollout import journal
from gonogo.rollout.command import ask, follow
from gonogo.rollout.journal import Rollout
from gonogo.rollout.machine import ENDS, Phase
from gonogo.rollout.plan import Plan
from gonogo.rollout.run import Controller, Progress

LEFT = ENDS | {Phase.VERIFYING_ROLLBACK, Phase.FINALIZING}  #: in these no request goes to the release being left any more


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
    active = journal.load(store, current) if current else None
    if active and not active.state.ended:
        try:
            verb = "abort" if active.plan.kind != "revert" else "resume" if active.state.paused else ""
            if verb:
                active = ask(controller, store, system, verb, actor=actor, reason=reason, progress=progress, sleep=sleep)
            return _to_the_end(controller, store, active, progress=progress, watch=watch, sleep=sleep, began=began)
        except NotFoundError:
            pass  # it ended between the two looks: then there is something to revert
    controller.start(revert(), reason=reason)
    rollout = controller.drive(progress)
    return WentBack(rollout, (controller.routed_at or watch()) - began, aborted=False)


def _to_the_end(
    controller: Controller,
    store: Store,
    rollout: Rollout,
    *,
    progress: Progress,
    watch: Callable[[], float],
    sleep: Callable[[float], None],
    began: float,
) -> WentBack:
    at = controller.routed_at
    while not rollout.ended:
        if at is None and rollout.state.phase in LEFT:
            at = watch()
        rollout = follow(controller, store, rollout, progress=progress, sleep=sleep)
    return WentBack(rollout, (at or controller.routed_at or watch()) - began, aborted=rollout.plan.kind != "revert")
