"""ResNet18 and its checkpoints."""

from __future__ import annotations

import pickle

import pytest
import torch

import checkpoints
from network import Probabilities, ResNet18, parameters


@pytest.mark.parametrize(("width", "expected"), [(64, 11_172_810), (16, 701_178)])
def test_it_has_as_many_parameters_as_counted_by_hand(width, expected):
    assert parameters(ResNet18(width)) == expected


def test_it_has_eighteen_layers_with_weights_besides_the_ways_past():
    network = ResNet18(4)
    layers = [name for name, module in network.named_modules() if isinstance(module, torch.nn.Conv2d | torch.nn.Linear)]
    assert len([name for name in layers if ".past" not in name]) == 18


def test_it_gives_ten_numbers_an_image_and_scales_by_itself(network):
    image = torch.rand(3, 1, 8, 8) * 16
    logits = network(image)
    assert logits.shape == (3, 10)
    torch.testing.assert_close(Probabilities(network)(image).sum(dim=1), torch.ones(3))
    plain = ResNet18(4).eval()
    plain.load_state_dict(network.state_dict() | {"mean": torch.zeros(1), "spread": torch.ones(1)})
    torch.testing.assert_close(plain((image - 5) / 6), logits)


def saved(network, **changes):
    return {"model_state_dict": network.state_dict(), "epoch": 3, "val_acc": 0.9, "width": 4} | changes


def test_a_checkpoint_gives_the_same_network_back(network, tmp_path):
    checkpoints.save(tmp_path / "best.pt", saved(network))
    again = checkpoints.network_of(checkpoints.load(tmp_path / "best.pt"))
    image = torch.rand(2, 1, 8, 8) * 16
    torch.testing.assert_close(again(image), network(image), rtol=0, atol=0)


def test_a_tensor_too_few_too_many_or_of_another_shape_is_refused(network, tmp_path):
    state = network.state_dict()
    less = {name: value for name, value in state.items() if name != "head.bias"}
    for wrong in (less, state | {"more": torch.zeros(1)}, state | {"head.bias": torch.zeros(4)}):
        checkpoints.save(tmp_path / "best.pt", saved(network, model_state_dict=wrong))
        with pytest.raises(SystemExit, match="not one of this network"):
            checkpoints.network_of(checkpoints.load(tmp_path / "best.pt"))


class Hostile:
    def __reduce__(self):
        return print, ("a checkpoint ran something",)


def test_a_checkpoint_that_would_run_something_is_refused_and_runs_nothing(network, tmp_path, capsys):
    path = tmp_path / "best.pt"
    torch.save(saved(network, more=Hostile()), path)
    with pytest.raises(SystemExit, match="cannot be read"):
        checkpoints.load(path)
    path.write_bytes(pickle.dumps(Hostile(), protocol=2))
    with pytest.raises(SystemExit, match="cannot be read"):
        checkpoints.load(path)
    path.write_bytes(b"half a file")
    with pytest.raises(SystemExit, match="cannot be read"):
        checkpoints.load(path)
    assert "ran something" not in capsys.readouterr().out


def test_a_checkpoint_without_its_epoch_is_refused(network, tmp_path):
    content = saved(network)
    del content["epoch"]
    checkpoints.save(tmp_path / "best.pt", content)
    with pytest.raises(SystemExit, match="lacks"):
        checkpoints.load(tmp_path / "best.pt")
