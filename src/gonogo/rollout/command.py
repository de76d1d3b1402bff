"""What a person says to a rollout under way, whether its controller is alive or not.

A live controller answers at its next look. When none is alive, whoever asks becomes the controller: an abort must not wait for a process
that has died.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from gonogo.errors import ConflictError, NotFoundError
from gonogo.registry.store import Store
from gonogo.rollout import journal
from gonogo.rollout.journal import Command, Rollout
from gonogo.rollout.machine import What
from gonogo.rollout.run import Controller, Progress

POLL_SECONDS = 0.05


def ask(
    controller: Controller,
    store: Store,
    system: str,
    verb: str,
    *,
    actor: str,
    reason: str = "",
    expected_version: int | None = None,
    command_id: str | None = None,
    progress: Progress = lambda look: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Rollout:
    """Ask the active rollout to abort, pause, resume or promote, and wait for the answer.

    Where no controller was alive, the rollout is driven on from here: to its end, or, after a pause, no further. Raises NotFoundError
    when none is active, ConflictError when the answer is no.
    """
    current = journal.active(store, system)
    if not current:
        raise NotFoundError(f"no rollout of {system} is under way.", hint="See `gonogo rollout status`.")
    command = journal.submit(store, current, verb, actor=actor, reason=reason, expected_version=expected_version, command_id=command_id)
    while command.status == "pending":
        if _taken_over(controller):
            _drive(controller, command, progress)
        else:
            sleep(POLL_SECONDS)
        command = journal.answer(store, current, command.id)
    if command.status == "refused":
        raise ConflictError(command.answer)
    return journal.load(store, current)


def follow(controller: Controller, store: Store, rollout: Rollout, *, progress: Progress = lambda look: None,
           sleep: Callable[[float], None] = time.sleep) -> Rollout:  # fmt: skip
    """One look at a rollout that somebody else drives; where that one has died, drive it to its end from here."""
    if _taken_over(controller):
        return controller.drive(progress)
    sleep(POLL_SECONDS)
    return journal.load(store, rollout.id)


def _taken_over(controller: Controller) -> bool:
    if controller.driver() is not None:
        return False
    try:
        controller.resume()
    except (ConflictError, NotFoundError):
        return False  # somebody else was quicker, or brought it to its end
    return True


def _drive(controller: Controller, command: Command, progress: Progress) -> None:
    if command.verb is not What.PAUSE:
        controller.drive(progress)
        return
    try:
        controller.tick()
    finally:
        controller.let_go()
