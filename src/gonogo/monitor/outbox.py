"""What has still to be told: notices with the channels that have not taken them, oldest first.

Rules it keeps:
* A notice is written down (`to_json`, by the watch, in the transaction that changes the alarm) before it is sent, and is sent until its
  channel has taken it. A crash in between sends it again, under the same id.
* A channel is told of its own levels only, and gets its notices in the order in which they came up: while one is not taken, the later
  ones wait.
* Nobody waits for a channel: each is spoken to by a thread of its own, and what is not taken within `PATIENCE_SECONDS` is heard of at a
  later look. One that fails is left alone for a while, for longer each time.
* What will never be taken (RefusedError), and what there is no room for, is given up, and stands in the watch's record as such.
* A channel that the project does not use any more has nothing to take.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gonogo.base.clock import Clock, stamp
from gonogo.errors import BusyError, FaultError, RefusedError
from gonogo.monitor.notice import Channel, Notice

_log = logging.getLogger(__name__)

MOST_NOTICES = 1000  #: kept for each channel; beyond that its oldest is given up
MOST_GIVEN_UP = 50  #: remembered
PATIENCE_SECONDS = 1.0  #: longest a look waits for all channels together
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0  #: seconds after the first failure, doubled with each further one


@dataclass(frozen=True)
class Untold:
    """A notice and the names of the channels that have not taken it."""

    notice: Notice
    channels: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"notice": self.notice.to_json(), "channels": list(self.channels)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Untold:
        return cls(Notice.from_json(data["notice"]), tuple(data["channels"]))


@dataclass(frozen=True)
class GivenUp:
    """A notice that a channel was never told of, and why."""

    time: str
    channel: str
    notice: str
    problem: str


@dataclass
class _Line:
    """What is known of one channel in this process. The thread that speaks to it writes `taken`, `refused`, `fault` and `got_on`."""

    channel: Channel
    taken: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    fault: FaultError | None = None
    thread: threading.Thread | None = None
    got_on: bool = False
    failures: int = 0
    problem: str = ""
    not_before: float = 0.0

    def send(self, notices: Sequence[Notice]) -> None:
        self.got_on = False
        for notice in notices:
            try:
                self.channel.send(notice)
            except RefusedError as error:
                self.refused[notice.id] = str(error)
            except FaultError as error:
                self.fault = error
                return
            except Exception as error:  # the boundary to channels of third parties: a mistake in one is a fault of that one
                _log.exception("a channel failed")
                self.fault = FaultError(f"the channel failed: {type(error).__name__}.")
                return
            else:
                self.taken.add(notice.id)
            self.got_on = True


class Outbox:
    """Sends what waits to `channels`, and remembers how each of them fares. One for each watch."""

    def __init__(self, channels: Mapping[str, Channel], clock: Clock) -> None:
        self._lines = {name: _Line(channel) for name, channel in channels.items()}
        self._clock = clock

    def queued(self, waiting: Sequence[Untold], notices: Iterable[Notice]) -> tuple[list[Untold], list[GivenUp]]:
        """`waiting` and after it the new notices for the channels of their level; and what there was no room for."""
        found = [*waiting]
        for notice in notices:
            names = tuple(sorted(name for name, line in self._lines.items() if notice.level in line.channel.levels))
            found += [Untold(notice, names)] if names else []
        return self._bounded(found)

    def tell(self, waiting: Sequence[Untold]) -> tuple[list[Untold], list[GivenUp]]:
        """Send what waits. Gives what is left, and what was given up."""
        self._collect()
        for name, line in self._lines.items():
            if line.thread is not None or self._clock.monotonic() < line.not_before:
                continue
            line.taken &= {entry.notice.id for entry in waiting}  # what is not in the books any more is told for good
            due = [entry.notice for entry in waiting if name in entry.channels and entry.notice.id not in line.taken]
            if due:
                line.thread = threading.Thread(target=line.send, args=(due,), name=f"channel {name}", daemon=True)
                line.thread.start()
        self._await()
        self._collect()
        return self._left(waiting)

    def shown(self, waiting: Sequence[Untold]) -> list[dict[str, Any]]:
        """How each channel fares: `name`, `levels`, `waiting`, `failures` in a row, the last `problem`, and
        `pause_seconds` until it is asked again."""
        now = self._clock.monotonic()
        return [
            {
                "name": name,
                "levels": list(line.channel.levels),
                "waiting": sum(name in entry.channels for entry in waiting),
                "failures": line.failures,
                "problem": line.problem,
                "pause_seconds": round(max(0.0, line.not_before - now), 1),
            }
            for name, line in self._lines.items()
        ]

    def _await(self) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        for line in self._lines.values():
            if line.thread is not None:
                line.thread.join(max(0.0, until - time.monotonic()))

    def _collect(self) -> None:
        """What came of the threads that have ended."""
        for line in self._lines.values():
            if line.thread is None or line.thread.is_alive():
                continue
            line.thread, fault, line.fault = None, line.fault, None
            line.failures = 0 if fault is None else 1 if line.got_on else line.failures + 1
            line.problem = "" if fault is None else str(fault)
            line.not_before = 0.0 if fault is None else self._clock.monotonic() + _pause(line.failures, fault)

    def _left(self, waiting: Sequence[Untold]) -> tuple[list[Untold], list[GivenUp]]:
        left, given_up = [], []
        for entry in waiting:
            kept = []
            for name in entry.channels:
                line = self._lines.get(name)
                if line is not None and entry.notice.id in line.refused:
                    given_up.append(self._given_up(name, entry.notice, line.refused.pop(entry.notice.id)))
                elif line is not None and entry.notice.id not in line.taken:
                    kept.append(name)
            if kept:
                left.append(replace(entry, channels=tuple(kept)))
        return left, given_up

    def _bounded(self, waiting: Sequence[Untold]) -> tuple[list[Untold], list[GivenUp]]:
        """The newest `MOST_NOTICES` of each channel."""
        room = dict.fromkeys(self._lines, MOST_NOTICES)
        left, given_up = [], []
        for entry in reversed(waiting):
            kept = tuple(name for name in entry.channels if room.get(name, 0) > 0)
            gone = [name for name in entry.channels if name in room and name not in kept]
            given_up += [self._given_up(name, entry.notice, f"{MOST_NOTICES} newer ones wait as well") for name in gone]
            for name in kept:
                room[name] -= 1
            if kept:
                left.append(replace(entry, channels=kept))
        return left[::-1], given_up[::-1]

    def _given_up(self, name: str, notice: Notice, problem: str) -> GivenUp:
        _log.error("%s is never told of %s: %s", name, notice.id, problem)
        return GivenUp(stamp(self._clock.now()), name, notice.id, problem)


def _pause(failures: int, fault: FaultError) -> float:
    """Seconds in which a channel is left alone: twice as long after each failure, and at least as long as it asked for."""
    asked = fault.seconds if isinstance(fault, BusyError) else 0.0
    return min(max(FIRST_PAUSE * 2.0 ** min(failures - 1, 10), asked), LONGEST_PAUSE)
