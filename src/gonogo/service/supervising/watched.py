"""What somebody who watches the service measured last, for its metrics: read off the event loop, and never waited for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from gonogo.errors import GonogoError

_log = logging.getLogger(__name__)
PATIENCE_SECONDS = 0.2  #: a store that is being written to is not waited for longer; what was read before is told then
STALE_SECONDS = 30.0  #: for this long


class LastWatched:
    """`read` gives `age_seconds` and `readings` (`upward.py`), or None when nobody watches; it may raise GonogoError."""

    def __init__(self, read: Callable[[], Mapping[str, Any] | None]) -> None:
        self._read = read
        self._reading: asyncio.Task[Mapping[str, Any] | None] | None = None
        self._last: tuple[float, Mapping[str, Any] | None] = (0.0, None)
        self._trouble = ""

    async def get(self) -> Mapping[str, Any] | None:
        """The newest that could be read in time, with its age by now; no readings of one that is too old."""
        now = asyncio.get_running_loop().time
        if self._reading is None:
            self._reading = asyncio.create_task(asyncio.to_thread(self._read))
        task = self._reading
        await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
        if task.done() and task is self._reading:
            self._reading = None
            self._take(task, now())
        at, said = self._last
        if said is None:
            return None
        since = now() - at
        return {"age_seconds": said["age_seconds"] + since, "readings": said["readings"] if since <= STALE_SECONDS else []}

    def _take(self, task: asyncio.Task[Mapping[str, Any] | None], now: float) -> None:
        try:
            self._last, self._trouble = (now, task.result()), ""
        except GonogoError as error:
            if str(error) != self._trouble:
                _log.warning("what the watch measured cannot be read: %s", error)
            self._trouble = str(error)
