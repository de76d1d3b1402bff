"""The page on writing a runtime is true: its code runs, and its runtime keeps the contract."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gonogo.errors import ModelError
from gonogo.model.hosted import HostedRuntime
from gonogo.model.runtime import Inspection, inspect
from page import blocks, read_page, run_python

ROOT = Path(__file__).parents[2]
PAGE = read_page("how-to-write-a-runtime.md")
MODEL = json.dumps({"weights": [1.0, -2.0, 0.5], "intercept": 0.0}).encode()


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    """What the page's code defines, run from top to bottom as a reader would."""
    assert len(blocks(PAGE, "python")) == 3
    return run_python(PAGE, "how-to-write-a-runtime.md")


def test_the_runtime_of_the_page_keeps_the_contract(written: dict[str, Any]) -> None:
    loaded = written["LinearRuntime"]().load(MODEL)
    assert Inspection.from_json(inspect(loaded).to_json()) == inspect(loaded)
    assert loaded.device == "cpu"
    rows = np.array([[0.0, np.nan, np.inf], [5e-324, -np.inf, 1e308]])
    assert loaded.run({"x": rows})["probabilities"].shape == (2, 1)
    for batch in ({}, {"x": rows[:, :2]}, {"x": np.zeros((2, 3), np.float32)}, {"x": rows[:0]}, {"y": rows}):
        with pytest.raises(ModelError):
            loaded.run(batch)
    with pytest.raises(ModelError, match="cuda"):
        written["LinearRuntime"]().load(MODEL, {"device": "cuda"})


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", MODEL[:20], b"\xff" * 9, b"[" * 100_000, b'{"weights": 1, "intercept": 0}'])
def test_bytes_that_are_no_model_are_refused(written: dict[str, Any], data: bytes) -> None:
    with pytest.raises(ModelError):
        written["LinearRuntime"]().load(data)


def test_the_hosted_one_is_a_runtime_of_three_lines(written: dict[str, Any]) -> None:
    hosted = written["HostedLinearRuntime"]
    assert issubclass(hosted, HostedRuntime)
    assert hosted.inside.endswith(":LinearRuntime")
    assert {"name", "inside"} == {name for name in vars(hosted) if not name.startswith("__")}


def test_every_place_that_the_page_names_is_there() -> None:
    places = re.findall(r"`((?:src|tests)/[\w/.]+|pyproject.toml)`", PAGE)
    assert len(places) >= 5
    for place in places:
        assert (ROOT / place).exists() or place.endswith("linear.py"), place
