"""Shadowing: a release is asked for a copy of answered requests, and its answers are compared with those that were given.

Rules it keeps:

1. A copy goes out after the answer did. It is no traffic: nothing is booked, and nobody waits for it.
2. What waits is bounded in requests and bytes; beyond that copies are dropped and counted, never queued.
3. A shadow that fails, hangs or is gone harms nobody: each copy has a deadline, and only so many are under way at a time.

Counted by release, all additive but the last: `n` copies sent, `failed` of them without a good answer, `dropped` unsent, `rows` compared,
`labels` rows of these with another label, `largest` difference of a score.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gonogo.errors import UnreachableError
from gonogo.service.answering.forward import Forwarder
from gonogo.service.door.exchange import Exchange
from gonogo.service.routing import WHOLE
from gonogo.service.wire import JSON

MOST_WAITING = 256
MOST_BYTES = 16 << 20
MOST_AT_ONCE = 8
DEADLINE_SECONDS = 5.0
COPY = b"x-gonogo-shadow"  #: the header of a copy: the id of the prediction that was answered


def no_counts() -> dict[str, Any]:
    return {"n": 0, "failed": 0, "dropped": 0, "rows": 0, "labels": 0, "largest": 0.0}


class Shadow:
    """Copies for one release on its Unix socket. `counts` is added to in place."""

    def __init__(self, release: str, socket: str, share_bp: int, counts: dict[str, Any]) -> None:
        self.release = release
        self.socket = socket
        self.share_bp = share_bp
        self._counts = counts
        self._forwarder = Forwarder(socket, release)
        self._waiting: deque[tuple[Exchange, bytes, bytes, bytes]] = deque()
        self._bytes = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def offer(self, exchange: Exchange, content_type: bytes, answer: bytes, prediction_id: bytes) -> None:
        """Copy a request that was answered well, if chance picks it. `prediction_id` is that of the answer."""
        if self.share_bp < WHOLE and random.random() * WHOLE >= self.share_bp:  # noqa: S311 - shares, not secrets
            return
        size = len(exchange.body) + len(answer)
        if len(self._waiting) >= MOST_WAITING or self._bytes + size > MOST_BYTES:
            self._counts["dropped"] += 1
            return
        self._waiting.append((exchange, content_type, answer, prediction_id))
        self._bytes += size
        if len(self._tasks) < MOST_AT_ONCE:
            task = asyncio.get_running_loop().create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        while self._waiting:
            exchange, content_type, answer, prediction_id = self._waiting.popleft()
            self._bytes -= len(exchange.body) + len(answer)
            self._counts["n"] += 1
            try:
                response = await self._forwarder.predict(exchange, DEADLINE_SECONDS, b"%b: %b\r\n" % (COPY, prediction_id))
                if response.status != 200:
                    raise UnreachableError(f"{self.release} answered {response.status}.")
                if content_type == JSON and response.headers.get(b"content-type") == JSON:
                    rows, labels, largest = compare(msgspec.json.decode(answer), msgspec.json.decode(response.body))
                    self._counts["rows"] += rows
                    self._counts["labels"] += labels
                    self._counts["largest"] = max(self._counts["largest"], largest)
            except (UnreachableError, ValueError, LookupError, TypeError, AttributeError):  # no answer, or none that can be compared
                self._counts["failed"] += 1

    def close(self) -> None:
        """Drop what waits and let go of what is under way."""
        self._counts["dropped"] += len(self._waiting)
        self._waiting.clear()
        self._forwarder.give_up()


def compare(given: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[int, int, float]:
    """Rows compared, rows with another label, and the largest difference of a score, of two answers to one request.

    >>> compare({"predictions": [{"label": "a", "score": 0.75}]}, {"predictions": [{"label": "b", "score": 0.5}]})
    (1, 1, 0.25)

    Open Inference Protocol: tensors of text are labels, "scores" are scores, or all other numbers where there is no such tensor. Raises
    ValueError for two answers of another shape.
    """
    if "predictions" in given:
        pairs = list(zip(given["predictions"], other["predictions"], strict=True))
        labels = sum(one["label"] != two["label"] for one, two in pairs)
        return len(pairs), labels, max((abs(one["score"] - two["score"]) for one, two in pairs), default=0.0)
    rows, labels, largest = 0, 0, 0.0
    theirs = {tensor["name"]: tensor for tensor in other["outputs"]}
    for tensor in given["outputs"]:
        numbers = list(zip(_flat(tensor["data"]), _flat(theirs[tensor["name"]]["data"]), strict=True))
        rows = max(rows, tensor["shape"][0])
        if tensor["datatype"] == "BYTES":
            labels += sum(one != two for one, two in numbers)
        elif tensor["name"] == "scores" or "scores" not in theirs:
            largest = max(largest, max((abs(one - two) for one, two in numbers), default=0.0))
    return rows, labels, largest


def _flat(data: Sequence[Any]) -> list[Any]:
    return [value for part in data for value in (_flat(part) if isinstance(part, list) else (part,))]
