"""How a worker calls its model: on the event loop while it is quick, else on a thread of its own, and never longer than it may.

Rules it keeps:

1. A call ends: with scores, with an error, or with `OutOfTime`, whatever the model does. On the loop a watch ends a call that turns out
   slow, and from then on the model is called on the thread.
2. One call at a time. A thread that does not come back, although its call was interrupted, is left behind and another takes its place;
   `MOST_STUCK` of them, and calls are answered `OutOfTime` until one comes back.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
import weakref
from collections.abc import Callable, Mapping

from gonogo.errors import ModelError
from gonogo.model.predict import Scored, scored
from gonogo.model.runtime import Array
from gonogo.service.answering.loading import Served

QUICK_SECONDS = 0.002  #: a model whose call for one row takes longer has a thread of its own
FLUSH_SECONDS = 0.002  #: so long one call for many may take, as far as it was measured
LOOP_SECONDS = 1.0  #: longest a call may keep the event loop; well below what a supervisor takes for death
GRACE_SECONDS = 0.5  #: so long an interrupted call may take to end
MOST_STUCK = 4
MOST_ROWS = 4096
TELLING_ROWS = 16  #: calls of so many rows tell what a row costs
SLACK = 1e-6  #: float32 sums of probabilities end a little outside [0, 1]

Outcome = Scored | Exception


class OutOfTime(Exception):
    """The model did not answer in time."""


class ModelCalls:
    """The calls of one model, for requests that wait `seconds` at most. Use from one event loop."""

    def __init__(self, served: Served, seconds: float) -> None:
        self._served = served
        self._loop_seconds = min(LOOP_SECONDS, seconds / 2)  # a request that is stopped here has another try
        self._interrupt = served.loaded.interrupt
        self.on_loop = served.cost.fixed + served.cost.per_row <= QUICK_SECONDS
        self._per_row = 0.0
        self.most_rows = MOST_ROWS  #: so many rows a call may have, that it ends soon
        self._learn(served.cost.per_row)
        self._since = 0.0  #: when the call on the loop began
        self._watching = False
        self._lane: queue.SimpleQueue[tuple[int, Mapping[str, Array]]] | None = None
        self._number = 0  #: of the call on the thread
        self._done: Callable[[Outcome], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._interrupted = False  #: the call on the thread
        self._stuck = 0

    @property
    def busy(self) -> bool:
        """A call is under way on the thread."""
        return self._done is not None

    def compute(self, batch: Mapping[str, Array]) -> Scored:
        """Scores, each a probability up to rounding, and what is beside them. Raises ModelError."""
        found = scored(self._served.schema, self._served.loaded, batch)
        if not sound(found.scores):
            raise ModelError("the model's scores are no probabilities.")
        return found

    def now(self, batch: Mapping[str, Array]) -> Outcome:
        """Compute on the loop."""
        if not self._watching:
            self._watching = True
            threading.Thread(target=_watch, args=(weakref.ref(self),), name="gonogo-watch", daemon=True).start()
        self._since = began = time.perf_counter()
        try:
            found = self.compute(batch)
        except Exception as error:  # the boundary: whatever a model raises is an outcome
            return error if self.on_loop else OutOfTime()  # the watch has ended it
        finally:
            self._since = 0.0
        rows = len(found.scores)
        if rows >= TELLING_ROWS:  # golden requests are few, and a processor learns them by heart
            measured = (time.perf_counter() - began - self._served.cost.fixed) / rows
            self._learn(0.9 * self._per_row + 0.1 * measured)
        return found

    def later(self, batch: Mapping[str, Array], seconds: float, done: Callable[[Outcome], None]) -> None:
        """Compute on the thread; `done` is called on the loop, once, not before this returns."""
        loop = asyncio.get_running_loop()
        self._done = done
        self._number += 1
        if self._stuck >= MOST_STUCK:
            loop.call_soon(self._finish, OutOfTime())
            return
        if self._lane is None:
            self._lane = queue.SimpleQueue()
            threading.Thread(target=self._work, args=(self._lane, loop), name="gonogo-model", daemon=True).start()
        self._timer = loop.call_later(seconds, self._late)
        self._lane.put((self._number, batch))

    def look(self, now: float) -> float:
        """Called by the watch: end a call that keeps the loop for too long. Returns when to look again, in seconds."""
        if self._since and now - self._since > self._loop_seconds:
            self.on_loop = False
            self._interrupt()
        return self._loop_seconds / 4

    def _learn(self, per_row: float) -> None:
        self._per_row = max(per_row, 1e-9)
        fixed = self._served.cost.fixed
        budget = FLUSH_SECONDS if self.on_loop else max(FLUSH_SECONDS, 2 * fixed)
        self.most_rows = max(1, min(MOST_ROWS, int((budget - fixed) / self._per_row)))

    def _work(self, lane: queue.SimpleQueue[tuple[int, Mapping[str, Array]]], loop: asyncio.AbstractEventLoop) -> None:
        while lane is self._lane:
            number, batch = lane.get()
            try:
                outcome: Outcome = self.compute(batch)
            except Exception as error:  # the boundary: as above
                outcome = error
            try:
                loop.call_soon_threadsafe(self._back, number, outcome)
            except RuntimeError:  # the loop has ended
                return

    def _back(self, number: int, outcome: Outcome) -> None:
        if number != self._number or self._done is None:
            self._stuck -= 1  # nobody waits for it any more
        else:
            self._finish(OutOfTime() if self._interrupted and isinstance(outcome, Exception) else outcome)

    def _late(self) -> None:
        self._interrupted = True
        self._timer = asyncio.get_running_loop().call_later(GRACE_SECONDS, self._leave_behind)
        self._interrupt()

    def _leave_behind(self) -> None:
        self._lane = None
        self._stuck += 1
        self._finish(OutOfTime())

    def _finish(self, outcome: Outcome) -> None:
        done, self._done, self._interrupted = self._done, None, False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if done is not None:
            done(outcome)


def sound(values: Array) -> bool:
    """True when every score is a probability, up to rounding."""
    # The extremes of values with a NaN are NaN, which is not within anything.
    return bool(values.size) and bool(values.min() >= -SLACK) and bool(values.max() <= 1 + SLACK)


def _watch(watched: weakref.ref[ModelCalls]) -> None:
    while (calls := watched()) is not None:
        pause = calls.look(time.perf_counter())
        del calls
        time.sleep(pause)
