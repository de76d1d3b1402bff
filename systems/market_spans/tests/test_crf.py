"""Decoding is exact, and no path breaks the order before, inside, after."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crf import AFTER, BEFORE, BEGINNINGS, ENDINGS, INSIDE, STEPS, SpanChain, ends_of, tags_of


def chain(seed: int) -> SpanChain:
    made = SpanChain()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in made.parameters():
            value.copy_(torch.randn(value.shape, generator=generator))
    return made


def emissions(seed: int, rows: int, steps: int, size: float) -> torch.Tensor:
    return size * torch.randn(rows, steps, 3, generator=torch.Generator().manual_seed(seed))


def allowed(tags: tuple[int, ...]) -> bool:
    return tags[0] in BEGINNINGS and tags[-1] in ENDINGS and all(step in STEPS for step in itertools.pairwise(tags))


def every_path(steps: int) -> list[tuple[int, ...]]:
    return [tags for tags in itertools.product((BEFORE, INSIDE, AFTER), repeat=steps) if allowed(tags)]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), steps=st.integers(1, 7), size=st.sampled_from([0.1, 1.0, 20.0]))
def test_the_decoded_path_is_the_best_of_all(seed, steps, size):
    made, scores = chain(seed), emissions(seed + 1, 2, steps, size)
    paths = torch.tensor(every_path(steps))
    for row in range(2):
        best = made.score(scores[row].expand(len(paths), -1, -1), paths).max()
        decoded = made.decode(scores[row : row + 1])
        assert torch.allclose(made.score(scores[row : row + 1], decoded), best, atol=1e-4)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), steps=st.integers(1, 105), size=st.sampled_from([0.1, 1.0, 50.0]))
def test_every_decoded_path_is_one_span_whose_start_is_never_after_its_end(seed, steps, size):
    decoded = chain(seed).decode(emissions(seed + 1, 3, steps, size))
    assert all(allowed(tuple(row.tolist())) for row in decoded)
    start, end = ends_of(decoded)
    assert ((start >= 0) & (start <= end) & (end <= steps - 1)).all()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), steps=st.integers(1, 6))
def test_the_partition_is_the_sum_over_all_paths(seed, steps):
    made, scores = chain(seed), emissions(seed + 1, 1, steps, 1.0)
    paths = torch.tensor(every_path(steps))
    everything = torch.logsumexp(made.score(scores.expand(len(paths), -1, -1), paths), dim=0)
    assert torch.allclose(made.log_partition(scores)[0], everything, atol=1e-4)


@pytest.mark.parametrize(("start", "end"), [(0, 0), (0, 104), (104, 104), (17, 60)])
def test_a_span_and_its_tags_are_the_same_thing(start, end):
    tags = tags_of(torch.tensor([start]), torch.tensor([end]), 105)
    assert allowed(tuple(tags[0].tolist()))
    assert [part.item() for part in ends_of(tags)] == [start, end]


def test_learning_makes_the_right_path_likelier():
    made, scores, tags = SpanChain(), torch.zeros(1, 9, 3, requires_grad=True), tags_of(torch.tensor([3]), torch.tensor([5]), 9)
    before = made.loss(scores, tags)
    before.backward()
    with torch.no_grad():
        assert made.loss(scores - scores.grad, tags) < before
