"""Watching the service from the process that serves: signals, alarms and channels as the project declares them."""

from __future__ import annotations

import logging
import threading
from dataclasses import asdict
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING

from gonogo import settings
from gonogo.base import catalogue
from gonogo.errors import GonogoError
from gonogo.operations.baseline import baseline_of
from gonogo.operations.channels import channels_of
from gonogo.operations.duties import Seen
from gonogo.operations.feedback import label_reader
from gonogo.operations.workspace import Workspace

if TYPE_CHECKING:
    from gonogo.monitor.watch import Watch

_log = logging.getLogger(__name__)


def watch(workspace: Workspace, *, goes_back: bool = False) -> Watch:
    """A watch over this system: the supervisor's counters, the baselines sealed in its releases, the rules in force, the project's
    channels. `goes_back`: what it decides by rule is done (`GoingBackByRule`)."""
    from gonogo.checklist.load import load_pack
    from gonogo.monitor.alarms.rule import Rule
    from gonogo.monitor.alarms.telling import Rung
    from gonogo.monitor.going_back import no_way
    from gonogo.monitor.history import History
    from gonogo.monitor.watch import LONGEST_SECONDS, Watch
    from gonogo.operations.going_back import WaysBack
    from gonogo.service.control import ControlClient

    policy = load_pack(workspace.project.pack, workspace.project).monitor
    return Watch(
        Seen(workspace, ControlClient.of_store(workspace.path).observe),
        partial(baseline_of, workspace),
        [Rule(**asdict(rule)) for rule in policy.rules],
        channels_of(workspace),
        workspace.store(),
        system=workspace.project.system,
        signals=[catalogue.load("signals", name)() for name in catalogue.names("signals")],
        clock=workspace.clock,
        ladder=[Rung(step.after_seconds, step.to) for step in policy.escalation],
        repeat_seconds=policy.repeat_seconds,
        longest_seconds=max(LONGEST_SECONDS, 2 * settings.number("watch_seconds")),
        history=lambda: History(workspace.path / "history.db", workspace.clock),
        labels=label_reader(workspace).look,
        ways=WaysBack(workspace, policy.rules) if goes_back else no_way,
    )


class Watching:
    """A context in which the system is watched, by a thread of this process, and what follows by rule is done, by another."""

    def __init__(self, workspace: Workspace) -> None:
        from gonogo.operations.going_back import GoingBackByRule

        self._watch = watch(workspace, goes_back=True)
        self._going_back = GoingBackByRule(workspace, self._watch.ways)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> Watching:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopped.set()
        self._thread.join(timeout=10.0)
        self._going_back.end()

    def _run(self) -> None:
        every = settings.number("watch_seconds")
        while not self._stopped.is_set():
            try:
                self._going_back.follow(self._watch.tick(), self._watch.rules)
            except GonogoError as error:
                _log.warning("the watch could not look: %s", error)
            except Exception:  # the boundary of the thread: a watch that dies silently is worse than one that complains
                _log.exception("the watch failed")
            self._stopped.wait(every)
