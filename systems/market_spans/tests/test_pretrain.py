"""What is hidden is what is asked for."""

from __future__ import annotations

import numpy as np
import torch

from features import FEATURES, WINDOW
from networks import Shape
from prepare import write_bars
from pretrain import HIDDEN, draw, mask, pretrain, reconstruction_loss

SHAPE = Shape(6, 1, projection=4, position=True)


def test_about_fifteen_per_cent_of_the_bars_are_hidden_whole():
    window = torch.ones(64, WINDOW, len(FEATURES))
    masked, hidden = mask(window, torch.Generator().manual_seed(1))
    assert abs(hidden.float().mean().item() - HIDDEN) < 0.02
    assert (masked[hidden] == 0).all()
    assert (masked[~hidden] == 1).all()


def test_only_hidden_bars_cost(made):
    window, hidden = torch.zeros(1, WINDOW, len(FEATURES)), torch.zeros(1, WINDOW, dtype=torch.bool)
    hidden[0, 7] = True
    wrong = window.clone()
    wrong[0, 8] = 5.0
    assert reconstruction_loss(wrong, window, hidden) == 0
    wrong[0, 7] = 5.0
    assert reconstruction_loss(wrong, window, hidden) > 0


def test_windows_are_drawn_within_a_series_and_whole(made, tmp_path):
    write_bars(tmp_path / "bars.parquet", [made, made])
    drawn = draw(tmp_path / "bars.parquet", 20, 1)
    assert drawn.shape == (20, WINDOW, len(FEATURES))
    assert torch.isfinite(drawn).all()
    assert torch.equal(drawn, draw(tmp_path / "bars.parquet", 20, 1))


def test_pretraining_changes_the_encoder_and_is_the_same_each_time(made, tmp_path):
    write_bars(tmp_path / "bars.parquet", [made])
    found = []
    for epochs in (1, 1, 2):
        torch.manual_seed(4)
        found.append(pretrain(SHAPE, tmp_path / "bars.parquet", epochs, 16, 2).weight_hh_l0.detach().numpy())
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
