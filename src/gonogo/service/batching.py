"""Tick batching: all requests that one turn of the event loop has read are computed in one call of the model.

No timer, so a lone request waits for nobody. Rules it keeps:

1. Every request that was added gets exactly one reply, whatever the model, the encoder or our own code does.
2. A request is harmed by its own rows only: a batch that fails is done again request by request.
3. A score that is NaN, infinite or no probability is never sent; the request's reply is a 500, marked bad.
4. A turn computes at most `CALL_ROWS` rows (or one request's, if it has more), then the loop gets its turn.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from gonogo.errors import ModelError
from gonogo.model.encode import RowErrors, encoder_for
from gonogo.model.predict import labels, scores
from gonogo.model.runtime import Array
from gonogo.service.codec import Asked, Codec
from gonogo.service.exchange import Exchange
from gonogo.service.loading import Served
from gonogo.service.wire import RequestRefused

CALL_ROWS = 512
MOST_WAITING = 8192  #: requests; beyond it the answer is "come back later"
SLACK = 1e-6  #: float32 sums of probabilities end a little outside [0, 1]


class Computed(NamedTuple):
    """What one call of the model computed: arrays by graph input, float64 scores [rows, classes], prediction ids, and the rows of each."""

    batch: dict[str, Array]
    scores: Array
    ids: Sequence[str]
    rows: Sequence[int]


Seen = Callable[[Computed], None]


class Ask(Protocol):
    """A request as the batcher sees it."""

    prediction_id: str
    exchange: Exchange
    codec: Codec

    def deliver(self, status: int, content_type: bytes, body: bytes, bad: bool) -> None:
        """Take the reply. `bad` means that the release is at fault, not the request."""


class Batcher:
    """Computes requests with one release. `seen` is told what was computed well."""

    def __init__(self, served: Served, *, seen: Seen, on_fault: Callable[[BaseException], None]) -> None:
        self._served = served
        self._encode = encoder_for(served.schema).encode
        self._seen = seen
        self._on_fault = on_fault
        self._waiting: deque[Ask] = deque()
        self._scheduled = False

    def add(self, ask: Ask) -> None:
        """Compute with the next batch."""
        if len(self._waiting) >= MOST_WAITING:
            ask.deliver(*ask.codec.refuse(RequestRefused(503, "Too many requests are waiting; try again in a second.")), True)
            return
        self._waiting.append(ask)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        asks: list[Ask] = []
        wanted: list[Asked] = []
        count = 0
        waiting = self._waiting
        while waiting and count < CALL_ROWS:
            ask = waiting.popleft()
            try:
                asked = ask.codec.read(ask.exchange)
            except RequestRefused as refusal:
                self._refuse(ask, refusal)
                continue
            except Exception as error:
                self._fail(ask, error)
                continue
            asks.append(ask)
            wanted.append(asked)
            count += len(asked.rows)
        self._scheduled = bool(waiting)
        if waiting:
            asyncio.get_running_loop().call_soon(self._turn)
        if asks:
            self._answer(asks, wanted)

    def _answer(self, asks: Sequence[Ask], wanted: Sequence[Asked]) -> None:
        """Reply to all; together if all goes well, else each alone."""
        try:
            rows = wanted[0].rows if len(wanted) == 1 else [row for part in wanted for row in part.rows]
            batch = self._encode(rows)
            values = scores(self._served.schema, self._served.loaded, batch)
            if not sound(values):
                raise ModelError("the model's scores are no probabilities.")
            names = labels(self._served.schema, values)
            plain: list[list[float]] = values.tolist()
            written: list[tuple[bytes, bytes]] = []
            start = 0
            for ask, part in zip(asks, wanted, strict=True):
                end = start + len(part.rows)
                written.append(ask.codec.write(part, ask.prediction_id, names[start:end], plain[start:end]))
                start = end
            self._seen(Computed(batch, values, [ask.prediction_id for ask in asks], [len(part.rows) for part in wanted]))
        except Exception as error:  # the boundary: whatever the model does, every request is answered
            if len(asks) > 1:
                for ask, part in zip(asks, wanted, strict=True):
                    self._answer([ask], [part])
            elif isinstance(error, RowErrors):
                self._refuse(asks[0], RequestRefused(422, f"{len(error.errors)} value(s) cannot be used.", error.errors))
            else:
                self._fail(asks[0], error)
            return
        for ask, (content_type, body) in zip(asks, written, strict=True):
            self._deliver(ask, 200, content_type, body, False)

    def _refuse(self, ask: Ask, refusal: RequestRefused) -> None:
        self._deliver(ask, *ask.codec.refuse(refusal), False)

    def _fail(self, ask: Ask, error: Exception) -> None:
        self._on_fault(error)
        self._deliver(ask, *ask.codec.refuse(RequestRefused(500, "The release failed to compute this request.")), True)

    def _deliver(self, ask: Ask, status: int, content_type: bytes, body: bytes, bad: bool) -> None:
        try:
            ask.deliver(status, content_type, body, bad)
        except Exception as error:  # one connection's trouble must not keep the others from their replies
            self._on_fault(error)


def sound(values: Array) -> bool:
    """True when every score is a probability, up to rounding."""
    # NaN fails both comparisons.
    return bool(values.size) and bool(values.min() >= -SLACK) and bool(values.max() <= 1 + SLACK) and not bool(np.isnan(values).any())
