"""Requests that another release answers: the arm that a table assigned, the stable one in its place, a version that was asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gonogo.errors import UnreachableError
from gonogo.service.answering.asks import PlainAsk, SecondOpinion
from gonogo.service.answering.forward import Forwarder
from gonogo.service.client import Response
from gonogo.service.codec import Codec
from gonogo.service.door.exchange import Exchange
from gonogo.service.routing import RoutingTable
from gonogo.service.wire import JSON

if TYPE_CHECKING:
    from gonogo.service.answering.answer import Answering

_PASSED_ON = (b"x-gonogo-prediction-id", b"inference-header-content-length", b"retry-after")


class Arms:
    """The ways from one worker to the other releases."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._forwarders: dict[tuple[str, str], Forwarder] = {}

    def keep(self, places: Iterable[tuple[str | None, str]]) -> None:
        """Close the ways to all but these sockets and releases."""
        kept = set(places)
        for place in [place for place in self._forwarders if place not in kept]:
            self._forwarders.pop(place).close()

    def give_up(self, release: str) -> None:
        """Let go of everything that this release has in hand."""
        for (_, name), forwarder in self._forwarders.items():
            if name == release:
                forwarder.give_up()

    async def forward(self, exchange: Exchange, codec: Codec, table: RoutingTable, release: str) -> None:
        """Have the assigned arm answer, or the stable one for it."""
        answering = self._answering
        if release == table.stable:
            await self._by_stable(exchange, codec, table, release, booked_bad=False)
            return
        try:
            response = await self._by_table(exchange, table, release, answering.rules.arm_deadline)
        except UnreachableError:
            await self.answer_for(exchange, codec, table, release)
            return
        if response.status == 200:
            answering.book(exchange, table.epoch, release, 200, bad=False)
            self._pass_on(exchange, response, release)
        elif 400 <= response.status < 500 and table.stable == answering.served.release:
            # Is the request at fault, or the arm? The stable arm would know.
            answering.batcher.add(SecondOpinion(answering, exchange, codec, table, release))
        else:
            await self.answer_for(exchange, codec, table, release)

    async def answer_for(self, exchange: Exchange, codec: Codec, table: RoutingTable, release: str) -> None:
        """The assigned arm has failed: book it, and answer by the stable arm."""
        answering = self._answering
        answering.book(exchange, table.epoch, release, 500, bad=True)
        if answering.table is not None and answering.table.stable == answering.served.release:
            answering.batcher.add(PlainAsk(answering, exchange, codec))
        else:
            await self._by_stable(exchange, codec, answering.table or table, release, booked_bad=True)

    async def named(self, exchange: Exchange, codec: Codec, release: str, socket: str) -> None:
        """Have the release that was asked for answer, and no other one for it."""
        answering = self._answering
        try:
            response = await self._ask(exchange, socket, release, answering.rules.stable_deadline)
        except UnreachableError as error:
            answering.on_fault(error)
            answering.book(exchange, 0, release, 503, bad=True)
            answering.refuse(exchange, codec, 503, f"{release} does not answer.", b"retry-after: 1\r\n")
            return
        answering.book(exchange, 0, release, response.status, bad=response.status >= 500)
        self._pass_on(exchange, response, release)

    async def _by_stable(self, exchange: Exchange, codec: Codec, table: RoutingTable, assigned: str, *, booked_bad: bool) -> None:
        # A prediction changes nothing, so it may be asked twice; a second try finds the process that replaced a dead one.
        answering = self._answering
        for attempt in (1, 2):
            try:
                response = await self._by_table(exchange, table, table.stable, answering.rules.stable_deadline / 2)
            except UnreachableError as error:
                if attempt == 2:
                    answering.on_fault(error)
                    if not booked_bad:
                        answering.book(exchange, table.epoch, assigned, 503, bad=True)
                    answering.refuse(exchange, codec, 503, "The stable release does not answer.", b"retry-after: 1\r\n")
                continue
            if not booked_bad:
                answering.book(exchange, table.epoch, assigned, response.status, bad=response.status >= 500)
            self._pass_on(exchange, response, table.stable)
            return

    async def _by_table(self, exchange: Exchange, table: RoutingTable, release: str, deadline: float) -> Response:
        arm = table.arm(release)
        if arm is None or arm.socket is None:
            raise UnreachableError(f"{release} has no socket in the routing table.")
        return await self._ask(exchange, arm.socket, release, deadline)

    async def _ask(self, exchange: Exchange, socket: str, release: str, deadline: float) -> Response:
        forwarder = self._forwarders.get((socket, release))
        if forwarder is None:
            forwarder = self._forwarders[socket, release] = Forwarder(socket, release)
        return await forwarder.predict(exchange, deadline)

    def _pass_on(self, exchange: Exchange, response: Response, release: str) -> None:
        headers = f"x-gonogo-release: {release}\r\n".encode()
        headers += b"".join([b"%b: %b\r\n" % (name, response.headers[name]) for name in _PASSED_ON if name in response.headers])
        content_type = response.headers.get(b"content-type", JSON)
        exchange.answer(response.status, response.body, content_type=content_type, headers=headers)
        shadow = self._answering.shadow
        if shadow is not None and response.status == 200 and release != shadow.release:
            shadow.offer(exchange, content_type, response.body, response.headers.get(b"x-gonogo-prediction-id", b""))
