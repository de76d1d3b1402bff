"""ResNet18, written out.

`ResNet18(width=64)` is the network of He et al. 2015 ("Deep Residual Learning for Image Recognition", table 1) for small pictures, as in
their section 4.2: a 3 × 3 convolution at the entrance and no pooling, because a picture of 8 × 8 would be one pixel after the entrance
that theirs has for 224 × 224. Four stages of two blocks follow, each stage with twice the channels and, from the second on, half the side.
`width` is the channels of the first stage: 64 in the paper (11,172,810 parameters with ten classes and one input channel), 16 in the small
setting (701,178).

It takes ink as it is in the tables, float32 [rows, 1, 8, 8] from 0 to 16, and scales it itself: whoever asks the model cannot get that
wrong. It gives logits [rows, classes]; `Probabilities` puts the softmax behind it, and that is what is exported.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

STAGES = (1, 2, 4, 8)  #: channels of each stage, in widths
BLOCKS = 2  #: in each stage


class Block(nn.Module):
    """Two 3 × 3 convolutions beside a way past them, which is a 1 × 1 convolution where the shape changes."""

    def __init__(self, taken: int, given: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(taken, given, 3, stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(given)
        self.second = nn.Conv2d(given, given, 3, 1, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(given)
        self.past: nn.Module = nn.Identity()
        if stride != 1 or taken != given:
            self.past = nn.Sequential(nn.Conv2d(taken, given, 1, stride, bias=False), nn.BatchNorm2d(given))

    def forward(self, x: Tensor) -> Tensor:
        inner = torch.relu(self.first_norm(self.first(x)))
        return torch.relu(self.second_norm(self.second(inner)) + self.past(x))


class ResNet18(nn.Module):
    """Logits [rows, classes] of images [rows, 1, 8, 8] in ink. `mean` and `spread` are those of the training table, and are saved."""

    def __init__(self, width: int = 64, classes: int = 10, channels: int = 1) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1))
        self.register_buffer("spread", torch.ones(1))
        self.entrance = nn.Conv2d(channels, width, 3, 1, padding=1, bias=False)
        self.entrance_norm = nn.BatchNorm2d(width)
        blocks: list[nn.Module] = []
        taken = width
        for number, times in enumerate(STAGES):
            for block in range(BLOCKS):
                blocks.append(Block(taken, width * times, 2 if number > 0 and block == 0 else 1))
                taken = width * times
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(taken, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: Tensor) -> Tensor:
        x = (image - self.mean) / self.spread
        x = self.blocks(torch.relu(self.entrance_norm(self.entrance(x))))
        return self.head(x.mean(dim=(2, 3)))


class Probabilities(nn.Module):
    """The network with the softmax that makes its logits probabilities [rows, classes]."""

    def __init__(self, network: ResNet18) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        return torch.softmax(self.network(image), dim=1)


def parameters(network: nn.Module) -> int:
    """How many numbers are learnt."""
    return sum(values.numel() for values in network.parameters())
