"""Hostile requests for a model that takes windows: every one is refused, and those about a window name it."""

from __future__ import annotations

import pytest

from gonogo.evidence.hostile import Case, cases
from gonogo.model.encode import RowErrors, encoder_for
from gonogo.model.schema import Feature, GraphInput, Schema, Tensor
from gonogo.service.codec import arrays_of
from gonogo.service.codecs.rows import RowsCodec
from gonogo.service.door.exchange import Exchange
from gonogo.service.wire import RequestRefused

RIGHT = {"window": [[0.5, 1.0], [2.0, 3.0], [4.0, 5.0]], "count": 3}


def schema(*, nullable: bool = False) -> Schema:
    return Schema(
        "binary-classification",
        (GraphInput("window", "float32", 6, (3, 2)), GraphInput("k", "int64", 1)),
        (Feature("window", "float", nullable, "window", 0, Tensor((3, 2))), Feature("count", "int", False, "k", 0)),
        ("0", "1"),
        "p",
    )


def asked(nullable: bool) -> list[Case]:
    found = cases(schema(nullable=nullable), RIGHT, rows=10, body_bytes=10_000, features=5)
    return [case for case in found if case.path == "/predict" and case.method == "POST" and case.body is not None]


@pytest.mark.parametrize("nullable", [False, True])
def test_every_case_is_refused_and_names_the_window_where_it_is_at_fault(nullable: bool) -> None:
    known = schema(nullable=nullable)
    codec = RowsCodec(known, "windows@1.0.0", 10)
    titles = []
    for case in asked(nullable):
        with pytest.raises((RequestRefused, RowErrors)) as refused:
            arrays_of(encoder_for(known), codec.read(Exchange(b"POST", b"/predict", {}, case.body or b"")))
        assert case.feature is None or case.feature in {error["feature"] for error in refused.value.errors}, case.title
        titles.append(case.title)
    about = {title.removeprefix("window: ") for title in titles if title.startswith("window: ")}
    assert {"ragged", "flat", "a part too many", "a part too few", "empty", "an element that is text", "an element that is NaN"} <= about
    assert ("an element that is null" in about) is not nullable
    assert codec.read(Exchange(b"POST", b"/predict", {}, b'{"features": {"window": [[1, 2], [3, 4], [5, 6]], "count": 3}}')).rows == 1
