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
5. A request that names a version is answered by that release or refused, and booked under epoch 0: no table assigned it, so no judge
   counts it.
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
from gonogo.service.answering.arms import Arms
from gonogo.service.answering.asks import NamedAsk, OwnAsk, PlainAsk
from gonogo.service.answering.batching import Batcher, Seen
from gonogo.service.answering.endpoints import endpoints, infer_path
from gonogo.service.answering.loading import Served
from gonogo.service.answering.shadow import COPY, Shadow, no_counts
from gonogo.service.answering.sticky import Exposure, Sticky
from gonogo.service.answering.versions import HEADER, asked_version, named_in_path
from gonogo.service.breaker import Breaker, BreakerRule
from gonogo.service.codec import Codec
from gonogo.service.counters import Counters
from gonogo.service.door.exchange import Exchange
from gonogo.service.door.trace import identify
from gonogo.service.pages.site import Pages
from gonogo.service.routing import WHOLE, Arm, RoutingTable
from gonogo.service.upward import Upward
from gonogo.service.wire import RequestRefused

Tripped = Callable[[str, int, str], None]
ROLES = {b"/load": "operator"}  #: what it takes to ask, where being a reader is not enough


class Admission(Protocol):
    """Who may do what."""

    def put(self, access: Mapping[str, Any]) -> None:
        """Judge by `access`, the content of the key file, from now on."""

    def admit(self, exchange: Exchange, role: str) -> bool:
        """May the caller do what takes this role? False when not: then the exchange is answered."""


@dataclass(frozen=True)
class Rules:
    """Times in seconds. `stable_deadline` is how long a worker waits for a release when nobody else can answer."""

    arm_deadline: float = 0.5
    stable_deadline: float = 10.0
    most_rows: int = 1000
    breaker: BreakerRule = field(default_factory=BreakerRule)

    @classmethod
    def from_settings(cls) -> Rules:
        return cls(
            arm_deadline=settings.number("arm_deadline"),
            most_rows=int(settings.number("request_rows")),
            breaker=BreakerRule.from_settings(),
        )


class Answering:
    """The answers of one worker. `take_over` puts a table in force; `public`, `private` and `trial` handle exchanges of the listeners."""

    def __init__(
        self,
        served: Served,
        counters: Counters,
        *,
        rules: Rules,
        upward: Upward,
        admission: Admission | None = None,
        on_tripped: Tripped = lambda release, epoch, reason: None,
        on_computed: Seen | None = None,
        on_exposure: Exposure = lambda key, epoch, release: None,
        on_fault: Callable[[BaseException], None],
    ) -> None:
        self.served = served
        self.counters = counters
        self.rules = rules
        self.upward = upward
        self.admission = admission
        self.table: RoutingTable | None = None
        self.view: Mapping[str, Any] = {}  #: what runs: {"releases": {reference: {socket, ready, size, digest}}, "stable": reference}
        self.batcher = Batcher(served, seen=on_computed or counters.see, on_fault=on_fault)
        self.endpoints = endpoints(served, rules.most_rows)
        self.on_fault = on_fault
        self.own_headers = f"x-gonogo-release: {served.release}\r\n".encode()
        self.epoch = 0
        self.own_bad_leaves = False  #: this release is not the stable one: its bad answers are answered by the stable arm
        self.shadow: Shadow | None = None
        self._own_name = served.release.encode()
        self._system = served.release.partition("@")[0]
        self._arms = Arms(self)
        self._pages = Pages(self)
        self._sticky = Sticky(os.urandom(32), on_exposure)
        self._on_tripped = on_tripped
        self._breakers: dict[str, Breaker] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        # An iterator that is all C: one id for every request.
        self.next_id: Callable[[], str] = map(f"{os.urandom(6).hex()}-%x".__mod__, itertools.count(1)).__next__
        self._whole = True  #: every request is this release's own
        self._sticky_header = b""

    # ---- the table

    def take_over(self, table: RoutingTable, secret: bytes = b"") -> None:
        """Route by `table` from the next request on. A table seen before keeps the arms that tripped under it. `secret` is what keys of
        sticky callers are hashed with, the same in every process of the service."""
        if self.table is not None and table.epoch == self.table.epoch:
            for release in self.table.tripped:
                if release != table.stable and table.arm(release) is not None:
                    table = table.without(release)
        else:
            self._breakers.clear()
        self.table = table
        self.epoch = table.epoch
        self._whole = table.weight(self.served.release) == WHOLE
        self.own_bad_leaves = table.stable != self.served.release
        self._sticky_header = table.sticky.encode()
        self._sticky.secret = secret or self._sticky.secret
        self._arms.keep((arm.socket, arm.release) for arm in table.arms)
        self._cast_shadow(table)

    def _cast_shadow(self, table: RoutingTable) -> None:
        wanted, present = table.shadow, self.shadow
        if wanted is not None and wanted.socket and wanted.release != self.served.release:
            if present is not None and (present.release, present.socket) == (wanted.release, wanted.socket):
                present.share_bp = wanted.share_bp
                return
            counts = self.counters.shadow.setdefault(wanted.release, no_counts())
            self.shadow = Shadow(wanted.release, wanted.socket, wanted.share_bp, counts)
        else:
            self.shadow = None
        if present is not None:
            present.close()

    def _trip(self, release: str, epoch: int, reason: str) -> None:
        table = self.table
        if table is None or table.epoch != epoch or release in table.tripped:
            return
        self.take_over(table.without(release))
        self._arms.give_up(release)
        self._on_tripped(release, epoch, reason)

    # ---- the doors

    def public(self, exchange: Exchange) -> None:
        if b"x-request-id" in exchange.headers or b"traceparent" in exchange.headers:
            identify(exchange)
        target = exchange.target
        codec = self.endpoints.get(target)
        role = "reader" if codec is not None else ROLES.get(exchange.path, "reader")
        if self.admission is not None and not self.admission.admit(exchange, role):
            return
        codec = codec or self._codec(exchange)
        table = self.table
        if codec is None or exchange.method != b"POST":
            self._other(exchange, codec)
        elif b"?" in target and self._pages.explains(exchange, codec):
            return
        elif HEADER in exchange.headers or b"/versions/" in target:
            self._named(exchange, codec)
        elif table is None:
            self.refuse(exchange, codec, 503, "This service has no routes yet.")
        elif self._whole:
            self.batcher.add(OwnAsk(self, exchange, codec))
        else:
            arm = self._choose(table, exchange)
            if arm.release == self.served.release:
                self.batcher.add(OwnAsk(self, exchange, codec))
            else:
                self._start(self._arms.forward(exchange, codec, table, arm.release))

    def private(self, exchange: Exchange) -> None:
        """The Unix socket: this release answers what was assigned to it."""
        codec = self.endpoints.get(exchange.path)
        if codec is None or exchange.method != b"POST":
            self._other(exchange, codec)
        elif exchange.headers.get(b"x-gonogo-assigned", self._own_name) != self._own_name:
            self.refuse(exchange, codec, 421, "This request was assigned to another release.")
        elif b"?" in exchange.target and self._pages.explains(exchange, codec, books=False):
            return
        else:
            ask = PlainAsk(self, exchange, codec)
            copied = exchange.headers.get(COPY)
            if copied is not None:  # what is logged can be told from an answer that somebody got, and finds that answer's label
                ask.prediction_id = f"shadow-{copied.decode('ascii', 'replace') or ask.prediction_id}"
            self.batcher.add(ask)

    def trial(self, exchange: Exchange) -> None:
        """The listener of a process that serves one release alone: it answers, and is counted under epoch 0."""
        codec = self.endpoints.get(exchange.path)
        if codec is None or exchange.method != b"POST":
            self._other(exchange, codec)
        elif b"?" in exchange.target and self._pages.explains(exchange, codec):
            return
        else:
            self.batcher.add(OwnAsk(self, exchange, codec))

    def _codec(self, exchange: Exchange) -> Codec | None:
        """The codec of an address, whatever its query."""
        path = exchange.path
        codec = self.endpoints.get(path)
        if codec is None and named_in_path(path, self._system):  # a version other than our own
            return self.endpoints.get(infer_path(self._system).encode())
        return codec

    def _other(self, exchange: Exchange, codec: Codec | None) -> None:
        if codec is None:
            self._pages.answer(exchange)
        else:
            self.refuse(exchange, codec, 405, "Predictions are asked for with POST.", b"allow: POST\r\n")

    # ---- which release

    def _choose(self, table: RoutingTable, exchange: Exchange) -> Arm:
        if self._sticky_header:
            value = exchange.headers.get(self._sticky_header)
            if value:
                return self._sticky.choose(table, value)
        return table.choose(int(random.random() * WHOLE))  # noqa: S311 - shares, not secrets

    def _named(self, exchange: Exchange, codec: Codec) -> None:
        """Rule 5."""
        try:
            release = f"{self._system}@{asked_version(exchange, self._system)}"
        except RequestRefused as refusal:
            self.refuse(exchange, codec, refusal.status, refusal.detail)
            return
        if release == self.served.release:
            self.batcher.add(NamedAsk(self, exchange, codec))
            return
        runs = self.view.get("releases", {}).get(release)
        if runs is None:
            here = ", ".join(sorted({self.served.release, *self.view.get("releases", {})}))
            self.refuse(exchange, codec, 404, f"{release} is not in service here; in service: {here}.")
        elif not runs["ready"]:
            self.refuse(exchange, codec, 409, f"{release} is not ready.", b"retry-after: 1\r\n")
        else:
            self._start(self._arms.named(exchange, codec, release, runs["socket"]))

    # ---- what all of them need

    def book(self, exchange: Exchange, epoch: int, release: str, status: int, *, bad: bool) -> None:
        self.counters.book((epoch, release, status, bad, time.perf_counter() - exchange.started))
        table = self.table
        if table is not None and table.epoch == epoch and release != table.stable:
            breaker = self._breakers.get(release)
            if breaker is None:
                breaker = self._breakers[release] = Breaker(self.rules.breaker)
            if breaker.book(time.monotonic(), bad=bad):
                self._trip(release, epoch, breaker.reason)

    def refuse(self, exchange: Exchange, codec: Codec, status: int, detail: str, headers: bytes = b"") -> None:
        """Answer a request for predictions with a problem, as its codec spells it."""
        _, content_type, body = codec.refuse(RequestRefused(status, detail))
        headers = b"%b%bx-gonogo-prediction-id: %b\r\n" % (self.own_headers, headers, self.next_id().encode())
        exchange.answer(status, body, content_type=content_type, headers=headers)

    def own_bad(self, ask: OwnAsk) -> bool:
        """Take over an answer of our own that is bad, when another arm is the stable one. False when the answer must stand."""
        table = self.table
        if table is None or table.stable == self.served.release:
            return False
        self._start(self._arms.answer_for(ask.exchange, ask.codec, table, self.served.release))
        return True

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
