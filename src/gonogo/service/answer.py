"""What happens to a request: which arm it belongs to, who answers it, and on whom it is booked.

    public ──▶ choose an arm by weight ──own──▶ batch ──good──────────────────────────▶ answer
                     │                            └──bad──▶ (stable) 500 │ (not) ask the stable arm
                     └──other──▶ forward ──good──▶ answer
                                    ├──4xx──▶ the stable arm judges: it accepts ⇒ bad of the arm; it refuses too ⇒ not
                                    └──late, lost, 5xx, foreign──▶ booked bad, answered by the stable arm

Rules it keeps:

1. Every request is answered once, names the release that answered and a prediction id, and is booked once: on the arm it was assigned
   to, under the epoch that assigned it.
2. The stable arm answers what another arm cannot; a hung arm costs a request one deadline.
3. An arm that breaks the breaker's rule gets nothing more from this worker, at once, and what it has in hand is taken from it.
4. What arrives on the Unix socket was assigned by somebody else: it is answered here, never forwarded, never booked.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from gonogo import settings
from gonogo.errors import UnreachableError
from gonogo.service.batching import Batcher
from gonogo.service.breaker import Breaker, BreakerRule
from gonogo.service.client import Response
from gonogo.service.codec import Codec
from gonogo.service.counters import Counters
from gonogo.service.endpoints import endpoints
from gonogo.service.exchange import Exchange
from gonogo.service.forward import Forwarder
from gonogo.service.loading import Served
from gonogo.service.pages.site import Pages
from gonogo.service.routing import WHOLE, RoutingTable
from gonogo.service.trace import identify
from gonogo.service.upward import Upward
from gonogo.service.wire import JSON, PROBLEM

Tripped = Callable[[str, int, str], None]


class Admission(Protocol):
    """Who may do what."""

    def put(self, access: Mapping[str, Any]) -> None:
        """Judge by `access`, the content of the key file, from now on."""

    def admit(self, exchange: Exchange, role: str) -> bool:
        """May the caller do what takes this role? False when not: then the exchange is answered."""


@dataclass(frozen=True)
class Rules:
    """Times in seconds. `stable_deadline` is how long a leaving worker waits for the stable arm: nobody else can answer."""

    arm_deadline: float = 0.5
    stable_deadline: float = 10.0
    most_rows: int = 1000
    breaker: BreakerRule = field(default_factory=BreakerRule)

    @classmethod
    def from_settings(cls) -> Rules:
        return cls(
            arm_deadline=settings.number("arm_deadline"),
            most_rows=int(settings.number("request_rows")),
            breaker=BreakerRule(
                int(settings.number("breaker_requests")), settings.number("breaker_window"), settings.number("breaker_share")
            ),
        )


class Answering:
    """The answers of one worker. `take_over` puts a table in force; `public` and `private` handle exchanges of the two listeners."""

    def __init__(
        self,
        served: Served,
        counters: Counters,
        *,
        rules: Rules,
        upward: Upward,
        admission: Admission | None = None,
        on_tripped: Tripped = lambda release, epoch, reason: None,
        on_fault: Callable[[BaseException], None],
    ) -> None:
        self.served = served
        self.counters = counters
        self.rules = rules
        self.upward = upward
        self.admission = admission
        self.table: RoutingTable | None = None
        self.view: Mapping[str, Any] = {}  #: what runs: {"releases": {reference: {socket, ready, size, digest}}, "stable": reference}
        self.batcher = Batcher(served, seen=counters.see, on_fault=on_fault)
        self.endpoints = endpoints(served, rules.most_rows)
        self.on_fault = on_fault
        self._own_name = served.release.encode()
        self.own_headers = f"x-gonogo-release: {served.release}\r\n".encode()
        self._pages = Pages(self)
        self._on_tripped = on_tripped
        self._breakers: dict[str, Breaker] = {}
        self._forwarders: dict[tuple[str, str], Forwarder] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._id_prefix = os.urandom(6).hex() + "-"
        self._id_numbers = itertools.count(1)
        self._epoch = 0
        self._whole = True  #: every request is this release's own
        self._own_bad_leaves = False  #: this release is not the stable one: its bad answers are answered by the stable arm

    # ---- the table

    def take_over(self, table: RoutingTable) -> None:
        """Route by `table` from the next request on. A table seen before keeps the arms that tripped under it."""
        if self.table is not None and table.epoch == self.table.epoch:
            for release in self.table.tripped:
                if release != table.stable and table.arm(release) is not None:
                    table = table.without(release)
        else:
            self._breakers.clear()
        self.table = table
        self._epoch = table.epoch
        self._whole = table.weight(self.served.release) == WHOLE
        self._own_bad_leaves = table.stable != self.served.release
        live = {(arm.socket, arm.release) for arm in table.arms if arm.socket}
        for place in [place for place in self._forwarders if place not in live]:
            self._forwarders.pop(place).close()

    def _trip(self, release: str, epoch: int, reason: str) -> None:
        table = self.table
        if table is None or table.epoch != epoch or release in table.tripped:
            return
        self.take_over(table.without(release))
        for (_, name), forwarder in self._forwarders.items():
            if name == release:
                forwarder.give_up()
        self._on_tripped(release, epoch, reason)

    # ---- the two doors

    def public(self, exchange: Exchange) -> None:
        if b"x-request-id" in exchange.headers or b"traceparent" in exchange.headers:
            identify(exchange)
        if self.admission is not None and not self.admission.admit(exchange, "reader"):
            return
        self._admitted(exchange)

    def _admitted(self, exchange: Exchange) -> None:
        codec = self.endpoints.get(exchange.target)
        if codec is None or exchange.method != b"POST":
            self._other(exchange, self._admitted)
            return
        table = self.table
        if table is None:
            self._say(exchange, 503, "This service has no routes yet.")
        elif self._whole:
            self.batcher.add(_OwnAsk(self, exchange, codec))
        else:
            arm = table.choose(int(random.random() * WHOLE))  # noqa: S311 - shares, not secrets
            if arm.release == self.served.release:
                self.batcher.add(_OwnAsk(self, exchange, codec))
            else:
                self._start(self._forward(exchange, codec, table, arm.release))

    def private(self, exchange: Exchange) -> None:
        """The Unix socket: this release answers what was assigned to it."""
        codec = self.endpoints.get(exchange.target)
        if codec is None or exchange.method != b"POST":
            self._other(exchange, self.private)
        elif exchange.headers.get(b"x-gonogo-assigned", self._own_name) != self._own_name:
            self._say(exchange, 421, "This request was assigned to another release.")
        else:
            self.batcher.add(_PlainAsk(self, exchange, codec))

    def trial(self, exchange: Exchange) -> None:
        """A trial's listener: this release answers, and is counted under epoch 0."""
        codec = self.endpoints.get(exchange.target)
        if codec is None or exchange.method != b"POST":
            self._other(exchange, self.trial)
        else:
            self.batcher.add(_OwnAsk(self, exchange, codec))

    def _other(self, exchange: Exchange, door: Callable[[Exchange], None]) -> None:
        path = exchange.path
        if path in self.endpoints:
            if exchange.method == b"POST":  # with a query string, which means nothing here
                exchange.target = path
                door(exchange)
            else:
                self._say(exchange, 405, "Predictions are asked for with POST.", b"allow: POST\r\n")
            return
        self._pages.answer(exchange)

    # ---- forwarding

    async def _forward(self, exchange: Exchange, codec: Codec, table: RoutingTable, release: str) -> None:
        """Have the assigned arm answer, or the stable one for it."""
        if release == table.stable:
            await self._by_stable(exchange, table, release, booked_bad=False)
            return
        try:
            response = await self._ask(table, release, exchange.body, self.rules.arm_deadline)
        except UnreachableError:
            await self._answer_for(exchange, codec, table, release)
            return
        if response.status == 200:
            self._book(exchange, table.epoch, release, 200, bad=False)
            self._pass_on(exchange, response, release)
        elif 400 <= response.status < 500 and table.stable == self.served.release:
            # Is the request at fault, or the arm? The stable arm would know.
            self.batcher.add(_SecondOpinion(self, exchange, codec, table, release))
        else:
            await self._answer_for(exchange, codec, table, release)

    async def _answer_for(self, exchange: Exchange, codec: Codec, table: RoutingTable, release: str) -> None:
        """The assigned arm has failed: book it, and answer by the stable arm."""
        self._book(exchange, table.epoch, release, 500, bad=True)
        if self.table is not None and self.table.stable == self.served.release:
            self.batcher.add(_PlainAsk(self, exchange, codec))
        else:
            await self._by_stable(exchange, self.table or table, release, booked_bad=True)

    async def _by_stable(self, exchange: Exchange, table: RoutingTable, assigned: str, *, booked_bad: bool) -> None:
        # A prediction changes nothing, so it may be asked twice; a second try finds the process that replaced a dead one.
        for attempt in (1, 2):
            try:
                response = await self._ask(table, table.stable, exchange.body, self.rules.stable_deadline / 2)
            except UnreachableError as error:
                if attempt == 2:
                    self.on_fault(error)
                    if not booked_bad:
                        self._book(exchange, table.epoch, assigned, 503, bad=True)
                    self._say(exchange, 503, "The stable release does not answer.", b"retry-after: 1\r\n")
                continue
            if not booked_bad:
                self._book(exchange, table.epoch, assigned, response.status, bad=response.status >= 500)
            self._pass_on(exchange, response, table.stable)
            return

    async def _ask(self, table: RoutingTable, release: str, body: bytes, deadline: float) -> Response:
        arm = table.arm(release)
        if arm is None or arm.socket is None:
            raise UnreachableError(f"{release} has no socket in the routing table.")
        forwarder = self._forwarders.get((arm.socket, release))
        if forwarder is None:
            forwarder = self._forwarders[arm.socket, release] = Forwarder(arm.socket, release)
        return await forwarder.predict(body, deadline)

    def _pass_on(self, exchange: Exchange, response: Response, release: str) -> None:
        headers = f"x-gonogo-release: {release}\r\n".encode()
        prediction_id = response.headers.get(b"x-gonogo-prediction-id")
        if prediction_id:
            headers += b"x-gonogo-prediction-id: %b\r\n" % prediction_id
        content_type = JSON if response.status == 200 else PROBLEM
        exchange.answer(response.status, response.body, content_type=content_type, headers=headers)

    # ---- what all of them need

    def next_id(self) -> str:
        return f"{self._id_prefix}{next(self._id_numbers):x}"

    def _book(self, exchange: Exchange, epoch: int, release: str, status: int, *, bad: bool) -> None:
        self.counters.book((epoch, release, status, bad, time.perf_counter() - exchange.started))
        table = self.table
        if table is not None and table.epoch == epoch and release != table.stable:
            breaker = self._breakers.get(release)
            if breaker is None:
                breaker = self._breakers[release] = Breaker(self.rules.breaker)
            if breaker.book(time.monotonic(), bad=bad):
                self._trip(release, epoch, breaker.reason)

    def _say(self, exchange: Exchange, status: int, detail: str, headers: bytes = b"") -> None:
        if exchange.path == b"/predict":
            headers += f"x-gonogo-prediction-id: {self.next_id()}\r\n".encode()
        exchange.problem(status, detail, headers=self.own_headers + headers)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def own_bad(self, ask: _OwnAsk) -> bool:
        """Take over an answer of our own that is bad, when another arm is the stable one. False when the answer must stand."""
        table = self.table
        if table is None or table.stable == self.served.release:
            return False
        self._start(self._answer_for(ask.exchange, ask.codec, table, self.served.release))
        return True


class _PlainAsk:
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


class _OwnAsk(_PlainAsk):
    """Assigned to this release by this worker."""

    __slots__ = ("epoch",)

    def __init__(self, answering: Answering, exchange: Exchange, codec: Codec) -> None:
        super().__init__(answering, exchange, codec)
        self.epoch = answering._epoch

    def deliver(self, status: int, content_type: bytes, body: bytes, bad: bool) -> None:
        answering = self.answering
        if answering._own_bad_leaves:
            if bad and answering.own_bad(self):
                return
            answering._book(self.exchange, self.epoch, answering.served.release, status, bad=bad)
        else:
            answering.counters.book((self.epoch, answering.served.release, status, bad, time.perf_counter() - self.exchange.started))
        super().deliver(status, content_type, body, bad)


class _SecondOpinion(_PlainAsk):
    """Refused by the assigned arm with a 4xx: the stable arm's answer tells whether the request or the arm was at fault."""

    __slots__ = ("release", "table")

    def __init__(self, answering: Answering, exchange: Exchange, codec: Codec, table: RoutingTable, release: str) -> None:
        super().__init__(answering, exchange, codec)
        self.table = table
        self.release = release

    def deliver(self, status: int, content_type: bytes, body: bytes, bad: bool) -> None:
        self.answering._book(self.exchange, self.table.epoch, self.release, status, bad=status == 200)
        super().deliver(status, content_type, body, bad)
