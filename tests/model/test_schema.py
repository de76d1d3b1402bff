"""The schema: what it writes it reads again, what is counted of it, and when one accepts what another does."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gonogo.model.schema import Feature, GraphInput, Schema, Tensor

WINDOW = Tensor((4, 2), 1, ("open", "close"), ("mean", "missing"))
PLAIN = Schema("binary-classification", (GraphInput("x", "float32", 1),), (Feature("age", "float", True, "x", 0),), ("0", "1"), "p")
MIXED = Schema(
    "multiclass-classification",
    (GraphInput("window", "float32", 8, (4, 2)), GraphInput("x", "float32", 1), GraphInput("pixels", "float32", 6)),
    (
        Feature("window", "float", False, "window", 0, WINDOW),
        Feature("age", "float", True, "x", 0),
        Feature("pixels", "float", True, "pixels", 0, Tensor((1, 2, 3))),
    ),
    ("a", "b", "c"),
    "p",
    also=("start",),
)


@pytest.mark.parametrize("schema", [PLAIN, MIXED, replace(PLAIN, also=("start", "end"))])
def test_a_schema_is_read_as_it_was_written(schema: Schema) -> None:
    assert Schema.from_json(schema.to_json()) == schema


def test_without_tensors_and_extra_outputs_the_document_is_as_it_always_was() -> None:
    assert json.loads(json.dumps(PLAIN.to_json())) == {
        "format": "gonogo-schema/1",
        "task": "binary-classification",
        "inputs": [{"name": "x", "dtype": "float32", "width": 1}],
        "features": [{"name": "age", "type": "float", "nullable": True, "input": "x", "column": 0}],
        "classes": ["0", "1"],
        "score_output": "p",
        "threshold": 0.5,
    }
    assert MIXED.to_json()["format"] == replace(PLAIN, also=("start",)).to_json()["format"] == "gonogo-schema/2"


def test_a_document_of_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="gonogo-schema/2"):
        Schema.from_json({**MIXED.to_json(), "format": "gonogo-schema/3"})


def test_a_tensor_is_counted_by_channel_and_summary_and_a_value_by_itself() -> None:
    assert [(item.name, item.channel, item.summary) for item in MIXED.measured] == [
        ("window.open.mean", 0, "mean"),
        ("window.open.missing", 0, "missing"),
        ("window.close.mean", 1, "mean"),
        ("window.close.missing", 1, "missing"),
        ("age", 0, ""),
        ("pixels.mean", 0, "mean"),
        ("pixels.spread", 0, "spread"),
    ]
    assert MIXED.width == 15
    assert (MIXED.has_tensors, PLAIN.has_tensors) == (True, False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape": ()},
        {"shape": (4, 0)},
        {"shape": (4, 2), "axis": 1},
        {"shape": (4, 2), "axis": 2, "channels": ("a", "b")},
        {"shape": (4, 2), "axis": -1, "channels": ("a", "b")},
        {"shape": (4, 2), "axis": 1, "channels": ("a", "b", "c")},
        {"shape": (4, 2), "axis": 1, "channels": ("a", "a")},
        {"shape": (4, 2), "channels": ("a", "b")},
        {"shape": (4, 2), "summaries": ()},
        {"shape": (4, 2), "summaries": ("mean", "mean")},
    ],
    ids=str,
)
def test_a_tensor_that_contradicts_itself_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="tensor"):
        Tensor(**wrong)


def test_a_schema_accepts_what_another_does_unless_a_shape_or_an_output_is_another() -> None:
    window, *others = MIXED.features
    other_shape = replace(window, tensor=Tensor((2, 4)))
    other_summaries = replace(window, tensor=replace(WINDOW, summaries=("high",)))
    assert MIXED.accepts_what(MIXED)
    assert not replace(MIXED, features=(other_shape, *others)).accepts_what(MIXED)
    assert not replace(MIXED, features=(replace(window, tensor=None), *others)).accepts_what(MIXED)
    assert replace(MIXED, features=(other_summaries, *others)).accepts_what(MIXED)
    assert MIXED.accepts_what(replace(MIXED, also=()))
    assert not replace(MIXED, also=()).accepts_what(MIXED)
