"""What a page is, and what it may know of the worker that shows it.

A page gets the exchange and answers it, at once or later; it never raises on what a stranger sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from gonogo.service.answering.batching import Batcher
from gonogo.service.answering.loading import Served
from gonogo.service.codec import Codec
from gonogo.service.counters import Counters
from gonogo.service.door.exchange import Exchange
from gonogo.service.routing import RoutingTable
from gonogo.service.upward import Upward

Page = Callable[[Exchange], None]


class Limits(Protocol):
    @property
    def most_rows(self) -> int: ...


class Host(Protocol):
    """The worker's answering, as far as pages look into it. `table` is the one in force, if any; `view` what runs beside this process."""

    served: Served
    counters: Counters
    table: RoutingTable | None
    view: Mapping[str, Any]
    upward: Upward
    batcher: Batcher
    endpoints: dict[bytes, Codec]
    own_headers: bytes

    @property
    def rules(self) -> Limits: ...

    def next_id(self) -> str: ...

    def on_fault(self, error: BaseException, /) -> None: ...


class Route(NamedTuple):
    """One page: how it is asked for, and what it gives in a few words and by media type and schema."""

    method: str  #: GET pages answer HEAD too
    path: str
    page: Page
    about: str
    gives: str  #: a schema of `schemas.py`, or a media type that is no JSON
    asks: str = ""  #: the schema of the body
    refusals: tuple[str, ...] = ()  #: statuses beside those that every page may give
