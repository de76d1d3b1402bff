"""A linear chain over the steps of a window: before the span, inside it, after it, in this order and with no way back.

The chain may begin before or inside and end inside or after, so every path marks exactly one span of at least one bar, and its start is
never after its end. What is forbidden has no parameter that could be learned: its score is a constant that no path can afford.

Source: Lafferty, McCallum, Pereira, "Conditional Random Fields" (2001); decoding after Viterbi (1967).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

BEFORE, INSIDE, AFTER = 0, 1, 2
TAGS = 3
STEPS = ((BEFORE, BEFORE), (BEFORE, INSIDE), (INSIDE, INSIDE), (INSIDE, AFTER), (AFTER, AFTER))
BEGINNINGS, ENDINGS = (BEFORE, INSIDE), (INSIDE, AFTER)
FORBIDDEN = -1e4


class SpanChain(nn.Module):
    """Scores of paths, their likelihood, and the best one."""

    def __init__(self) -> None:
        super().__init__()
        self.transitions = nn.Parameter(torch.zeros(TAGS, TAGS))
        self.beginnings = nn.Parameter(torch.zeros(TAGS))
        self.endings = nn.Parameter(torch.zeros(TAGS))
        self.register_buffer("allowed_steps", _mask((TAGS, TAGS), STEPS), persistent=False)
        self.register_buffer("allowed_beginnings", _mask((TAGS,), BEGINNINGS), persistent=False)
        self.register_buffer("allowed_endings", _mask((TAGS,), ENDINGS), persistent=False)

    def rules(self) -> tuple[Tensor, Tensor, Tensor]:
        """Scores of the steps [from, to], of beginning and of ending with a tag; what is forbidden is FORBIDDEN."""
        return (
            torch.where(self.allowed_steps, self.transitions, FORBIDDEN),
            torch.where(self.allowed_beginnings, self.beginnings, FORBIDDEN),
            torch.where(self.allowed_endings, self.endings, FORBIDDEN),
        )

    def score(self, emissions: Tensor, tags: Tensor) -> Tensor:
        """The score of a path [rows], for emissions [rows, steps, 3] and tags [rows, steps]."""
        steps, beginnings, endings = self.rules()
        of_tags = emissions.gather(2, tags.unsqueeze(2)).squeeze(2).sum(dim=1)
        return of_tags + steps[tags[:, :-1], tags[:, 1:]].sum(dim=1) + beginnings[tags[:, 0]] + endings[tags[:, -1]]

    def log_partition(self, emissions: Tensor) -> Tensor:
        """The logarithm of the sum over all paths [rows]."""
        steps, beginnings, endings = self.rules()
        reached = beginnings + emissions[:, 0]
        for place in range(1, emissions.shape[1]):
            reached = torch.logsumexp(reached.unsqueeze(2) + steps, dim=1) + emissions[:, place]
        return torch.logsumexp(reached + endings, dim=1)

    def loss(self, emissions: Tensor, tags: Tensor) -> Tensor:
        """The mean negative log-likelihood of the right paths, per step."""
        return (self.log_partition(emissions) - self.score(emissions, tags)).mean() / emissions.shape[1]

    def decode(self, emissions: Tensor) -> Tensor:
        """The best path, int64 [rows, steps]: exact, by Viterbi's recursion."""
        steps, beginnings, endings = self.rules()
        reached = beginnings + emissions[:, 0]
        ways: list[Tensor] = []
        for place in range(1, emissions.shape[1]):
            best, way = (reached.unsqueeze(2) + steps).max(dim=1)
            reached = best + emissions[:, place]
            ways.append(way)
        tag = (reached + endings).argmax(dim=1, keepdim=True)
        path = [tag]
        for way in reversed(ways):
            tag = way.gather(1, tag)
            path.append(tag)
        return torch.cat(path[::-1], dim=1)


def tags_of(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """The path of a span, int64 [rows, steps], from its first and last step, both included."""
    place = torch.arange(steps, device=start.device).unsqueeze(0)
    first, last = start.unsqueeze(1), end.unsqueeze(1)
    return (place >= first).long() + (place > last).long()


def ends_of(tags: Tensor) -> tuple[Tensor, Tensor]:
    """First and last step inside [rows], of paths that this chain allows."""
    start = (tags == BEFORE).sum(dim=1)
    return start, start + (tags == INSIDE).sum(dim=1) - 1


def _mask(shape: tuple[int, ...], allowed: tuple[object, ...]) -> Tensor:
    mask = torch.zeros(shape, dtype=torch.bool)
    for place in allowed:
        mask[place] = True
    return mask
