"""Images that no form holds: the edge cases of the final report."""

from __future__ import annotations

import pytest
import torch

from network import Probabilities

EDGES = {
    "a white field": torch.zeros(1, 1, 8, 8),
    "a black field": torch.full((1, 1, 8, 8), 16.0),
    "ink beyond 16": torch.full((1, 1, 8, 8), 4000.0),
    "less than no ink": torch.full((1, 1, 8, 8), -50.0),
}


@pytest.mark.parametrize("edge", sorted(EDGES))
def test_an_odd_image_gets_ten_probabilities_that_sum_to_one(network, edge):
    with torch.no_grad():
        said = Probabilities(network)(EDGES[edge])
    assert said.shape == (1, 10)
    assert torch.isfinite(said).all()
    assert float(said.sum()) == pytest.approx(1.0, abs=1e-5)


def test_an_image_is_answered_alone_as_among_others(network, few):
    model = Probabilities(network)
    with torch.no_grad():
        together = model(few.ink)
        alone = torch.cat([model(image[None]) for image in few.ink])
    torch.testing.assert_close(alone, together, rtol=0, atol=1e-5)


def test_upside_down_is_another_image(network, few):
    with torch.no_grad():
        assert not torch.allclose(network(few.ink.flip(2)), network(few.ink))
