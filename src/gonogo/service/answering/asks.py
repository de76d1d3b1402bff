"""Requests on their way through the batcher: what becomes of the reply, and on whom it is booked."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gonogo.service.codec import Codec
from gonogo.service.door.exchange import Exchange
from gonogo.service.routing import RoutingTable

if TYPE_CHECKING:
    from gonogo.service.answering.answer import Answering


_clock = time.perf_counter


class PlainAsk:
    """Answered by this release, booked by somebody else or already."""

    __slots__ = ("answering", "codec", "exchange", "prediction_id")

    def __init__(self, answering: Answering, exchange: Exchange, codec: Codec) -> None:
        self.answering = answering
        self.exchange = exchange
        self.codec = codec
        self.prediction_id = answering.next_id()

    def deliver(self, status: int, content_type: bytes, body: bytes, bad: bool) -> None:
        headers = b"%bx-gonogo-prediction-id: %b\r\n" % (self.answering.own_headers, self.prediction_id.encode())
        self.exchange.answer(status, body, content_type=content_type, headers=headers)


class OwnAsk(PlainAsk):
    """Assigned to this release by this worker."""

    __slots__ = ("epoch",)

    # Most requests are of this kind: what PlainAsk does is written out.

    def __init__(self, answering: Answering, exchange: Exchange, codec: Codec) -> None:
        self.answering = answering
        self.exchange = exchange
        self.codec = codec
        self.prediction_id = answering.next_id()
        self.epoch = answering.epoch

    def deliver(self, status: int, content_type: bytes, body: bytes, bad: bool) -> None:
        answering = self.answering
        exchange = self.exchange
        if answering.own_bad_leaves:
            if bad and answering.own_bad(self):
                return
            answering.book(exchange, self.epoch, answering.served.release, status, bad=bad)
        else:
            answering.counters.book((self.epoch, answering.served.release, status, bad, _clock() - exchange.started))
        headers = b"%bx-gonogo-prediction-id: %b\r\n" % (answering.own_headers, self.prediction_id.encode())
        exchange.answer(status, body, content_type=content_type, headers=headers)
        if answering.shadow is not None and status == 200:
            answering.shadow.offer(exchange, content_type, body, self.prediction_id.encode())


class NamedAsk(PlainAsk):
    """This release was asked for by its version: no table assigned the request, and no other release answers it."""

    __slots__ = ()

    def deliver(self, status: int, content_type: bytes, body: bytes, bad: bool) -> None:
        self.answering.book(self.exchange, 0, self.answering.served.release, status, bad=bad)
        super().deliver(status, content_type, body, bad)


class SecondOpinion(PlainAsk):
    """Refused by the assigned arm with a 4xx: the stable arm's answer tells whether the request or the arm was at fault."""

    __slots__ = ("release", "table")

    def __init__(self, answering: Answering, exchange: Exchange, codec: Codec, table: RoutingTable, release: str) -> None:
        super().__init__(answering, exchange, codec)
        self.table = table
        self.release = release

    def deliver(self, status: int, content_type: bytes, body: bytes, bad: bool) -> None:
        self.answering.book(self.exchange, self.table.epoch, self.release, status, bad=status == 200)
        super().deliver(status, content_type, body, bad)
