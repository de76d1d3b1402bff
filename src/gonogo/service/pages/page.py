"""What a page is, and what it may know of the worker that shows it.

A page gets the exchange and answers it, at once or later; it never raises on what a stranger sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from gonogo.service.counters import Counters
from gonogo.service.exchange import Exchange
from gonogo.service.loading import Served
from gonogo.service.routing import RoutingTable

Page = Callable[[Exchange], None]


class Host(Protocol):
    """The worker's answering, as far as pages look into it. `table` is the one in force, if any."""

    served: Served
    counters: Counters
    table: RoutingTable | None
    own_headers: bytes


class Route(NamedTuple):
    """One page: how it is asked for, and what it gives in a few words."""

    method: bytes  #: GET pages answer HEAD too
    page: Page
    about: str
