"""Where the supervisor takes labels: one store, one request at a time, off its event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gonogo.service.labels.store import Label, LabelStore

LABELS = "labels.db"  #: the store's file, beside the prediction log


class LabelDesk:
    """Raises StorageError when the store cannot be opened, now or later."""

    def __init__(self, folder: Path) -> None:
        self._store = LabelStore(folder / LABELS)
        self._turn = asyncio.Lock()

    async def take(self, labels: Sequence[Sequence[Any]]) -> dict[str, Any]:
        async with self._turn:
            return asdict(await asyncio.to_thread(self._store.take, [Label(*label) for label in labels], time.time()))

    def close(self) -> None:
        self._store.close()
