"""Requests that a service must refuse, made from one that it must accept.

Each case knows the feature that is wrong with it, if any: a refusal must name it. Text is never refused for its content where a feature
is text: a name may be anything. So payloads count as attempts where a number or a truth value belongs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gonogo.evidence.asking import JSON
from gonogo.model.encode import limits
from gonogo.model.schema import Feature, Schema

PAYLOADS = {
    "SQL": "1'; DROP TABLE predictions; --",
    "path": "../../../../etc/passwd",
    "template": "{{7*7}}${7*7}<%= 7*7 %>",
    "pickle": "gASVHAAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjARleGl0lIWUUpQu",
    "script": "<script>alert(1)</script>",
    "command": "$(touch gonogo-was-here)",
    "log": "${jndi:ldap://127.0.0.1/a}",
    "null byte": "1\x00",
}
DEEP = 20_000


@dataclass(frozen=True)
class Case:
    """One request that must get a 4xx. `feature` must be named in the answer; `may_hang_up` allows no answer at all."""

    title: str
    body: bytes | None
    feature: str | None = None
    method: str = "POST"
    path: str = "/predict"
    injection: bool = False
    may_hang_up: bool = False

    @property
    def headers(self) -> dict[str, str]:
        return dict(JSON) if self.body is not None else {}


def cases(schema: Schema, right: Mapping[str, Any], *, rows: int, body_bytes: int, features: int) -> Iterator[Case]:
    """Every case for a schema, from a row that is right. `rows` and `body_bytes` are the service's limits."""
    for feature in schema.features[:features]:
        dtype = next(graph_input.dtype for graph_input in schema.inputs if graph_input.name == feature.input)
        yield from _of_feature(feature, dtype, right)
        if feature.tensor is not None:
            yield from _of_tensor(feature, dtype, right)
    yield from _of_rows(schema, right)
    yield from _of_bodies(right, rows, body_bytes)
    yield from _of_paths()


def _of_feature(feature: Feature, dtype: str, right: Mapping[str, Any]) -> Iterator[Case]:
    name = feature.name

    def case(title: str, value: Any, *, injection: bool = False) -> Case:
        return Case(f"{name}: {title}", _body({**right, name: value}), name, injection=injection)

    yield Case(f"{name}: missing", _body({key: value for key, value in right.items() if key != name}), name)
    if not feature.nullable or feature.tensor is not None:
        yield case("null", None)
    yield case("a list", [right[name]])
    yield case("an object", {"value": right[name]})
    if feature.type == "string":
        yield case("a number for text", 7)
        yield case("a truth value for text", True)
        return
    yield case("a number in quotes", "1" if feature.type != "bool" else "true")
    yield case("empty text", "")
    if feature.type == "bool":
        yield case("a number for a truth value", 1)
    else:
        yield case("a truth value for a number", True)
        # Written by hand: these are not JSON, or become infinite when they are read.
        for word in ("NaN", "Infinity", "-Infinity", "1e999"):
            marked = json.dumps({"features": {**right, name: "@"}}).replace('"@"', word)
            yield Case(f"{name}: {word}", marked.encode())
    if feature.type == "int":
        yield case("a fraction", 1.5)
        yield case(f"more than {dtype} holds", limits(feature, dtype)[1] + 1)
        yield case(f"less than {dtype} holds", limits(feature, dtype)[0] - 1)
        yield case("more than 64 bits", 2**70)
    for kind, payload in PAYLOADS.items():
        yield case(f"{kind} payload", payload, injection=True)


def _of_tensor(feature: Feature, dtype: str, right: Mapping[str, Any]) -> Iterator[Case]:
    """Faults of the shape, and of one element deep inside."""
    name, tensor = feature.name, right[feature.name]
    deep = len(feature.tensor.shape) if feature.tensor is not None else 0

    def first(change: Any, level: int, part: Any) -> Any:
        """The tensor with its first part at a level changed."""
        return change(part) if level == 0 else [first(change, level - 1, part[0]), *part[1:]]

    faults = {
        "empty": [],
        "one number": 1,
        "a part too many": [*tensor, tensor[-1]],
        "a part too few": tensor[:-1],
        "ragged": first(lambda part: [*part, part[-1]], deep - 1, tensor),
        "an element that is a list": first(lambda one: [one], deep, tensor),
        "an element that is text": first(lambda one: "1", deep, tensor),
        "an element that is an object": first(lambda one: {}, deep, tensor),
    }
    if deep > 1:
        faults["flat"] = [one for part in tensor for one in part]
    if feature.type == "int":
        faults["an element that is a fraction"] = first(lambda one: 0.5, deep, tensor)
        faults[f"an element that is more than {dtype} holds"] = first(lambda one: limits(feature, dtype)[1] + 1, deep, tensor)
    if not feature.nullable:
        faults["an element that is null"] = first(lambda one: None, deep, tensor)
    for title, value in faults.items():
        yield Case(f"{name}: {title}", _body({**right, name: value}), name)
    marked = json.dumps({"features": {**right, name: first(lambda one: "@", deep, tensor)}})
    for word in ("NaN", "Infinity", "1e999"):
        yield Case(f"{name}: an element that is {word}", marked.replace('"@"', word).encode())


def _of_rows(schema: Schema, right: Mapping[str, Any]) -> Iterator[Case]:
    first = schema.features[0]
    yield Case("an unknown feature", _body({**right, "gonogo_unknown_feature": 1}), "gonogo_unknown_feature")
    for kind, payload in PAYLOADS.items():
        yield Case(f"{kind} payload as a feature's name", _body({**right, payload: 1}), payload, injection=True)
    yield Case("__proto__ as a feature's name", _body({**right, "__proto__": {"x": 1}}), "__proto__", injection=True)
    yield Case("no features in a row", _body({}), first.name)
    broken = {key: value for key, value in right.items() if key != first.name}
    yield Case("one bad row of three", json.dumps({"features": [dict(right), broken, dict(right)]}).encode(), first.name)


def _of_bodies(right: Mapping[str, Any], rows: int, body_bytes: int) -> Iterator[Case]:
    whole = _body(right)
    plain = {
        "an empty body": b"",
        "not JSON": b"features=1",
        "cut off": whole[:-3],
        "more after the end": whole + b"{}",
        "not UTF-8": b'{"features": {"\xff\xfe": 1}}',
        "a list": b"[1, 2]",
        "text": b'"features"',
        "a number": b"7",
        "null": b"null",
        "no features": b"{}",
        "a feature twice": b'{"features": {' + ", ".join([json.dumps(dict(right))[1:-1]] * 2).encode() + b"}}",
        "features null": b'{"features": null}',
        "features text": b'{"features": "all"}',
        "no rows": b'{"features": []}',
        "a row that is a list": b'{"features": [[1, 2]]}',
        "a row that is null": b'{"features": [null]}',
        "another key": b'{"rows": [' + json.dumps(dict(right)).encode() + b"]}",
        "nested deeply": b'{"features": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    }
    for title, body in plain.items():
        yield Case(title, body)
    yield Case("too many rows", json.dumps({"features": [{}] * (rows + 1)}).encode(), may_hang_up=True)
    yield Case("too large", b'{"features": {"x": "' + b"x" * body_bytes + b'"}}', may_hang_up=True)


def _of_paths() -> Iterator[Case]:
    yield Case("GET for POST", None, method="GET")
    yield Case("DELETE", None, method="DELETE", path="/health")
    for path in ("/nothing-here", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/predict/../../etc/passwd", "/.git/config", "/%00"):
        yield Case(f"GET {path}", None, method="GET", path=path, injection="etc" in path)


def _body(row: Mapping[str, Any]) -> bytes:
    return json.dumps({"features": dict(row)}).encode()
