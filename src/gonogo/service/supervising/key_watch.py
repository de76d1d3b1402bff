"""What the key file says, for a supervisor: read when it starts, looked at again with every tick, and told to the workers when it is new.

A file that is damaged, or gone after it was there, changes nothing: the keys that were known last stay in force, each until its own end,
and the log says why. So an accident with the file neither opens a service nor stops it; to serve without keys again, remove the file and
start the service anew.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from gonogo import settings
from gonogo.errors import StorageError
from gonogo.service.callers.access import check_exposure, told
from gonogo.service.callers.api_keys import KeyFile
from gonogo.service.callers.rates import read_limits

_log = logging.getLogger(__name__)


class KeyWatch:
    """The keys of the service in the folder `service`, which listens on `host` with `workers` accepting processes."""

    def __init__(self, service: Path, host: str, workers: int) -> None:
        self._file = KeyFile(service)
        self._host = host
        self._workers = workers
        self._limits: dict[str, float] = {}
        self._seen: tuple[int, int, int] | None = None
        self._problem = ""

    def begin(self) -> dict[str, Any]:
        """What to tell the workers first. Raises StorageError for a damaged file, UsageError for limits that say nothing, or when others
        than this machine's own callers would be answered without a key."""
        self._limits = read_limits(settings.text("rate_limits"))
        self._seen = self._file.mark()
        keys = self._file.load()
        check_exposure(self._host, keys)
        return told(keys, self._limits, self._workers)

    def news(self) -> dict[str, Any] | None:
        """What to tell the workers when it is new. Never raises for the file's sake."""
        try:
            mark = self._file.mark()
            if mark == self._seen:
                return None
            keys = self._file.load()
            if mark is None or not keys:
                raise StorageError(f"{self._file.path} is gone.", hint="The keys that were known stay in force; put it back.")
        except StorageError as error:
            if str(error) != self._problem:
                self._problem = str(error)
                _log.error("the API keys cannot be read again: %s", error)
            return None
        self._seen, self._problem = mark, ""
        _log.info("the API keys are new: %d on file", len(keys))
        return told(keys, self._limits, self._workers)
