"""The exported file says what the network says, for any number of rows; and the one that would ship keeps to its window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from evaluate import read
from export import AGREE, Served, difference, export, run
from networks import VARIANTS, Shape, build

MODELS, DATA = Path(__file__).resolve().parent.parent / "models", Path(__file__).resolve().parent.parent / "data"


@pytest.mark.parametrize("chain", [False, True])
def test_the_file_and_the_network_agree_for_one_row_and_for_many(tmp_path, chain):
    torch.manual_seed(2)
    net = Shape(8, 2, position=True, projection=6, chain=chain).build()
    assert export(net, tmp_path / "net.onnx", torch.randn(5, 105, 11)) <= AGREE
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
    for rows in (1, 37):
        assert difference(Served(net.eval()), tmp_path / "net.onnx", torch.randn(rows, 105, 11)) <= AGREE


def test_a_file_of_another_network_is_found(tmp_path, tiny):
    torch.manual_seed(9)
    other = Shape(8, 1, projection=6, position=True).build()
    export(other, tmp_path / "net.onnx", torch.randn(5, 105, 11))
    assert difference(Served(tiny), tmp_path / "net.onnx", torch.randn(8, 105, 11)) > AGREE


@pytest.mark.parametrize("variant", sorted(VARIANTS))
def test_the_model_that_would_ship_marks_a_span_of_its_window_in_every_test_window(variant):
    model = MODELS / f"{variant}.onnx"
    if not model.is_file() or not (DATA / "test.parquet").is_file():
        pytest.skip(f"{variant} is not trained here: python prepare.py && python train.py --variant {variant}")
    probabilities, start, end = run(model, read(DATA / "test.parquet").window)
    assert np.isfinite(probabilities).all()
    assert ((start >= 0) & (start <= end) & (end <= 104)).all()
    assert (start == start.round()).all()


@pytest.mark.parametrize("variant", sorted(VARIANTS))
def test_nothing_is_learned_by_building(variant):
    torch.manual_seed(1)
    first = build(variant).state_dict()
    torch.manual_seed(1)
    assert all(torch.equal(value, first[name]) for name, value in build(variant).state_dict().items())
