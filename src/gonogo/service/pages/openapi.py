"""`/openapi.json`: OpenAPI 3.1 of this very service, made from the release's own schema and from the routes that there are.

What it promises is what the service does: the schemas of requests accept exactly what is accepted, every route is in it, every status
that a route gives is in it. Tests ask a real service for all of it (schemathesis).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gonogo.service.pages import schemas
from gonogo.service.pages.features import told_features
from gonogo.service.pages.forms import Form
from gonogo.service.pages.page import Host, Route

Document = dict[str, Any]
RELEASE = {"x-gonogo-release": {"description": "the release that answered", "schema": {"type": "string"}}}
PREDICTION = {"x-gonogo-prediction-id": {"description": "names this answer", "schema": {"type": "string"}}}
LATER = {"retry-after": {"description": "seconds to wait", "schema": {"type": "integer"}}}
REFUSALS = {
    "400": "The request cannot be read, or is ambiguous.",
    "401": "A key is needed that is accepted here.",
    "403": "The key may do too little.",
    "404": "There is no such thing here.",
    "405": "The path is asked for with another method.",
    "409": "This cannot be done as things stand.",
    "413": "Too many rows or bytes.",
    "415": "A body of this type cannot be read.",
    "422": "The request can be read and not answered; everything that is wrong is named.",
    "429": "More requests than the caller may send.",
    "500": "The release failed to compute the request.",
    "503": "Not now: too much waits, or nothing is ready.",
    "504": "The model took too long.",
}
READING = ("401", "403", "429")
ASKING = ("400", "401", "403", "413", "415", "422", "429", "500", "503", "504")


def openapi(host: Host, forms: Iterable[Form], routes: Iterable[Route]) -> Document:
    """The document."""
    served, features = host.served, told_features(host.served)
    paths: dict[str, Document] = {}
    for form in forms:
        paths.setdefault(form.path, {})["post"] = _asking(form)
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _reading(route)
    components = {
        **schemas.asked(features, host.rules.most_rows),
        **schemas.answered(served.schema, served.also),
        **schemas.problems(),
        **schemas.pages(),
        **schemas.oip(served.schema, served.also, host.rules.most_rows),
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": served.release,
            "version": str(served.info.get("version", "")) or served.release.rpartition("@")[2],
            "description": f"A {served.schema.task} model, served by gonogo. Its digest is {served.digest}.",
        },
        "servers": [{"url": "/"}],
        # A service on loopback without keys asks for none; everywhere else one of the two is needed.
        "security": [{}, {"bearer": []}, {"key": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An API key as `authorization: Bearer KEY`."},
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "An API key."},
            },
        },
    }


def _asking(form: Form) -> Document:
    operation: Document = {
        "operationId": _identity("post", form.path),
        "summary": form.about,
        "tags": ["predictions"],
        "requestBody": {"required": True, "content": dict(form.asks)},
        "responses": {
            "200": {"description": "Predictions, one a row.", "headers": {**RELEASE, **PREDICTION}, "content": dict(form.gives)},
            **_refusals((*ASKING, *form.refusals), problem_of(form.path)),
        },
    }
    if form.parameters:
        operation["parameters"] = list(form.parameters)
    return operation


def _reading(route: Route) -> Document:
    content = {route.gives: {"schema": schemas.TEXT}} if "/" in route.gives else {"application/json": {"schema": schemas.ref(route.gives)}}
    body = {"requestBody": {"required": True, "content": {"application/json": {"schema": schemas.ref(route.asks)}}}} if route.asks else {}
    return {
        **body,
        "operationId": _identity(route.method, route.path),
        "summary": route.about,
        "tags": ["open inference protocol" if route.path.startswith("/v2") else "pages"],
        "responses": {
            "200": {"description": route.about, "headers": RELEASE, "content": content},
            **_refusals((*READING, *route.refusals), problem_of(route.path)),
        },
    }


def problem_of(path: str) -> Mapping[str, Document]:
    """What a refusal looks like there."""
    if path.startswith("/v2"):
        return {"application/json": {"schema": schemas.ref("OipError")}, "application/problem+json": {"schema": schemas.ref("Problem")}}
    return {"application/problem+json": {"schema": schemas.ref("Problem")}}


def _refusals(statuses: Iterable[str], problem: Mapping[str, Document]) -> Document:
    return {
        status: {"description": REFUSALS[status], "headers": LATER if status in ("429", "503") else {}, "content": dict(problem)}
        for status in sorted(set(statuses))
    }


def _identity(method: str, path: str) -> str:
    return f"{method.lower()} {path}"
