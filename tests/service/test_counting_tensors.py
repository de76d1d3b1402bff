"""Windows are counted by the summaries of their channels: the same in the baseline, in service, and by hand; beside plain features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gonogo.base.table import Table
from gonogo.errors import DataError
from gonogo.model.schema import Feature, GraphInput, Schema, Tensor
from gonogo.model.summaries import measured_batch, measured_places, measured_table
from gonogo.monitor.counts import Counts
from gonogo.monitor.signal import NoLabels, NoPast, Sight
from gonogo.monitor.signals.psi import Psi
from gonogo.monitor.windows import Window
from gonogo.release.baseline import make_baseline
from gonogo.service.drift import DriftCounter

RELEASE = "w@1.0.0"
WINDOW = Feature("window", "float", True, "window", 0, Tensor((4, 2), 1, ("close", "volume"), ("mean", "spread", "low", "high", "missing")))
IMAGE = Feature("image", "float", False, "image", 0, Tensor((1, 2, 2)))
SCHEMA = Schema(
    "binary-classification",
    (GraphInput("window", "float32", 8, (4, 2)), GraphInput("image", "float32", 4, (1, 2, 2)), GraphInput("x", "float32", 2)),
    (WINDOW, IMAGE, Feature("b", "float", True, "x", 1), Feature("a", "float", True, "x", 0)),
    ("no", "yes"),
    "p",
)
NAMES = [
    *(f"window.{channel}.{summary}" for channel in ("close", "volume") for summary in ("mean", "spread", "low", "high", "missing")),
    "image.mean", "image.spread", "b", "a",
]  # fmt: skip
NAN = float("nan")


def world(rows: int, seed: int, shift: float = 0.0) -> dict[str, np.ndarray[Any, Any]]:
    generator = np.random.default_rng(seed)
    window = generator.normal(size=(rows, 4, 2)).astype(np.float32)
    window[:, :, 1] += shift
    window[generator.uniform(size=(rows, 4, 2)) < 0.05] = NAN
    image, x = (generator.normal(size=(rows, width)).astype(np.float32) for width in (4, 2))
    return {"window": window.reshape(rows, 8), "image": image, "x": x}


def table(batch: dict[str, np.ndarray[Any, Any]]) -> Table:
    return Table({"window": batch["window"], "image": batch["image"], "a": batch["x"][:, 0], "b": batch["x"][:, 1]}, len(batch["x"]))


def test_summaries_by_hand() -> None:
    one = np.array([[1, 10, 2, NAN, 3, NAN, 6, NAN]], dtype=np.float32)
    none = np.array([[1, NAN, 1, np.inf, 1, NAN, 1, -np.inf]], dtype=np.float32)
    image = np.array([[0, 0, 4, 4]] * 2, dtype=np.float32)
    given = {"window": np.concatenate((one, none)), "image": image, "x": np.zeros((2, 2), dtype=np.float32)}
    found = measured_table(SCHEMA, table(given))
    assert list(found.columns) == NAMES == [item.name for item in SCHEMA.measured]
    assert found.column("window.close.mean").tolist() == [3.0, 1.0]
    assert found.column("window.close.spread").tolist() == [pytest.approx(np.std([1, 2, 3, 6])), 0.0]
    assert [found.column(f"window.close.{name}")[0] for name in ("low", "high", "missing")] == [1.0, 6.0, 0.0]
    assert [found.column(f"window.volume.{name}")[0] for name in ("mean", "spread", "low", "high", "missing")] == [10, 0, 10, 10, 0.75]
    assert np.isnan([found.column(f"window.volume.{name}")[1] for name in ("mean", "spread", "low", "high")]).all()
    assert found.column("window.volume.missing")[1] == 1.0
    assert (found.column("image.mean").tolist(), found.column("image.spread").tolist()) == ([2.0, 2.0], [2.0, 2.0])


def test_a_batch_in_service_is_summed_up_as_the_table_is() -> None:
    batch = world(50, 3)
    summed, columns = measured_batch(SCHEMA, batch), measured_table(SCHEMA, table(batch)).columns
    for name, (source, place) in measured_places(SCHEMA).items():
        np.testing.assert_array_equal(summed[source][:, place], columns[name])


def test_what_service_counts_of_the_training_rows_is_the_baseline() -> None:
    batch, scores = world(600, 1), np.tile([0.4, 0.6], (600, 1))
    document = make_baseline(SCHEMA, table(batch), scores, np.arange(600) % 2)
    assert document["format"] == "gonogo-baseline/3"
    assert [name for name, entry in document["features"].items() if entry.get("tensor") == "window"] == NAMES[:10]
    assert "tensor" not in document["features"]["a"]
    counter = DriftCounter(SCHEMA, document)
    for start in range(0, 600, 70):
        counter.add({name: array[start : start + 70] for name, array in batch.items()}, scores[start : start + 70])
    said = counter.to_json()
    assert said["rows"] == 600
    assert said["features"] == {name: entry["counts"] for name, entry in document["features"].items()}
    assert said["outside"] == {name: entry["range"]["outside"] for name, entry in document["features"].items() if "range" in entry}


def test_a_channel_that_moved_has_the_highest_psi_and_says_whose_it_is() -> None:
    scores = np.tile([0.4, 0.6], (800, 1))
    document = make_baseline(SCHEMA, table(world(800, 1)), scores, np.arange(800) % 2)
    counter = DriftCounter(SCHEMA, document)
    counter.add(world(800, 2, shift=1.0), scores)
    said = counter.to_json()
    live = Counts(features={name: tuple(bins) for name, bins in said["features"].items()}, score=tuple(said["score"]))
    sight = Sight(Window(900.0, {RELEASE: live}, (RELEASE,)), {RELEASE: document}, {}, None, NoPast(), NoLabels())  # type: ignore[arg-type]
    readings = {one.labels["feature"]: one for one in Psi().compute(sight)}
    assert set(readings) == {*NAMES, "(score)"}
    ranked = sorted(readings, key=lambda name: -(readings[name].value or 0))
    assert set(ranked[:3]) == {"window.volume.mean", "window.volume.low", "window.volume.high"}
    assert readings["window.volume.mean"].details["tensor"] == "window"
    assert "tensor" not in readings["a"].details
    assert all((readings[name].value or 0) < 0.1 for name in NAMES if "volume" not in name)


def test_a_column_that_is_no_tensor_and_names_that_meet_are_refused() -> None:
    batch = world(5, 1)
    with pytest.raises(DataError, match="'image' holds no tensors of 4 numbers"):
        measured_table(SCHEMA, Table({**table(batch).columns, "image": np.zeros(5)}, 5))
    meeting = Schema(SCHEMA.task, SCHEMA.inputs, (*SCHEMA.features[:3], Feature("image.mean", "float", True, "x", 0)), ("no", "yes"), "p")
    with pytest.raises(DataError, match=r"image\.mean would be measured twice"):
        measured_table(meeting, Table({**table(batch).columns, "image.mean": np.zeros(5)}, 5))
