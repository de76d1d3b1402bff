"""From a table's values to those that a client would send."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from gonogo.model.rows import request_value
from gonogo.model.schema import Feature


@pytest.mark.parametrize(
    ("kind", "value", "sent"),
    [
        ("float", "1.5", 1.5), ("float", " 1e3 ", 1000.0), ("float", "abc", "abc"), ("float", "true", "true"), ("float", "", None),
        ("float", "nan", None), ("float", "1_0", "1_0"), ("float", "\u0661", "\u0661"), ("float", [1.0, "a"], [1.0, "a"]),
        ("float", datetime(2026, 1, 2), "2026-01-02 00:00:00"), ("int", "3", 3), ("int", "3.5", 3.5), ("int", 3.0, 3), ("int", "x", "x"),
        ("bool", "true", True), ("bool", "FALSE", False), ("bool", "0", False), ("bool", 1.0, True), ("bool", 2.0, 2.0),
        ("bool", "maybe", "maybe"), ("string", "true", "true"), ("string", "", ""), ("string", None, None),
    ],
)  # fmt: skip
def test_a_value_is_sent_as_what_it_says_and_what_is_none_of_the_type_as_it_is(kind: Any, value: Any, sent: Any) -> None:
    found = request_value(Feature("x", kind, True, "", 0, None), value)
    assert (found, type(found)) == (sent, type(sent))
