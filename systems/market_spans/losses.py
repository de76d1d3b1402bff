"""One loss out of several, weighed by what was learned about each task's noise.

Source: Kendall, Gal, Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and Semantics" (2018).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from crf import tags_of
from networks import SpanNet

DELTA = 0.08  #: beyond this share of the window, being further off costs no more than in proportion


class UncertaintyWeighted(nn.Module):
    """The sum of exp(-2 s) × loss + s over the tasks, with one learned s = log sigma for each."""

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__()
        self.log_sigma = nn.ParameterDict({task: nn.Parameter(torch.zeros(())) for task in tasks})

    def forward(self, losses: Mapping[str, Tensor]) -> Tensor:
        if losses.keys() != self.log_sigma.keys():
            raise ValueError(f"losses of {sorted(losses)}, weights of {sorted(self.log_sigma)}")
        return sum((torch.exp(-2 * self.log_sigma[task]) * loss + self.log_sigma[task] for task, loss in losses.items()), torch.zeros(()))


def tasks_of(net: SpanNet) -> tuple[str, ...]:
    """What a network is taught: the kind of its span, and where it lies, by pointers or by tags."""
    return ("kind", *(["pointers"] if net.pointer_head is not None else []), *(["tags"] if net.chain is not None else []))


def task_losses(net: SpanNet, found: Mapping[str, Tensor], label: Tensor, span: Tensor) -> dict[str, Tensor]:
    """Each task's loss. `label` is int64 [rows], `span` int64 [rows, 2]: first and last bar, both included."""
    losses = {"kind": functional.cross_entropy(found["logits"], label)}
    if net.pointer_head is not None:
        losses["pointers"] = functional.huber_loss(found["pointers"], span / 104, delta=DELTA)
    if net.chain is not None:
        emissions = found["emissions"]
        losses["tags"] = net.chain.loss(emissions, tags_of(span[:, 0], span[:, 1], emissions.shape[1]))
    return losses
