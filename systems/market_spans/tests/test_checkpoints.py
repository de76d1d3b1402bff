"""Weights are read strictly, or not at all."""

from __future__ import annotations

import pytest
import torch

from checkpoints import CheckpointError, load, load_encoder, save
from networks import Shape

SHAPE = Shape(8, 1, projection=6, position=True)


def test_a_network_comes_back_as_it_was(tiny, tmp_path):
    save(tmp_path / "net.pt", tiny, SHAPE)
    window = torch.randn(2, 105, 11)
    assert torch.equal(load(tmp_path / "net.pt")(window)["probabilities"], tiny(window)["probabilities"])


def test_a_checkpoint_without_pointers_does_not_load_into_a_network_with_them(tmp_path):
    stale = Shape(8, 1, projection=6, position=True, predict_pointers=False).build()
    save(tmp_path / "net.pt", stale, SHAPE)
    with pytest.raises(CheckpointError, match=r"Missing key.*pointer_head"):
        load(tmp_path / "net.pt")


def test_a_checkpoint_of_another_size_does_not_load(tmp_path):
    save(tmp_path / "net.pt", Shape(10, 1, projection=6, position=True).build(), SHAPE)
    with pytest.raises(CheckpointError, match="does not fit"):
        load(tmp_path / "net.pt")


def test_a_key_too_many_is_refused(tiny, tmp_path):
    save(tmp_path / "net.pt", tiny, SHAPE)
    content = torch.load(tmp_path / "net.pt", weights_only=True)
    content["state_dict"]["old_head.weight"] = torch.zeros(2)
    torch.save(content, tmp_path / "net.pt")
    with pytest.raises(CheckpointError, match="old_head"):
        load(tmp_path / "net.pt")


def test_an_encoder_goes_into_the_network_it_was_made_for_alone(tiny, tmp_path):
    other = SHAPE.build()
    save(tmp_path / "encoder.pt", other.bilstm, SHAPE)
    load_encoder(tmp_path / "encoder.pt", tiny)
    assert torch.equal(tiny.bilstm.weight_hh_l0, other.bilstm.weight_hh_l0)
    save(tmp_path / "encoder.pt", Shape(8, 1, projection=6).build().bilstm, SHAPE)
    with pytest.raises(CheckpointError):
        load_encoder(tmp_path / "encoder.pt", tiny)


@pytest.mark.parametrize("content", [b"", b"nothing", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_said_to_be_one(tmp_path, content):
    (tmp_path / "net.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be read"):
        load(tmp_path / "net.pt")


def test_a_file_of_something_else_is_no_checkpoint(tmp_path):
    torch.save([1, 2], tmp_path / "net.pt")
    with pytest.raises(CheckpointError, match="no checkpoint of ours"):
        load(tmp_path / "net.pt")
