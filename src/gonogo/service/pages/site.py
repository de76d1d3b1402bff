"""Everything that the service answers but predictions: which page a request is for, and that there is none."""

from __future__ import annotations

from gonogo.service.exchange import Exchange
from gonogo.service.pages.counts import CountPages
from gonogo.service.pages.model import ModelPages
from gonogo.service.pages.page import Host, Route
from gonogo.service.wire import to_json


class Pages:
    """The pages of one worker. `answer` answers every exchange that is given to it, with 404 or 405 where there is no page."""

    def __init__(self, host: Host) -> None:
        self._host = host
        model, counts = ModelPages(host), CountPages(host)
        self._routes: dict[bytes, Route] = {
            b"/": Route(b"GET", self._index, "this list"),
            b"/health": Route(b"GET", model.health, "whether this process is well, and what it serves"),
            b"/model_info": Route(b"GET", model.model_info, "features, classes and digests of the model"),
            b"/model/info": Route(b"GET", model.model_info, "the same"),
            b"/metrics": Route(b"GET", counts.metrics, "Prometheus metrics"),
            b"/stats": Route(b"GET", counts.stats, "the same counts as JSON"),
        }

    def answer(self, exchange: Exchange) -> None:
        """Answer with the page of the exchange's path, now or later."""
        route = self._routes.get(exchange.path)
        headers = self._host.own_headers
        if route is None:
            exchange.problem(404, "There is no such page. See GET / for what there is.", headers=headers)
        elif exchange.method == route.method or (exchange.method == b"HEAD" and route.method == b"GET"):
            route.page(exchange)
        elif route.method == b"GET":
            exchange.problem(405, "This page can only be read.", headers=headers + b"allow: GET, HEAD\r\n")
        else:
            exchange.problem(405, f"This is asked for with {route.method.decode()}.", headers=b"%ballow: %b\r\n" % (headers, route.method))

    def _index(self, exchange: Exchange) -> None:
        endpoints = {"POST /predict": 'predictions for {"features": {...}} or {"features": [{...}, ...]}'}
        endpoints |= {f"{route.method.decode()} {path.decode()}": route.about for path, route in self._routes.items() if path != b"/"}
        answer = {"service": "gonogo", "release": self._host.served.release, "endpoints": endpoints}
        exchange.answer(200, to_json(answer))
