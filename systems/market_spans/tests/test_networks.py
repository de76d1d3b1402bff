"""Sizes are counted, outputs are what they should be, and one wild number stays one."""

from __future__ import annotations

import pytest
import torch

from losses import UncertaintyWeighted, task_losses, tasks_of
from networks import VARIANTS, Shape, SpanNet, build, parameters


def test_the_stated_shape_has_540676_parameters():
    net = SpanNet(11, 128, 2, 2)
    assert parameters(net) == 540_676
    assert parameters(net.bilstm) == 539_648
    assert parameters(net.classifier) == parameters(net.pointer_head) == 514
    assert net.bilstm.num_layers == 2
    assert net.bilstm.bidirectional
    assert parameters(build("plain")) == 540_676


@pytest.mark.parametrize(("variant", "count"), [("compact", 96_324), ("position", 97_092), ("crf", 97_556)])
def test_the_compact_variants_have_about_a_hundred_thousand(variant, count):
    assert parameters(build(variant)) == count
    assert abs(count - 100_000) <= 10_000


def test_the_position_variant_is_an_encoder_and_a_dense_pointer_head():
    net = build("position")
    assert isinstance(net.bilstm, torch.nn.LSTM)
    assert isinstance(net.pointer_head, torch.nn.Linear)
    assert net.bilstm.input_size == 12
    assert tasks_of(net) == ("kind", "pointers")


def test_the_crf_variant_is_an_encoder_and_a_chain():
    net = build("crf")
    assert net.pointer_head is None
    assert net.chain is not None
    assert tasks_of(net) == ("kind", "tags")


@pytest.mark.parametrize("variant", sorted(VARIANTS))
def test_every_variant_gives_the_same_dictionary(variant):
    net = build(variant).eval()
    found = net(torch.randn(3, 105, 11))
    assert found["logits"].shape == found["probabilities"].shape == found["pointers"].shape == (3, 2)
    assert torch.allclose(found["probabilities"].sum(dim=1), torch.ones(3))
    assert torch.isfinite(torch.cat([found["probabilities"], found["pointers"]], dim=1)).all()


@pytest.mark.parametrize("variant", sorted(VARIANTS))
@pytest.mark.parametrize("wild", [1e30, -1e30, float("inf"), float("-inf")])
def test_no_number_makes_a_pointer_leave_the_window_or_a_score_leave_its_bounds(variant, wild):
    found = build(variant).eval()(torch.full((2, 105, 11), wild))
    start, end = found["pointers"].unbind(dim=1)
    assert ((start >= 0) & (start <= end) & (end <= 1)).all()
    assert torch.isfinite(found["probabilities"]).all()


def test_the_place_of_a_bar_reaches_the_position_variant_alone():
    assert (build("position").bilstm.input_size, build("compact").bilstm.input_size) == (12, 11)
    net = build("position").eval()
    with torch.no_grad():
        for name, value in net.bilstm.named_parameters():
            value.zero_() if "hh" in name else value
    encoded = net.encode(torch.zeros(1, 105, 11))[0]  # without memory, only the place can tell the bars apart
    assert (encoded.diff(dim=0).abs().max(dim=1).values > 0).all()


def test_each_task_has_one_learned_sigma_and_its_gradient_weighs_the_loss():
    weighing = UncertaintyWeighted(("kind", "pointers"))
    assert sorted(weighing.log_sigma) == ["kind", "pointers"]
    weighing({"kind": torch.tensor(2.0), "pointers": torch.tensor(0.01)}).backward()
    slope = {task: value.grad.item() for task, value in weighing.log_sigma.items()}
    assert slope["kind"] == pytest.approx(1 - 2 * 2.0)  # a large loss wants a larger sigma
    assert slope["pointers"] == pytest.approx(1 - 2 * 0.01)


def test_a_task_without_a_weight_is_an_error():
    with pytest.raises(ValueError, match="weights of"):
        UncertaintyWeighted(("kind",))({"kind": torch.tensor(1.0), "tags": torch.tensor(1.0)})


@pytest.mark.parametrize("variant", sorted(VARIANTS))
def test_a_step_of_training_reaches_every_parameter(variant):
    torch.manual_seed(1)
    net = build(variant).train()
    weighing = UncertaintyWeighted(tasks_of(net))
    losses = task_losses(net, net(torch.randn(4, 105, 11)), torch.tensor([0, 1, 0, 1]), torch.tensor([[20, 40]] * 4))
    weighing(losses).backward()
    assert all(value.grad is not None for value in (*net.parameters(), *weighing.parameters()))


def test_a_network_without_pointers_has_no_pointer_head():
    assert "pointers" not in Shape(8, 1, predict_pointers=False).build()(torch.zeros(1, 105, 11))
