"""Tick batching: all requests that one turn of the event loop has read are computed in one call of the model.

No timer, so a lone request waits for nobody. Rules it keeps:

1. Every request that was added gets exactly one reply, whatever the model, the encoder or our own code does.
2. A request is harmed by its own rows only: requests with values that cannot be used are refused and the others computed; a call that
   fails is done again request by request. A request is answered whole: one bad row of its own fails all of it.
3. A score that is NaN, infinite or no probability is never sent; the request's reply is a 500, marked bad.
4. A turn computes at most `ModelCalls.most_rows` rows (or one request's, if it has more), then the loop gets its turn.
5. What waits is bounded in requests, bytes and time, and nothing is computed for a client that has gone.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple, Protocol

import numpy as np

from gonogo import settings
from gonogo.model.encode import RowErrors, encoder_for
from gonogo.model.packing import Doubt
from gonogo.model.predict import NOTHING, Also, labels
from gonogo.model.runtime import Array
from gonogo.service.answering.loading import Served
from gonogo.service.answering.model_calls import ModelCalls, Outcome, OutOfTime
from gonogo.service.codec import Asked, Codec, arrays_of, refused_rows
from gonogo.service.door.exchange import Exchange
from gonogo.service.wire import RequestRefused, problem

MOST_WAITING = 8192  #: requests; beyond it the answer is "come back later"
MOST_BYTES = 384 << 20  #: of bodies that wait: a hundred images of 3 x 224 x 224 as JSON, with all digits
TURN_BYTES = 8 << 20  #: of bodies that one turn reads, after which others than predictions have theirs


class Computed(NamedTuple):
    """What one call of the model computed: arrays by graph input, float64 scores [rows, classes], prediction ids, the rows of each, and
    what the schema has beside the scores."""

    batch: dict[str, Array]
    scores: Array
    ids: Sequence[str]
    rows: Sequence[int]
    also: Also = NOTHING


Seen = Callable[[Computed], None]


class Ask(Protocol):
    """A request as the batcher sees it."""

    prediction_id: str
    exchange: Exchange
    codec: Codec

    def deliver(self, status: int, content_type: bytes, body: bytes, bad: bool) -> None:
        """Take the reply. `bad` means that the release is at fault, not the request."""


class _Group(NamedTuple):
    """Requests that are computed together, and what they ask for."""

    asks: Sequence[Ask]
    wanted: Sequence[Asked]


class Batcher:
    """Computes requests with one release. `seen` is told what was computed well."""

    def __init__(self, served: Served, *, seen: Seen, on_fault: Callable[[BaseException], None]) -> None:
        self._schema = served.schema
        self._encoder = encoder_for(served.schema)
        self._seconds = settings.number("model_seconds")
        self._calls = ModelCalls(served, self._seconds)
        self._seen = seen
        self._on_fault = on_fault
        self._waiting: deque[Ask] = deque()
        self._bytes = 0  #: of the bodies that wait
        self._again: deque[_Group] = deque()  #: of calls that failed, each request alone
        self._scheduled = False
        self._crowded = False  #: some have waited for longer than a turn

    def add(self, ask: Ask) -> None:
        """Compute with the next batch."""
        if len(self._waiting) >= MOST_WAITING or self._bytes > MOST_BYTES:
            self._turn_away(ask, "Too many requests are waiting")
            return
        self._waiting.append(ask)
        self._bytes += len(ask.exchange.body)
        if not self._scheduled:
            self._schedule()

    def _schedule(self) -> None:
        if (self._waiting or self._again) and not self._scheduled and not self._calls.busy:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        try:
            group = self._again.popleft() if self._again else self._gather()
            group = self._in_time(group) if self._crowded else group
            if group.asks:
                self._compute(group)
        finally:
            self._crowded = bool(self._waiting or self._again)
            self._schedule()

    def _gather(self) -> _Group:
        """Read waiting requests, as many as one call may have; what cannot be read is refused."""
        asks: list[Ask] = []
        wanted: list[Asked] = []
        count = size = 0
        waiting, most = self._waiting, self._calls.most_rows
        while waiting and count < most and size < TURN_BYTES:
            ask = waiting.popleft()
            exchange = ask.exchange
            self._bytes -= len(exchange.body)
            size += len(exchange.body)
            try:
                asked = ask.codec.read(exchange)
            except RequestRefused as refusal:
                self._refuse(ask, refusal)
                continue
            except Exception as error:  # the boundary: whatever a codec does, the request is answered
                self._fail(ask, error)
                continue
            asks.append(ask)
            wanted.append(asked)
            count += asked.rows
        return _Group(asks, wanted)

    def _in_time(self, group: _Group) -> _Group:
        """The requests that somebody still waits for."""
        now = time.perf_counter()
        kept: list[int] = []
        for number, ask in enumerate(group.asks):
            if ask.exchange.gone:
                self._refuse(ask, RequestRefused(408, "The client has gone."))
            elif now - ask.exchange.started > self._seconds:
                self._turn_away(ask, "The request has waited for too long")
            else:
                kept.append(number)
        return _Group([group.asks[number] for number in kept], [group.wanted[number] for number in kept])

    def _compute(self, group: _Group) -> None:
        try:
            group, batch = self._batch(group)
        except Exception as error:  # the boundary: as above
            for ask in group.asks:
                self._fail(ask, error)
            return
        if not group.asks:
            return
        calls = self._calls
        if calls.on_loop:
            self._settle(group, batch, calls.now(batch))
            return
        left = self._seconds - (time.perf_counter() - group.asks[0].exchange.started)
        # Half of it, when some are to be computed alone after this call: who hangs must not take their time too.
        seconds = left / 2 if len(group.asks) > 1 or self._again else left
        calls.later(batch, seconds, lambda outcome: self._back(group, batch, outcome))

    def _back(self, group: _Group, batch: dict[str, Array], outcome: Outcome) -> None:
        self._crowded = True
        try:
            self._settle(group, batch, outcome)
        finally:
            self._schedule()

    def _batch(self, group: _Group) -> tuple[_Group, dict[str, Array]]:
        """All rows as one batch; requests with values that cannot be used are refused and left out."""
        wanted = group.wanted
        if len(wanted) == 1 and wanted[0].arrays is not None:
            return group, wanted[0].arrays
        records: list[Sequence[object]] = []
        for part in wanted:
            if part.records is None:
                break
            records += part.records
        else:
            try:
                return group, self._encoder.packer.pack(records)
            except Doubt:
                pass  # part by part below, so that only the one at fault is refused
        kept: list[int] = []
        parts: list[dict[str, Array]] = []
        for number, part in enumerate(wanted):
            try:
                parts.append(arrays_of(self._encoder, part))
            except RowErrors as error:
                self._refuse(group.asks[number], refused_rows(error))
            else:
                kept.append(number)
        group = _Group([group.asks[number] for number in kept], [wanted[number] for number in kept])
        return group, {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else {}

    def _settle(self, group: _Group, batch: dict[str, Array], outcome: Outcome) -> None:
        """Reply to all if all went well; else those that are not at fault are computed again, and one that was alone has failed."""
        asks, wanted = group
        try:
            if isinstance(outcome, Exception):
                raise outcome
            values, also = outcome
            names = labels(self._schema, values)
            plain: list[list[float]] = values.tolist()
            written: list[tuple[bytes, bytes]] = []
            start = 0
            for ask, part in zip(asks, wanted, strict=True):
                end = start + part.rows
                if also:
                    beside = {name: one[start:end] for name, one in also.items()}
                    written.append(part.codec.write(part, ask.prediction_id, names[start:end], plain[start:end], beside))
                else:
                    written.append(part.codec.write(part, ask.prediction_id, names[start:end], plain[start:end]))
                start = end
        except Exception as error:  # the boundary: whatever the model does, every request is answered
            if isinstance(error, RowErrors) and (len(asks) == 1 or error.total == len(error.errors)):
                self._refuse_rows(group, error)  # by the model's pipeline: the requests are at fault, not the release
            elif len(asks) > 1:
                self._again.extend(_Group([ask], [part]) for ask, part in zip(asks, wanted, strict=True))
            else:
                self._fail(asks[0], error)
            return
        try:
            self._seen(Computed(batch, values, [ask.prediction_id for ask in asks], [part.rows for part in wanted], also))
        except Exception as error:  # monitoring must not keep anybody from an answer
            self._on_fault(error)
        for ask, (content_type, body) in zip(asks, written, strict=True):
            try:
                ask.deliver(200, content_type, body, False)
            except Exception as error:  # one connection's trouble must not keep the others from their replies
                self._on_fault(error)

    def _refuse_rows(self, group: _Group, error: RowErrors) -> None:
        """Refuse the requests that have values which the pipeline refuses; the others are computed again, together."""
        asks, wanted = group
        first = [0, *accumulate(part.rows for part in wanted)]
        bad: dict[int, list[dict[str, Any]]] = {}
        for one in error.errors:
            number = bisect_right(first, one["row"]) - 1
            bad.setdefault(number, []).append({**one, "row": one["row"] - first[number]})
        for number, errors in bad.items():
            self._refuse(asks[number], refused_rows(error if len(asks) == 1 else RowErrors(errors, len(errors))))
        good = [number for number in range(len(asks)) if number not in bad]
        if good:
            self._again.append(_Group([asks[number] for number in good], [wanted[number] for number in good]))

    # ---- replies that are no predictions

    def _refuse(self, ask: Ask, refusal: RequestRefused, *, bad: bool = False) -> None:
        try:
            reply = ask.codec.refuse(refusal)
        except Exception as error:  # the boundary: whatever a codec does, the request is answered
            self._on_fault(error)
            reply = (500, *problem(500, "The request could not be answered."))
        try:
            ask.deliver(*reply, bad)
        except Exception as error:  # one connection's trouble, as above
            self._on_fault(error)

    def _turn_away(self, ask: Ask, why: str) -> None:
        ask.exchange.reply_headers += b"retry-after: 1\r\n"
        self._refuse(ask, RequestRefused(503, f"{why}; try again in a second."), bad=True)

    def _fail(self, ask: Ask, error: Exception) -> None:
        self._on_fault(error)
        if isinstance(error, OutOfTime):
            refusal = RequestRefused(504, f"The release did not answer within {self._seconds:g} s.")
        else:
            refusal = RequestRefused(500, "The release failed to compute this request.")
        self._refuse(ask, refusal, bad=True)
