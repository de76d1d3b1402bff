"""The networks: a bidirectional LSTM over the bars of a window, a head for its class, and one for where its span lies.

    SpanNet(11, 128, 2, 2)                  the stated shape: 540,676 parameters, counted
    build("position")                       one of VARIANTS, by name
    net(window)["probabilities"]            window float32 [rows, 105, 11]; every network gives the same dictionary

| key | shape | what |
|---|---|---|
| `logits` | [rows, 2] | before the softmax |
| `probabilities` | [rows, 2] | consolidation, retracement |
| `pointers` | [rows, 2] | start and end of the span as shares of the window, 0 to 1, the start never after the end |
| `emissions` | [rows, steps, 3] | scores of before, inside, after; only with the chain |
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from crf import SpanChain, ends_of

LAST = 104  #: the last of the 105 positions, counted from 0
FARTHEST = 4.0  #: no feature lies further from 0 than 3; what does is cut off, so that one wild number stays one


class SpanNet(nn.Module):
    """Encoder, largest value over the bars, heads. `projection` puts a layer between that and the heads; 0 puts none.

    `position` adds an input that runs from 0 to 1 over the window. `chain` marks the span by a linear chain instead of the pointer head.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        num_classes: int,
        predict_pointers: bool = True,
        *,
        position: bool = False,
        projection: int = 0,
        chain: bool = False,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.position = position
        self.bilstm = nn.LSTM(
            input_size + position,
            hidden_size,
            num_layers,
            batch_first=True,
            bidirectional=True,
            dropout=dropout if num_layers > 1 else 0.0,
        )
        width = projection or 2 * hidden_size
        self.projection = nn.Sequential(nn.Linear(2 * hidden_size, projection), nn.ReLU()) if projection else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(width, num_classes)
        self.pointer_head = nn.Linear(width, 2) if predict_pointers and not chain else None
        self.tagger = nn.Linear(2 * hidden_size, 3) if chain else None
        self.chain = SpanChain() if chain else None

    def encode(self, window: Tensor) -> Tensor:
        """The bars' encodings [rows, steps, 2 × hidden]."""
        steps = window.clamp(-FARTHEST, FARTHEST)
        if self.position:
            place = torch.linspace(0, 1, window.shape[1], device=window.device, dtype=window.dtype)
            steps = torch.cat([steps, place.view(1, -1, 1).expand(window.shape[0], -1, 1)], dim=2)
        encoded, _ = self.bilstm(steps)
        return encoded

    def forward(self, window: Tensor) -> dict[str, Tensor]:
        encoded = self.encode(window)
        pooled = self.dropout(self.projection(encoded.amax(dim=1)))
        logits = self.classifier(pooled)
        found = {"logits": logits, "probabilities": logits.softmax(dim=1)}
        if self.pointer_head is not None:
            first, rest = self.pointer_head(pooled).sigmoid().unbind(dim=1)
            found["pointers"] = torch.stack([first, first + (1 - first) * rest], dim=1)
        if self.tagger is not None and self.chain is not None:
            emissions = self.tagger(self.dropout(encoded))
            found["emissions"] = emissions
            if not self.training:
                start, end = ends_of(self.chain.decode(emissions))
                found["pointers"] = torch.stack([start, end], dim=1).to(window.dtype) / (window.shape[1] - 1)
        return found


@dataclass(frozen=True)
class Shape:
    """What a network is built from, and nothing else: the `architecture` of its metadata."""

    hidden_size: int
    num_layers: int
    input_size: int = 11
    num_classes: int = 2
    predict_pointers: bool = True
    position: bool = False
    projection: int = 0
    chain: bool = False
    dropout: float = 0.3

    def build(self) -> SpanNet:
        return SpanNet(**asdict(self))


VARIANTS = {
    "plain": Shape(128, 2),
    "compact": Shape(96, 1, projection=64),
    "position": Shape(96, 1, projection=64, position=True),
    "crf": Shape(96, 1, projection=64, position=True, chain=True),
}


def build(variant: str) -> SpanNet:
    return VARIANTS[variant].build()


def parameters(net: nn.Module) -> int:
    """How many values a network learns, counted."""
    return sum(value.numel() for value in net.parameters())
