"""The pages on pipelines and bundles are true: the script runs, the example is read, the tables name every step and format."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from gonogo.base.catalogue import load
from gonogo.checklist.expression import parse
from gonogo.model.formats import EXTRAS, SUFFIXES
from gonogo.model.pipeline import AFTER, BEFORE, OUTPUT, Pipeline
from gonogo.model.source import ModelSource
from page import blocks, read_page, run_python

HOW_TO = read_page("how-to-ship-a-pipeline.md")
FORMAT = read_page("formats/pipeline.md")
BUNDLE = read_page("formats/bundle.md")


def training_rows() -> Any:
    random = np.random.default_rng(6)
    numbers = random.normal(size=(300, 2)) * [100.0, 5.0]
    late = (numbers[:, 0] + random.normal(size=300) * 50 > 0).astype(int)
    numbers[::9, 1] = np.nan
    return numbers, random.choice(["oslo", "paris"], (300, 1)).astype(object), late


def test_the_script_writes_a_pipeline_that_says_what_the_training_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space = run_python(HOW_TO, "how-to-ship-a-pipeline.md", read_training_rows=training_rows)
    loaded = ModelSource(tmp_path / "model.onnx", pipeline=tmp_path / "pipeline.json").load()
    numbers, cities, _ = training_rows()
    cities[0] = "rome"
    ours = loaded.run({"numbers": numbers, "texts": cities})[OUTPUT][:, 0]
    theirs = space["calibrator"].predict(space["forest"].predict_proba(space["prepared"](numbers, cities))[:, 1])
    assert np.quantile(np.abs(ours - theirs), 0.99) < 1e-5  # a float32 forest may send a row on a border the other way


def test_the_item_of_the_page_asks_for_facts_that_the_check_measures() -> None:
    (item,) = yaml.safe_load(blocks(HOW_TO, "yaml")[1])
    check = load("checks", item["check"])
    assert all(set(parse(text).names) <= check.facts.keys() for text in item["require"])


def test_the_example_of_the_format_is_read() -> None:
    (example,) = blocks(FORMAT, "json")
    found = Pipeline.parse(example.encode())
    assert found.raw == {"float": ("age", "income"), "string": ("city",)}
    entering = found.entering({"numbers": np.array([[np.nan, 0.0]]), "texts": np.array([["rome"]], dtype=object)})
    assert list(entering) == ["age", "income", "city=oslo", "city=paris"]


def test_every_step_and_every_format_is_on_its_page() -> None:
    before, after = FORMAT.split("## Steps before the model")[1].split("## Steps after the model")
    assert re.findall(r"^\| `([a-z0-9-]+)` \|", before, re.MULTILINE) == list(BEFORE)
    assert re.findall(r"^\| `([a-z0-9-]+)` \|", after, re.MULTILINE) == list(AFTER)
    formats = BUNDLE.split("## The model's file")[1].split("## ")[0]
    assert re.findall(r"^\| `([a-z_]+)` \|", formats.replace("| `format` |", ""), re.MULTILINE) == list(SUFFIXES)
    assert EXTRAS.keys() <= SUFFIXES.keys()
