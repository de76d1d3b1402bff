"""Where the supervisor takes labels: one store, one request at a time, off its event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gonogo.errors import StorageError
from gonogo.service.labels.reopened import ReopenedLabels
from gonogo.service.labels.store import Label

LABELS = "labels.db"  #: the store's file, beside the prediction log


class LabelDesk:
    def __init__(self, folder: Path) -> None:
        self._labels = ReopenedLabels(folder / LABELS)
        self._turn = asyncio.Lock()

    async def take(self, labels: Sequence[Sequence[Any]]) -> dict[str, Any]:
        """Raises StorageError when the store cannot be opened or written, or was lost: then nothing is taken."""
        given = [Label(*label) for label in labels]
        async with self._turn:
            try:
                return asdict(await asyncio.to_thread(self._labels.use, lambda store: store.take(given, time.time())))
            except StorageError as error:
                raise StorageError(f"The labels cannot be kept now: {error.message}", hint=error.hint) from error

    def close(self) -> None:
        self._labels.close()
