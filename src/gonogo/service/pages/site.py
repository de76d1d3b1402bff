"""Everything that the service answers but predictions: which page a request is for, and that there is none."""

from __future__ import annotations

from gonogo.service.codec import Codec
from gonogo.service.door.exchange import Exchange
from gonogo.service.pages.counts import CountPages
from gonogo.service.pages.docs import DocsPage
from gonogo.service.pages.explain import Explaining, carries_explainer
from gonogo.service.pages.feedback import FeedbackPage
from gonogo.service.pages.forms import forms
from gonogo.service.pages.load import LoadPage
from gonogo.service.pages.model import ModelPages
from gonogo.service.pages.oip import OipPages
from gonogo.service.pages.openapi import openapi
from gonogo.service.pages.page import Host, Route
from gonogo.service.wire import to_json

LOAD_REFUSALS = ("400", "404", "409", "413", "422", "503")
FEEDBACK_REFUSALS = ("400", "404", "413", "422", "503")


class Pages:
    """The pages of one worker. `answer` answers every exchange that is given to it, with 404 or 405 where there is no page."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._explaining = Explaining(host)
        explains = carries_explainer(host)
        system, _, version = host.served.release.partition("@")
        self._forms = forms(system, version, explains=explains)
        self._oip = OipPages(host)
        model, counts = ModelPages(host), CountPages(host)
        routes = [
            Route("GET", "/", self._index, "what can be asked for", "Index"),
            Route("GET", "/health", model.health, "whether this process is well, and what it serves", "Health"),
            Route("GET", "/model_info", model.model_info, "features, classes and digests of the model", "ModelInfo"),
            Route("GET", "/model/info", model.model_info, "the same", "ModelInfo"),
            Route("GET", "/metrics", counts.metrics, "Prometheus metrics", "text/plain", refusals=("503",)),
            Route("GET", "/stats", counts.stats, "the same counts as JSON", "Stats", refusals=("503",)),
            Route("POST", "/load", LoadPage(host).load, "verify and start a release, by its reference", "Loaded", "Load", LOAD_REFUSALS),
            Route(
                "POST", "/feedback", FeedbackPage(host).feedback, "what came true, by prediction id", "Taken", "Feedback", FEEDBACK_REFUSALS
            ),
            Route("GET", "/openapi.json", self._openapi, "this interface as OpenAPI 3.1", "Document"),
            *self._oip.routes(),
        ]
        listed = [(f"POST {form.path}", form.about) for form in self._forms]
        listed += [(f"{route.method} {route.path}", route.about) for route in routes if route.path != "/"]
        docs = DocsPage(host, listed, explains=explains)
        routes.append(Route("GET", "/docs", docs.page, "this interface for people, with a form", "text/html"))
        self._routes = {route.path.encode(): route for route in routes}
        self._document = b""

    def answer(self, exchange: Exchange) -> None:
        """Answer with the page of the exchange's path, now or later."""
        if exchange.path.startswith(b"/v2"):
            self._oip.answer(exchange)
            return
        route = self._routes.get(exchange.path)
        headers = self._host.own_headers
        if route is None:
            exchange.problem(404, "There is no such page. See GET / for what there is.", headers=headers)
        elif exchange.method == route.method.encode() or (exchange.method == b"HEAD" and route.method == "GET"):
            route.page(exchange)
        elif route.method == "GET":
            exchange.problem(405, "This page can only be read.", headers=headers + b"allow: GET, HEAD\r\n")
        else:
            exchange.problem(405, f"This is asked for with {route.method}.", headers=headers + f"allow: {route.method}\r\n".encode())

    def explains(self, exchange: Exchange, codec: Codec, *, books: bool = True) -> bool:
        """Answer a request for predictions, now or later, when its query asks to explain them; False when it does not. `books` when nobody
        else counts it."""
        return exchange.path == b"/predict" and self._explaining.takes(exchange, codec, books=books)

    def _index(self, exchange: Exchange) -> None:
        endpoints = {f"POST {form.path}": form.about for form in self._forms}
        endpoints |= {f"{route.method} {route.path}": route.about for route in self._routes.values() if route.path != "/"}
        exchange.answer(200, to_json({"service": "gonogo", "release": self._host.served.release, "endpoints": endpoints}))

    def _openapi(self, exchange: Exchange) -> None:
        if not self._document:
            self._document = to_json(openapi(self._host, self._forms, self._routes.values()))
        exchange.answer(200, self._document)
