"""What the watch measured is told with the metrics, and never waited for."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from gonogo.errors import StorageError
from gonogo.service.supervising.watched import LastWatched

SAID = {"age_seconds": 1.0, "readings": [{"signal": "ks"}]}


def test_while_the_store_is_busy_the_last_that_was_read_is_told_and_grows_older() -> None:
    free = threading.Event()
    free.set()
    asked = []

    def read() -> Mapping[str, Any]:
        asked.append(True)
        free.wait(20)
        return SAID

    async def look() -> None:
        watched = LastWatched(read)
        assert (await watched.get() or {})["readings"] == SAID["readings"]
        free.clear()
        late = [await watched.get() or {} for _ in range(3)]
        assert len(asked) == 2  # one reading at a time, however often somebody asks
        free.set()
        assert [each["readings"] for each in late] == [SAID["readings"]] * 3
        ages = [each["age_seconds"] for each in late]
        assert 1.0 < ages[0] < ages[1] < ages[2]

    asyncio.run(look())


def fails() -> Mapping[str, Any]:
    raise StorageError("the disk is gone.")


@pytest.mark.parametrize(("read", "said"), [(lambda: None, 0), (fails, 1)], ids=["nobody", "unreadable"])
def test_what_cannot_be_read_is_nothing_and_is_said_once(
    read: Callable[[], Mapping[str, Any] | None], said: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def look() -> None:
        watched = LastWatched(read)
        assert [await watched.get() for _ in range(3)] == [None] * 3

    with caplog.at_level(logging.WARNING):
        asyncio.run(look())
    assert caplog.text.count("the disk is gone") == said
